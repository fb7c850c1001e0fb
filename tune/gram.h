/* Sums over rows of products of columns. */
#ifndef ALB_TUNE_GRAM_H
#define ALB_TUNE_GRAM_H

#include <stddef.h>

#include "base/status.h"

/* Columns of x[rows, n] less their means. */
typedef struct alb_columns {
  const float *x;
  size_t n;
  const double *mean; /* [n] */
} alb_columns;

/* sum[a->n, b->n] += a^T b over all rows; of one matrix with itself (a == b) the upper triangle, and what is below it
 * may change too. Products of a few hundred rows are f32, their sum is f64. The same bits on every machine and for any
 * number of threads. Errors: ALB_MEMORY. */
alb_status alb_gram_add(alb_diag *diag, const alb_columns *a, const alb_columns *b, size_t rows, double *sum);

#endif
