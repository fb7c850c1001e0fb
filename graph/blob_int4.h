/* Making int4 matrices: the scale of each group of 32 that gives the smallest squared error, and the elements. */
#ifndef ALB_GRAPH_BLOB_INT4_H
#define ALB_GRAPH_BLOB_INT4_H

#include "base/int4.h"
#include "graph/tensors.h"

/* Quantises the group x: its 16 bytes and (returned) its scale as f16 bits, never 0. *ok false: a number is so
 * large that no f16 is its scale. The same numbers give the same result on every machine. */
uint16_t alb_int4_quantize(const float x[ALB_INT4_GROUP], uint8_t out[ALB_INT4_GROUP_BYTES], bool *ok);

/* One stored row as f32: exact. */
void alb_int4_widen(const uint8_t *row, const float *scales, size_t columns, float *out);

/* The elements (a blob of int4) or the scales (of f16) of blob->rows x blob->columns numbers of type `from`.
 * Rows are shared among threads. */
alb_status alb_blob_make_int4(alb_diag *diag, const alb_blob *blob, alb_dtype from, const void *in, void *out);

#endif
