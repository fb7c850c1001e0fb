/* Factors by the eigenvectors of the smaller of d d^T and d^T d. With moments c of the inputs, of d c d^T: the best
 * product is u u^T d for its first eigenvectors u; or, where d has more rows than columns, of l^T d^T d l, c = l l^T.
 */
#include "tune/low_rank.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/blas.h"

typedef struct factoring {
  alb_diag *diag;
  const double *d;
  size_t o, i, n;  /* n: the order of the eigenproblem */
  double *product; /* [o, i]: d c, or d l */
  double *root;    /* [i, i]: c, or l in its lower triangle; NULL without moments */
  double *gram;    /* [n, n], upper triangle */
  double *values;  /* [n]: `most` eigenvalues, rising */
  double *vectors; /* [most, n], in the same order */
} factoring;

size_t alb_low_rank_most(size_t o, size_t i) {
  const double half = 0.5 * (double)o * (double)i / (double)(o + i);
  return half > 1 ? (size_t)ceil(half) - 1 : 0;
}

static bool by_rows(const factoring *f) {
  return f->o <= f->i;
}

static alb_status not_finite(const factoring *f) {
  return alb_fail(f->diag, ALB_UNSUPPORTED, "a matrix has no factors: its numbers or its inputs are not finite");
}

static alb_status open(factoring *f, const double *c, size_t most) {
  const size_t k = f->i;
  alb_blas_begin();
  f->n = by_rows(f) ? f->o : f->i;
  f->product = malloc((f->o * k + 1) * sizeof(double));
  f->gram = malloc((f->n * f->n + 1) * sizeof(double));
  f->values = malloc((f->n + 1) * sizeof(double));
  f->vectors = malloc((most * f->n + 1) * sizeof(double));
  if (c) f->root = malloc((k * k + 1) * sizeof(double));
  if (!f->product || !f->gram || !f->values || !f->vectors || (c && !f->root)) {
    return alb_fail_memory(f->diag, f->o * k * sizeof(double), "factors");
  }
  if (c) memcpy(f->root, c, k * k * sizeof(double));
  return ALB_OK;
}

static void close(factoring *f) {
  free(f->product);
  free(f->root);
  free(f->gram);
  free(f->values);
  free(f->vectors);
}

/* c = l l^T, l below the diagonal. */
static alb_status find_root(factoring *f) {
  const size_t k = f->i;
  for (size_t r = 0; r < k; r++) {
    for (size_t c = r + 1; c < k; c++) f->root[c * k + r] = f->root[r * k + c];
  }
  return LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', (int)k, f->root, (int)k) == 0 ? ALB_OK : not_finite(f);
}

static alb_status make_gram(factoring *f) {
  const int o = (int)f->o, k = (int)f->i;
  memcpy(f->product, f->d, f->o * f->i * sizeof(double));
  if (by_rows(f)) {
    if (f->root) cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, o, k, 1, f->root, k, f->d, k, 0, f->product, k);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, o, o, k, 1, f->product, k, f->d, k, 0, f->gram, o);
    return ALB_OK;
  }
  if (f->root) {
    ALB_TRY(find_root(f));
    cblas_dtrmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, o, k, 1, f->root, k, f->product, k);
  }
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, k, o, 1, f->product, k, 0, f->gram, k);
  return ALB_OK;
}

/* The last `most` eigenvalues and their vectors. The upper triangle of a row-major matrix is the lower of a
 * column-major one. */
static alb_status find_vectors(factoring *f, size_t most) {
  const lapack_int n = (lapack_int)f->n;
  lapack_int found = 0, *support = malloc((2 * f->n + 1) * sizeof *support);
  double trace = 0;
  for (size_t j = 0; j < f->n; j++) trace += f->gram[j * f->n + j];
  if (!support) return alb_fail_memory(f->diag, f->n, "factors");
  const bool done =
      isfinite(trace) && LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'L', n, f->gram, n, 0, 0, n - (lapack_int)most + 1,
                                        n, 0, &found, f->values, f->vectors, n, support) == 0;
  free(support);
  return done && found == (lapack_int)most ? ALB_OK : not_finite(f);
}

/* Both factors of a pair get one length, so that narrow types hold them well. */
static void store_pair(const factoring *f, const double *left, const double *right, size_t k, alb_factors *out) {
  double a = 0, b = 0;
  for (size_t r = 0; r < f->o; r++) a += left[r * out->rank + k] * left[r * out->rank + k];
  for (size_t c = 0; c < f->i; c++) b += right[k * f->i + c] * right[k * f->i + c];
  const double scale = a > 0 && b > 0 ? sqrt(sqrt(b / a)) : 1;
  for (size_t r = 0; r < f->o; r++) out->left[r * out->rank + k] = (float)(left[r * out->rank + k] * scale);
  for (size_t c = 0; c < f->i; c++) out->right[k * f->i + c] = (float)(right[k * f->i + c] / scale);
}

