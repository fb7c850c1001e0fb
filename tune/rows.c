/* Layers on rows: rows are cut into pieces of one size, so that threads change nothing. */
#include "tune/rows.h"

#include <math.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "tune/blas.h"

/* PIECE rows or RUN elements for one call. */
enum { PIECE = 128, RUN = 1 << 14 };

typedef struct job {
  const float *x, *y, *w, *bias;
  size_t rows, k, n; /* for lists of elements: rows = pieces of RUN, n = elements */
  alb_activation activation;
  float eps;
  float *out;
} job;

static size_t piece_count(size_t n, size_t piece) {
  return n / piece + (n % piece != 0);
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

void alb_rows_multiply(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < n; i++) out[r * n + i] = bias ? bias[i] : 0;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)n, (int)k, 1, x, (int)k, w, (int)k, 1, out,
              (int)n);
}

static void linear_pieces(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  for (size_t p = first; p < last; p++) {
    const size_t row = p * PIECE, rows = least(PIECE, j->rows - row);
    alb_rows_multiply(j->x + row * j->k, rows, j->k, j->w, j->bias, j->n, j->out + row * j->n);
  }
}

void alb_rows_linear(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out) {
  job j = {.x = x, .w = w, .bias = bias, .rows = rows, .k = k, .n = n, .out = out};
  alb_blas_parallel(piece_count(rows, PIECE), 1, linear_pieces, &j);
}

static void activate_pieces(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  for (size_t i = first * RUN; i < least(last * RUN, j->n); i++) {
    j->out[i] = (float)alb_activation_value(j->activation, (double)j->x[i]);
  }
}

void alb_rows_activate(const float *x, size_t n, alb_activation activation, float *out) {
  job j = {.x = x, .n = n, .activation = activation, .out = out};
  alb_parallel(piece_count(n, RUN), 1, activate_pieces, &j);
}

void alb_rows_add(const float *a, const float *b, size_t n, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

void alb_row_normalize(const float *x, size_t n, float eps, float *out) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i];
  const double mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
  const double scale = 1 / sqrt(squares / (double)n + (double)eps);
  for (size_t i = 0; i < n; i++) out[i] = (float)(((double)x[i] - mean) * scale);
}

static void normalize_rows(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  for (size_t r = first; r < last; r++) alb_row_normalize(j->x + r * j->n, j->n, j->eps, j->out + r * j->n);
}

void alb_rows_normalize(const float *x, size_t rows, size_t n, float eps, float *out) {
  job j = {.x = x, .n = n, .eps = eps, .out = out};
  alb_parallel(rows, PIECE, normalize_rows, &j);
}

void alb_rows_scale(const float *x, size_t rows, size_t n, const float *gamma, const float *beta, float *out) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < n; i++) out[r * n + i] = x[r * n + i] * gamma[i] + beta[i];
  }
}

/* ---- attention ---- */

typedef struct attention {
  const alb_sequences *batch;
  size_t hidden, heads, longest;
  const float *q, *k, *v;
  const size_t *start; /* [sequences]: first token */
  float *scores;       /* [ALB_PARALLEL_MAX, longest, longest] */
  float *out;
} attention;

static void softmax(float *row, size_t n) {
  float highest = row[0];
  double sum = 0;
  for (size_t i = 1; i < n; i++) highest = fmaxf(highest, row[i]);
  for (size_t i = 0; i < n; i++) {
    row[i] = expf(row[i] - highest);
    sum += (double)row[i];
  }
  for (size_t i = 0; i < n; i++) row[i] = (float)((double)row[i] / sum);
}

void alb_head_probabilities(size_t n, size_t width, size_t stride, const float *q, const float *k, float *p) {
  const int count = (int)n, lead = (int)stride;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, count, (int)width, 1 / sqrtf((float)width), q, lead, k,
              lead, 0, p, count);
  for (size_t i = 0; i < n; i++) softmax(p + i * n, n);
}

void alb_head_attend(size_t n, size_t width, size_t stride, const float *q, const float *k, const float *v, float *p,
                     float *out) {
  const int count = (int)n, lead = (int)stride;
  alb_head_probabilities(n, width, stride, q, k, p);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, (int)width, count, 1, p, count, v, lead, 0, out, lead);
}

static void attend_sequences(void *context, size_t index, size_t first, size_t last) {
  const attention *a = context;
  for (size_t s = first; s < last; s++) {
    for (size_t head = 0; head < a->heads; head++) {
      const size_t width = a->hidden / a->heads, at = a->start[s] * a->hidden + head * width;
      alb_head_attend(a->batch->lengths[s], width, a->hidden, a->q + at, a->k + at, a->v + at,
                      a->scores + index * a->longest * a->longest, a->out + at);
    }
  }
}

alb_status alb_rows_attention(alb_diag *diag, const alb_sequences *batch, size_t hidden, size_t heads, const float *q,
                              const float *k, const float *v, float *out) {
  attention a = {.batch = batch, .hidden = hidden, .heads = heads, .q = q, .k = k, .v = v, .out = out};
  size_t *start = calloc(batch->sequences + 1, sizeof *start);
  alb_blas_begin();
  for (size_t s = 0; start && s < batch->sequences; s++) {
    start[s + 1] = start[s] + batch->lengths[s];
    a.longest = batch->lengths[s] > a.longest ? batch->lengths[s] : a.longest;
  }
  a.start = start;
  const size_t room = ALB_PARALLEL_MAX * a.longest * a.longest;
  a.scores = calloc(room + 1, sizeof *a.scores);
  if (start && a.scores) alb_blas_parallel(batch->sequences, 1, attend_sequences, &a);
  const alb_status status =
      start && a.scores ? ALB_OK : alb_fail_memory(diag, room * sizeof *a.scores, "attention scores");
  free(start);
  free(a.scores);
  return status;
}
