/* Architectures: how a source's tensor names map to roles. One table a file, one line in archs.def. */
#ifndef ALB_CONVERTER_ARCH_H
#define ALB_CONVERTER_ARCH_H

#include "graph/model_spec.h"

/* One way a source may call a role's tensor. In a pattern {L} stands for the layer's number, {G}
 * and {I} for ALBERT's group and inner layer. */
typedef struct alb_name_pattern {
  alb_role role;
  const char *pattern;
} alb_name_pattern;

typedef struct alb_arch {
  const char *name;            /* model_type */
  const char *const *prefixes; /* tried before each pattern, "" included; NULL-terminated */
  const alb_name_pattern *patterns;
  size_t pattern_count;
  const char *const *ignored; /* names (after the prefix) that carry nothing; NULL-terminated */
  const alb_role *optional;   /* roles that need not be there; heads (pooler, MLM) never need to */
  size_t optional_count;
} alb_arch;

#define ALB_ARCH(id) extern const alb_arch alb_arch_##id;
#include "converter/archs.def"
#undef ALB_ARCH

/* NULL when unknown. */
const alb_arch *alb_arch_by_name(const char *name);

#endif
