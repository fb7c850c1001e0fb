/* Matrices that are a base and a product of two factors: base + left right (docs/format.md, 7.3). */
#ifndef ALB_BASE_LOW_RANK_H
#define ALB_BASE_LOW_RANK_H

#include <stddef.h>

/* out[rows, columns] += left[rows, rank] right[rank, columns]. Each element is summed in f64, in the order of rank, and
 * rounded once; products of two f32 are exact in f64, so every machine makes the same bits. */
void alb_low_rank_add(const float *left, const float *right, size_t rows, size_t rank, size_t columns, float *out);

#endif
