/* Least squares by normal equations in f64 and Cholesky's decomposition. */
#include "tune/least_squares.h"

#include <lapacke.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tune/blas.h"
#include "tune/gram.h"

enum { SOME = 64 }; /* columns whose sums are near */

static void column_means(const float *x, size_t rows, size_t n, double *mean) {
  for (size_t i = 0; i < n; i++) mean[i] = 0;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < n; i++) mean[i] += (double)x[r * n + i];
  }
  for (size_t i = 0; i < n; i++) mean[i] /= (double)(rows ? rows : 1);
}

typedef struct fit {
  alb_columns x, y;
  size_t rows;
  double *x_mean, *y_mean;
  double *gram;  /* [k, k]: x^T x, upper triangle */
  double *cross; /* [n, k]: y^T x, then the solution */
} fit;

static alb_status fit_new(alb_diag *diag, fit *f) {
  const size_t k = f->x.n, n = f->y.n;
  f->x.mean = f->x_mean = malloc((k + 1) * sizeof(double));
  f->y.mean = f->y_mean = malloc((n + 1) * sizeof(double));
  f->gram = calloc(k * k + 1, sizeof(double));
  f->cross = calloc(n * k + 1, sizeof(double));
  const bool done = f->x_mean && f->y_mean && f->gram && f->cross;
  return done ? ALB_OK : alb_fail_memory(diag, k * k * sizeof(double), "least squares");
}

static void fit_free(fit *f) {
  free(f->x_mean);
  free(f->y_mean);
  free(f->gram);
  free(f->cross);
}

static alb_status accumulate(alb_diag *diag, fit *f) {
  column_means(f->x.x, f->rows, f->x.n, f->x_mean);
  column_means(f->y.x, f->rows, f->y.n, f->y_mean);
  ALB_TRY(alb_gram_add(diag, &f->x, &f->x, f->rows, f->gram));
  return alb_gram_add(diag, &f->y, &f->x, f->rows, f->cross);
}

alb_status alb_fit_gram(alb_diag *diag, const float *x, size_t rows, size_t k, double *gram) {
  double *mean = malloc((k + 1) * sizeof *mean);
  if (!mean) return alb_fail_memory(diag, k * sizeof *mean, "means");
  const alb_columns columns = {x, k, mean};
  column_means(x, rows, k, mean);
  const alb_status status = alb_gram_add(diag, &columns, &columns, rows, gram);
  free(mean);
  return status;
}

alb_status alb_fit_solve(alb_diag *diag, double *gram, double *cross, size_t k, size_t n, double ridge,
                         const float *w) {
  double trace = 0;
  for (size_t i = 0; i < k; i++) trace += gram[i * k + i];
  const double d = trace > 0 ? ridge * trace / (double)k : 1;
  for (size_t i = 0; i < k; i++) gram[i * k + i] += d;
  for (size_t i = 0; i < n * k; i++) cross[i] += d * (double)w[i];
  const lapack_int order = (lapack_int)k;
  alb_blas_begin();
  /* Rows of cross are columns of a column-major matrix; the upper triangle of a row-major one is the lower then. */
  if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', order, gram, order) != 0 ||
      LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', order, (lapack_int)n, gram, order, cross, order) != 0) {
    return alb_fail(diag, ALB_UNSUPPORTED, "a matrix cannot be fitted to the texts: its inputs are not finite");
  }
  return ALB_OK;
}

static void mean_to_bias(const alb_columns *x, const alb_columns *y, const float *w, float *bias) {
  for (size_t r = 0; bias && r < y->n; r++) {
    double sum = y->mean[r];
    for (size_t i = 0; i < x->n; i++) sum -= (double)w[r * x->n + i] * x->mean[i];
    bias[r] = (float)sum;
  }
}

alb_status alb_fit_linear(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, double ridge,
                          float *w, float *bias) {
  fit f = {.x = {x, k, NULL}, .y = {y, n, NULL}, .rows = rows};
  alb_status status = fit_new(diag, &f);
  if (status == ALB_OK) status = accumulate(diag, &f);
  if (status == ALB_OK) status = alb_fit_solve(diag, f.gram, f.cross, k, n, ridge, w);
  if (status == ALB_OK) {
    for (size_t i = 0; i < n * k; i++) w[i] = (float)f.cross[i];
    mean_to_bias(&f.x, &f.y, w, bias);
  }
  fit_free(&f);
  return status;
}

alb_status alb_fit_bias(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, const float *w,
                        float *bias) {
  double *means = malloc((k + n + 1) * sizeof *means);
  if (!means) return alb_fail_memory(diag, (k + n) * sizeof *means, "means");
  column_means(x, rows, k, means);
  column_means(y, rows, n, means + k);
  mean_to_bias(&(alb_columns){x, k, means}, &(alb_columns){y, n, means + k}, w, bias);
  free(means);
  return ALB_OK;
}

/* Of `some` columns, rows from first to last. */
static void fit_some_scales(const float *x, const float *y, size_t rows, size_t n, size_t some, float *gamma,
                            float *beta) {
  double x_mean[SOME] = {0}, y_mean[SOME] = {0}, variance[SOME] = {0}, covariance[SOME] = {0};
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < some; i++) {
      x_mean[i] += (double)x[r * n + i];
      y_mean[i] += (double)y[r * n + i];
    }
  }
  for (size_t i = 0; i < some; i++) {
    x_mean[i] /= (double)rows;
    y_mean[i] /= (double)rows;
  }
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < some; i++) {
      const double dx = (double)x[r * n + i] - x_mean[i];
      variance[i] += dx * dx;
      covariance[i] += dx * ((double)y[r * n + i] - y_mean[i]);
    }
  }
  for (size_t i = 0; i < some; i++) {
    const double slope = variance[i] > 1e-12 * (double)rows * x_mean[i] * x_mean[i] ? covariance[i] / variance[i] : 0;
    gamma[i] = (float)slope;
    beta[i] = (float)(y_mean[i] - slope * x_mean[i]);
  }
}

void alb_fit_scale(const float *x, const float *y, size_t rows, size_t n, float *gamma, float *beta) {
  for (size_t i = 0; i < n; i += SOME) {
    const size_t some = n - i < SOME ? n - i : SOME;
    fit_some_scales(x + i, y + i, rows, n, some, gamma + i, beta + i);
  }
}
