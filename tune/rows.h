/* What a layer computes on packed rows of numbers: steps on the calling thread, and the same for all rows on all
 * threads, with one result on any number of them. */
#ifndef ALB_TUNE_ROWS_H
#define ALB_TUNE_ROWS_H

#include <stddef.h>

#include "base/vocabulary.h"
#include "graph/interpret.h"

/* ---- on the calling thread, after alb_blas_begin ---- */

/* out[rows, n] = x[rows, k] w[n, k]^T + bias[n]; bias may be NULL. */
void alb_rows_multiply(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out);
/* out = (x - mean) / sqrt(variance + eps) of one row. */
void alb_row_normalize(const float *x, size_t n, float eps, float *out);
/* p[n, n] = softmax(q k^T / sqrt(width)) of one head and one text of n tokens, whose rows are `stride` apart. */
void alb_head_probabilities(size_t n, size_t width, size_t stride, const float *q, const float *k, float *p);
/* The same, then out = p v. */
void alb_head_attend(size_t n, size_t width, size_t stride, const float *q, const float *k, const float *v, float *p,
                     float *out);
/* out = a + b, may be in place. */
void alb_rows_add(const float *a, const float *b, size_t n, float *out);
/* out = x gamma + beta, may be in place. */
void alb_rows_scale(const float *x, size_t rows, size_t n, const float *gamma, const float *beta, float *out);

/* ---- on all threads ---- */

/* alb_rows_multiply. */
void alb_rows_linear(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out);
/* out = activation(x), may be in place. */
void alb_rows_activate(const float *x, size_t n, alb_activation activation, float *out);
/* alb_row_normalize of each row. */
void alb_rows_normalize(const float *x, size_t rows, size_t n, float eps, float *out);
/* Attention within each sequence; q, k, v, out: [tokens, hidden]. Errors: ALB_MEMORY. */
alb_status alb_rows_attention(alb_diag *diag, const alb_sequences *batch, size_t hidden, size_t heads, const float *q,
                              const float *k, const float *v, float *out);

#endif
