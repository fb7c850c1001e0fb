/* Matrices as products of two factors: left[o, rank] right[rank, i]. */
#ifndef ALB_TUNE_LOW_RANK_H
#define ALB_TUNE_LOW_RANK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Two factors of a matrix; free() both. */
typedef struct alb_factors {
  float *left, *right; /* [o, rank], [rank, i] */
  size_t rank;
} alb_factors;

/* The most that a rank may be for factors of an [o, i] matrix to take less than half of its numbers; may be 0. */
size_t alb_low_rank_most(size_t o, size_t i);

/* The factors of that rank, at most min(o, i), that are nearest to d[o, i] where it is multiplied with inputs x whose
 * second moments are c[i, i] (the upper triangle, positive definite): the least mean of |(d - left right) x|^2. NULL:
 * the least |d - left right|^2. Errors: ALB_UNSUPPORTED when numbers are not finite, ALB_MEMORY. */
alb_status alb_low_rank_fit(alb_diag *diag, const double *d, size_t o, size_t i, const double *c, size_t rank,
                            alb_factors *out);

/* The factors of the least rank for which |d - left right|^2 <= tolerance, if that rank is at most `most`; else *found
 * is false. */
alb_status alb_low_rank_exact(alb_diag *diag, const double *d, size_t o, size_t i, size_t most, double tolerance,
                              alb_factors *out, bool *found);

/* True when it is sure that no matrix of rank <= most is so near to a matrix, of which a[n, m] (n <= m, n > most) is a
 * part. False says nothing. a is lost. */
bool alb_low_rank_excluded(double *a, size_t n, size_t m, size_t most, double tolerance);

#endif
