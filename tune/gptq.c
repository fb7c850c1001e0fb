/* Rounding with compensation: rows are independent, columns go from first to last.
 *
 * With H the inputs' Gram matrix and H^-1 = U^T U, U upper, what is left of column j after rounding, e, is taken out of
 * the columns i > j best as w_i -= e U_ji / U_jj. A group's scale is chosen of what its columns are when they are
 * reached. */
#include "tune/gptq.h"

#include <lapacke.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/parallel.h"
#include "graph/blob_intn.h"
#include "tune/blas.h"

/* What is added to the Gram matrix's diagonal, relative to its mean. */
static const double damping = 0.01;

/* TOGETHER: rows that take a group in turn, so that its part of U is used while it is near. */
enum { TOGETHER = 32, WORTH_A_THREAD = 8 };

typedef struct job {
  size_t k, groups;
  unsigned bits;
  const float *u; /* [k, k]: U_ji / U_jj */
  float *w;       /* [n, k] */
  uint8_t *codes;
  uint16_t *scales;
  atomic_bool failed;
} job;

/* Makes U of the Gram matrix, in the upper triangle. */
static alb_status factor(alb_diag *diag, double *gram, size_t k) {
  const lapack_int order = (lapack_int)k;
  alb_blas_begin();
  double trace = 0;
  for (size_t i = 0; i < k; i++) trace += gram[i * k + i];
  const double d = trace > 0 ? damping * trace / (double)k : 1;
  for (size_t i = 0; i < k; i++) gram[i * k + i] += d;
  /* The upper triangle of a row-major matrix is the lower of a column-major one. */
  if (isfinite(trace) && LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', order, gram, order) == 0 &&
      LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', order, gram, order) == 0 &&
      LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', order, gram, order) == 0) {
    return ALB_OK;
  }
  return alb_fail(diag, ALB_UNSUPPORTED, "a matrix cannot be fitted to the texts: its inputs are not finite");
}

static void take_factor(const double *gram, size_t k, float *u) {
  for (size_t j = 0; j < k; j++) {
    for (size_t i = j; i < k; i++) u[j * k + i] = (float)(gram[j * k + i] / gram[j * k + j]);
  }
}

/* w[i] -= miss u[i] for first <= i < last */
static void make_up(float *w, const float *u, float miss, size_t first, size_t last) {
  for (size_t i = first; i < last; i++) w[i] -= miss * u[i];
}

static void round_group(job *j, size_t r, size_t g) {
  const size_t at = g * ALB_INTN_GROUP, end = at + ALB_INTN_GROUP < j->k ? at + ALB_INTN_GROUP : j->k;
  float *w = j->w + r * j->k, x[ALB_INTN_GROUP] = {0}, miss[ALB_INTN_GROUP];
  uint8_t *group = j->codes + (r * j->groups + g) * alb_intn_bytes(j->bits);
  bool ok;
  memcpy(x, w + at, (end - at) * sizeof *x);
  const uint16_t bits = j->scales[r * j->groups + g] = alb_intn_quantize(j->bits, x, group, &ok);
  const float scale = alb_f16_to_f32(bits), inverse = 1 / scale;
  for (size_t i = at; i < end; i++) {
    const int code = alb_intn_nearest(j->bits, w[i] * inverse);
    alb_intn_put(group, j->bits, i - at, code);
    ok = ok && isfinite(w[i]);
    miss[i - at] = w[i] - (float)code * scale;
    w[i] = (float)code * scale;
    make_up(w, j->u + i * j->k, miss[i - at], i + 1, end);
  }
  for (size_t i = at; i < end; i++) make_up(w, j->u + i * j->k, miss[i - at], end, j->k);
  if (!ok) atomic_store(&j->failed, true);
}

static void round_rows(void *context, size_t index, size_t first, size_t last) {
  job *j = context;
  (void)index;
  for (size_t r = first; r < last; r += TOGETHER) {
    const size_t end = r + TOGETHER < last ? r + TOGETHER : last;
    for (size_t g = 0; g < j->groups; g++) {
      for (size_t i = r; i < end; i++) round_group(j, i, g);
    }
  }
}

alb_status alb_gptq(alb_diag *diag, double *gram, size_t k, size_t n, alb_dtype dtype, float *w, uint8_t *codes,
                    uint16_t *scales) {
  float *u = malloc((k * k + 1) * sizeof *u);
  job j = {.k = k,
           .groups = (size_t)alb_intn_groups(k),
           .bits = alb_intn_bits(dtype),
           .u = u,
           .w = w,
           .codes = codes,
           .scales = scales};
  if (!u) return alb_fail_memory(diag, k * k * sizeof *u, "a decomposed matrix");
  const alb_status status = factor(diag, gram, k);
  if (status == ALB_OK) {
    take_factor(gram, k, u);
    alb_parallel(n, WORTH_A_THREAD, round_rows, &j);
  }
  free(u);
  if (status != ALB_OK || !j.failed) return status;
  return alb_fail(diag, ALB_UNSUPPORTED, "a weight is not finite or too large for %s", alb_dtype_name(dtype));
}
