/* Making int4, int5 and int6 matrices: the scale of each group of 32 that gives the smallest squared error, and the
 * elements. */
#ifndef ALB_GRAPH_BLOB_INTN_H
#define ALB_GRAPH_BLOB_INTN_H

#include "base/intn.h"
#include "graph/tensors.h"

/* Quantises the group x to elements of `bits` bits: its alb_intn_bytes bytes and (returned) its scale as f16 bits,
 * never 0. *ok false: a number is so large that no f16 is its scale. The same numbers give the same result on every
 * machine.
 */
uint16_t alb_intn_quantize(unsigned bits, const float x[ALB_INTN_GROUP], uint8_t *out, bool *ok);

/* The element of `bits` bits that is nearest to x scales; NaN becomes the least. */
int alb_intn_nearest(unsigned bits, float x);

/* One stored row as f32: exact. */
void alb_intn_widen(unsigned bits, const uint8_t *row, const float *scales, size_t columns, float *out);

/* The elements (a blob of QUANT) or the scales (of SCALE, for elements of blob->of) of blob->rows x blob->columns
 * numbers of type `from`. Rows are shared among threads. */
alb_status alb_blob_make_intn(alb_diag *diag, const alb_blob *blob, alb_dtype from, const void *in, void *out);

#endif
