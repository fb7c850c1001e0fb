/* Fitting linear maps to rows of inputs and outputs. */
#ifndef ALB_TUNE_LEAST_SQUARES_H
#define ALB_TUNE_LEAST_SQUARES_H

#include <stddef.h>

#include "base/status.h"

/* w[n, k] and bias[n] become those with the least sum over rows of |y - x w^T - bias|^2 / rows + d |w - w before|^2,
 * d = ridge * the mean variance of x's columns: w stays as it was where x says nothing. x[rows, k], y[rows, n].
 * Errors: ALB_UNSUPPORTED when the numbers are not finite, ALB_MEMORY. */
alb_status alb_fit_linear(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, double ridge,
                          float *w, float *bias);
/* gram[k, k] += x^T x of x[rows, k] less the means of its columns; the upper triangle only. Errors: ALB_MEMORY. */
alb_status alb_fit_gram(alb_diag *diag, const float *x, size_t rows, size_t k, double *gram);
/* Solves  solution (gram + d) = cross + d w, d = ridge * mean diagonal of gram; cross[n, k] becomes the solution,
 * gram's upper triangle is lost. Errors: ALB_UNSUPPORTED when the numbers are not finite. */
alb_status alb_fit_solve(alb_diag *diag, double *gram, double *cross, size_t k, size_t n, double ridge, const float *w);
/* bias becomes the mean of y - x w^T. Errors: ALB_MEMORY. */
alb_status alb_fit_bias(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, const float *w,
                        float *bias);
/* gamma and beta [n] become those with the least |y - (x gamma + beta)|^2, for each column by itself; a column of x
 * that is constant gets gamma 0. */
void alb_fit_scale(const float *x, const float *y, size_t rows, size_t n, float *gamma, float *beta);

#endif
