/* Partitioned variables: one tensor whose parts are stored as tensors of their own. */
#ifndef ALB_CONVERTER_TF_SLICES_H
#define ALB_CONVERTER_TF_SLICES_H

#include "converter/tf_bundle.h"

/* A part, in the order of its place. */
typedef struct alb_tf_part {
  uint64_t start, length; /* along the axis */
  const alb_tf_entry *entry;
} alb_tf_part;

/* The parts of a partitioned entry: parts[0..entry->slice_count) in the arena cover the axis without hole or
 * overlap, and all of the other dimensions. ALB_UNSUPPORTED: parts along several axes at once, or along another
 * than the first or a matrix's second; ALB_MISSING: a part is not there; ALB_MALFORMED, ALB_SHAPE. */
alb_status alb_tf_parts(alb_diag *diag, const alb_tf_bundle *bundle, const alb_tf_entry *entry, alb_arena *arena,
                        alb_tf_part **parts, size_t *axis);

#endif
