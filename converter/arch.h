/* Architectures: how a source's tensor names map to roles. One table a file, one line in archs.def. An architecture
 * that is called in several ways has a table for each, under the same name. */
#ifndef ALB_CONVERTER_ARCH_H
#define ALB_CONVERTER_ARCH_H

#include "graph/model_spec.h"

/* One way a source may call a role's tensor. In a pattern {L} stands for the layer's number, {G}
 * and {I} for ALBERT's group and inner layer. */
typedef struct alb_name_pattern {
  alb_role role;
  const char *pattern;
  bool transposed; /* stored as [in, out], as TensorFlow's kernels are */
} alb_name_pattern;

typedef struct alb_arch {
  const char *name;            /* model_type */
  const char *const *prefixes; /* tried before each pattern, "" included; NULL-terminated */
  const alb_name_pattern *patterns;
  size_t pattern_count;
  const char *const *ignored; /* names (after the prefix) that carry nothing; NULL-terminated */
  const alb_role *optional;   /* roles that need not be there; heads (pooler, MLM) never need to */
  size_t optional_count;
  const char *encoder; /* what the names of layers begin with, after the prefix */
  bool split_heads;    /* a dimension may be stored as two (heads, size of a head) */
} alb_arch;

#define ALB_ARCH(id) extern const alb_arch alb_arch_##id;
#include "converter/archs.def"
#undef ALB_ARCH

/* The tables of an architecture, in the order of archs.def: the first for `after` NULL, the next else; NULL: no
 * (further) one. */
const alb_arch *alb_arch_next(const char *name, const alb_arch *after);

#endif