/* left[o, rank] and right[rank, i] of the vectors v[rank, n]. */
static void multiply(const factoring *f, const double *v, size_t rank, double *left, double *right) {
  const int o = (int)f->o, k = (int)f->i, r = (int)rank;
  if (by_rows(f)) {
    for (size_t a = 0; a < rank; a++) {
      for (size_t b = 0; b < f->o; b++) left[b * rank + a] = v[a * f->o + b];
    }
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, r, k, o, 1, v, o, f->d, k, 0, right, k);
    return;
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, o, r, k, 1, f->product, k, v, k, 0, left, r);
  memcpy(right, v, rank * f->i * sizeof *right);
  if (f->root)
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, r, k, 1, f->root, k, right, k);
}

/* The factors that the last `rank` of `most` vectors give. */
static alb_status store(const factoring *f, size_t most, size_t rank, alb_factors *out) {
  double *left = malloc((f->o * rank + 1) * sizeof *left), *right = malloc((f->i * rank + 1) * sizeof *right);
  *out = (alb_factors){.left = malloc((f->o * rank + 1) * sizeof *out->left),
                       .right = malloc((f->i * rank + 1) * sizeof *out->right),
                       .rank = rank};
  const bool memory = left && right && out->left && out->right;
  if (memory && rank) multiply(f, f->vectors + (most - rank) * f->n, rank, left, right);
  for (size_t k = 0; memory && k < rank; k++) store_pair(f, left, right, k, out);
  free(left);
  free(right);
  return memory ? ALB_OK : alb_fail_memory(f->diag, (f->o + f->i) * rank * sizeof *left, "factors");
}

alb_status alb_low_rank_fit(alb_diag *diag, const double *d, size_t o, size_t i, const double *c, size_t rank,
                            alb_factors *out) {
  factoring f = {.diag = diag, .d = d, .o = o, .i = i};
  alb_status status = open(&f, c, rank);
  if (status == ALB_OK) status = make_gram(&f);
  if (status == ALB_OK) status = find_vectors(&f, rank);
  if (status == ALB_OK) status = store(&f, rank, rank, out);
  close(&f);
  return status;
}

/* The least rank that leaves no more than the tolerance, or more than `most`. */
static size_t find_rank(const factoring *f, double energy, size_t most, double tolerance) {
  size_t rank = 0;
  while (rank <= most && !(energy <= tolerance)) {
    energy -= rank < most ? f->values[most - 1 - rank] : 0;
    rank++;
  }
  return rank;
}

alb_status alb_low_rank_exact(alb_diag *diag, const double *d, size_t o, size_t i, size_t most, double tolerance,
                              alb_factors *out, bool *found) {
  factoring f = {.diag = diag, .d = d, .o = o, .i = i};
  double energy = 0;
  size_t rank = 0;
  for (size_t k = 0; k < o * i; k++) energy += d[k] * d[k];
  *found = false;
  alb_status status = open(&f, NULL, most);
  if (status == ALB_OK && most) status = make_gram(&f);
  if (status == ALB_OK && most) status = find_vectors(&f, most);
  if (status == ALB_OK) rank = find_rank(&f, energy, most, tolerance);
  *found = status == ALB_OK && rank <= most;
  if (*found) status = store(&f, most, rank, out);
  close(&f);
  return status;
}

/* With g = a a^T = l l^T no eigenvalue of g is less than 1 / |l^-1|^2, and what a matrix of rank `most` leaves of a is
 * at least the sum of the n - most smallest ones. */
bool alb_low_rank_excluded(double *a, size_t n, size_t m, size_t most, double tolerance) {
  double *gram = malloc((n * n + 1) * sizeof *gram), inverse = 0;
  alb_blas_begin();
  if (!gram) return false;
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (int)n, (int)m, 1, a, (int)m, 0, gram, (int)n);
  bool sure = LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', (int)n, gram, (int)n) == 0 &&
              LAPACKE_dtrtri(LAPACK_ROW_MAJOR, 'L', 'N', (int)n, gram, (int)n) == 0;
  for (size_t r = 0; sure && r < n; r++) {
    for (size_t c = 0; c <= r; c++) inverse += gram[r * n + c] * gram[r * n + c];
  }
  sure = sure && inverse > 0 && (double)(n - most) / inverse > tolerance;
  free(gram);
  return sure;
}
