/* Least squares by normal equations in f64 and Cholesky's decomposition. */
#include "tune/least_squares.h"

#include <lapacke.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tune/blas.h"

enum { PIECE = 512 }; /* rows that are made f64 at once */

static void column_means(const float *x, size_t rows, size_t n, double *mean) {
  for (size_t i = 0; i < n; i++) mean[i] = 0;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < n; i++) mean[i] += (double)x[r * n + i];
  }
  for (size_t i = 0; i < n; i++) mean[i] /= (double)(rows ? rows : 1);
}

static void centre(const float *x, size_t rows, size_t n, const double *mean, double *out) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < n; i++) out[r * n + i] = (double)x[r * n + i] - mean[i];
  }
}

typedef struct fit {
  size_t rows, k, n;
  const float *x, *y;
  double *x_mean, *y_mean;
  double *gram;  /* [k, k]: x^T x, upper triangle */
  double *cross; /* [n, k]: y^T x, then the solution */
  double *xs, *ys;
} fit;

static alb_status fit_new(alb_diag *diag, fit *f) {
  alb_blas_begin();
  f->x_mean = malloc((f->k + 1) * sizeof(double));
  f->y_mean = malloc((f->n + 1) * sizeof(double));
  f->gram = calloc(f->k * f->k + 1, sizeof(double));
  f->cross = calloc(f->n * f->k + 1, sizeof(double));
  f->xs = malloc((PIECE * f->k + 1) * sizeof(double));
  f->ys = malloc((PIECE * f->n + 1) * sizeof(double));
  const bool done = f->x_mean && f->y_mean && f->gram && f->cross && f->xs && f->ys;
  return done ? ALB_OK : alb_fail_memory(diag, f->k * f->k * sizeof(double), "least squares");
}

static void fit_free(fit *f) {
  free(f->x_mean);
  free(f->y_mean);
  free(f->gram);
  free(f->cross);
  free(f->xs);
  free(f->ys);
}

static void accumulate(fit *f) {
  const int k = (int)f->k, n = (int)f->n;
  column_means(f->x, f->rows, f->k, f->x_mean);
  column_means(f->y, f->rows, f->n, f->y_mean);
  for (size_t r = 0; r < f->rows; r += PIECE) {
    const size_t rows = f->rows - r < PIECE ? f->rows - r : PIECE;
    centre(f->x + r * f->k, rows, f->k, f->x_mean, f->xs);
    centre(f->y + r * f->n, rows, f->n, f->y_mean, f->ys);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, k, (int)rows, 1, f->xs, k, 1, f->gram, k);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, k, (int)rows, 1, f->ys, n, f->xs, k, 1, f->cross, k);
  }
}

alb_status alb_fit_gram(alb_diag *diag, const float *x, size_t rows, size_t k, double *gram) {
  double *mean = malloc((k + 1) * sizeof *mean), *xs = malloc((PIECE * k + 1) * sizeof *xs);
  alb_blas_begin();
  if (mean && xs) {
    column_means(x, rows, k, mean);
    for (size_t r = 0; r < rows; r += PIECE) {
      const size_t n = rows - r < PIECE ? rows - r : PIECE;
      centre(x + r * k, n, k, mean, xs);
      cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)k, (int)n, 1, xs, (int)k, 1, gram, (int)k);
    }
  }
  free(mean);
  free(xs);
  return mean && xs ? ALB_OK : alb_fail_memory(diag, PIECE * k * sizeof *xs, "a Gram matrix");
}

alb_status alb_fit_solve(alb_diag *diag, double *gram, double *cross, size_t k, size_t n, double ridge,
                         const float *w) {
  double trace = 0;
  for (size_t i = 0; i < k; i++) trace += gram[i * k + i];
  const double d = trace > 0 ? ridge * trace / (double)k : 1;
  for (size_t i = 0; i < k; i++) gram[i * k + i] += d;
  for (size_t i = 0; i < n * k; i++) cross[i] += d * (double)w[i];
  const lapack_int order = (lapack_int)k;
  /* Rows of cross are columns of a column-major matrix; the upper triangle of a row-major one is the lower then. */
  if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', order, gram, order) != 0 ||
      LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', order, (lapack_int)n, gram, order, cross, order) != 0) {
    return alb_fail(diag, ALB_UNSUPPORTED, "a matrix cannot be fitted to the texts: its inputs are not finite");
  }
  return ALB_OK;
}

static void mean_to_bias(const fit *f, const float *w, float *bias) {
  for (size_t r = 0; bias && r < f->n; r++) {
    double sum = f->y_mean[r];
    for (size_t i = 0; i < f->k; i++) sum -= (double)w[r * f->k + i] * f->x_mean[i];
    bias[r] = (float)sum;
  }
}

alb_status alb_fit_linear(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, double ridge,
                          float *w, float *bias) {
  fit f = {.rows = rows, .k = k, .n = n, .x = x, .y = y};
  alb_status status = fit_new(diag, &f);
  if (status == ALB_OK) {
    accumulate(&f);
    status = alb_fit_solve(diag, f.gram, f.cross, k, n, ridge, w);
  }
  if (status == ALB_OK) {
    for (size_t i = 0; i < n * k; i++) w[i] = (float)f.cross[i];
    mean_to_bias(&f, w, bias);
  }
  fit_free(&f);
  return status;
}

alb_status alb_fit_bias(alb_diag *diag, const float *x, const float *y, size_t rows, size_t k, size_t n, const float *w,
                        float *bias) {
  fit f = {.rows = rows, .k = k, .n = n, .x = x, .y = y};
  double *means = malloc((k + n + 1) * sizeof *means);
  if (!means) return alb_fail_memory(diag, (k + n) * sizeof *means, "means");
  f.x_mean = means;
  f.y_mean = means + k;
  column_means(x, rows, k, f.x_mean);
  column_means(y, rows, n, f.y_mean);
  mean_to_bias(&f, w, bias);
  free(means);
  return ALB_OK;
}

void alb_fit_scale(const float *x, const float *y, size_t rows, size_t n, float *gamma, float *beta) {
  for (size_t i = 0; i < n; i++) {
    double x_mean = 0, y_mean = 0, variance = 0, covariance = 0;
    for (size_t r = 0; r < rows; r++) {
      x_mean += (double)x[r * n + i];
      y_mean += (double)y[r * n + i];
    }
    x_mean /= (double)rows;
    y_mean /= (double)rows;
    for (size_t r = 0; r < rows; r++) {
      const double dx = (double)x[r * n + i] - x_mean;
      variance += dx * dx;
      covariance += dx * ((double)y[r * n + i] - y_mean);
    }
    const double slope = variance > 1e-12 * (double)rows * x_mean * x_mean ? covariance / variance : 0;
    gamma[i] = (float)slope;
    beta[i] = (float)(y_mean - slope * x_mean);
  }
}
