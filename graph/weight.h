/* Rows of a tensor as f32, whatever it is stored as: how the interpreter looks at weights. */
#ifndef ALB_GRAPH_WEIGHT_H
#define ALB_GRAPH_WEIGHT_H

#include "graph/tensors.h"

/* Start with {0}; alb_weight_close at the end. A source blob is looked at in place, a recipe is
 * made once and held until close. */
typedef struct alb_weight {
  alb_dtype dtype;
  size_t rows, width; /* a vector is one row */
  const uint8_t *bytes;
  void *made;          /* owned; NULL for a source blob */
  alb_span mapped;     /* a source blob's bytes, when its pages may be given back at close */
  const float *scales; /* int8: [rows]; int4 to int6: [rows][groups]; owned */
  float *row;          /* [width], owned */
} alb_weight;

alb_status alb_weight_open(alb_diag *diag, const alb_tensors *tensors, uint32_t tensor, alb_weight *out);
/* Row r < rows; valid until the next call or close. */
const float *alb_weight_row(alb_weight *weight, size_t r);
void alb_weight_close(alb_weight *weight);

#endif
