/* What a layer computes on packed rows of numbers: steps on the calling thread, and the same for all rows on all
 * threads, with one result on any number of them. */
#ifndef ALB_TUNE_ROWS_H
#define ALB_TUNE_ROWS_H

#include <stddef.h>

#include "base/vocabulary.h"
#include "graph/interpret.h"

/* ---- on the calling thread ---- */

/* out[rows, n] = x[rows, k] w^T + bias[n]; panels: of w^T [k, n]; bias may be NULL; scratch: rows k numbers. */
void alb_rows_multiply(const float *x, size_t rows, size_t k, const float *panels, const float *bias, size_t n,
                       float *scratch, float *out);

/* One head of one text of n tokens, whose rows of `width` numbers are `stride` apart. */
typedef struct alb_head_shape {
  size_t n, width, stride;
} alb_head_shape;

/* Numbers of scratch for the products of a head, forward and backward. */
size_t alb_head_room(size_t n, size_t width);
/* p[n, n] = softmax(q k^T / sqrt(width)). */
void alb_head_probabilities(const alb_head_shape *head, const float *q, const float *k, float *scratch, float *p);
/* The same, then out = p v. */
void alb_head_attend(const alb_head_shape *head, const float *q, const float *k, const float *v, float *scratch,
                     float *p, float *out);
/* out = a + b, may be in place. */
void alb_rows_add(const float *a, const float *b, size_t n, float *out);
/* out = x gamma + beta, may be in place. */
void alb_rows_scale(const float *x, size_t rows, size_t n, const float *gamma, const float *beta, float *out);

/* ---- on all threads ---- */

/* out[rows, n] = x[rows, k] w[n, k]^T + bias[n]; bias may be NULL. */
void alb_rows_linear(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out);
/* out = activation(x), may be in place. */
void alb_rows_activate(const float *x, size_t n, alb_activation activation, float *out);
/* out = (x - mean) / sqrt(variance + eps) of each row. */
void alb_rows_normalize(const float *x, size_t rows, size_t n, float eps, float *out);
/* Attention within each sequence; q, k, v, out: [tokens, hidden]. Errors: ALB_MEMORY. */
alb_status alb_rows_attention(alb_diag *diag, const alb_sequences *batch, size_t hidden, size_t heads, const float *q,
                              const float *k, const float *v, float *out);

#endif
