/* Layers on rows: rows are cut into pieces of one size, so that threads change nothing. */
#include "tune/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "tune/panels.h"

/* PIECE rows or RUN elements for one call; DEPTH of a product's k at a time. */
enum { PIECE = 128, RUN = 1 << 14, DEPTH = 64 };

typedef struct job {
  const float *x, *w, *bias;
  size_t rows, k, n; /* for lists of elements: rows = pieces of RUN, n = elements */
  alb_activation activation;
  float eps;
  float *out;
} job;

static size_t piece_count(size_t n, size_t piece) {
  return n / piece + (n % piece != 0);
}

static void start_with_bias(float *out, size_t rows, size_t n, const float *bias) {
  for (size_t r = 0; bias && r < rows; r++) memcpy(out + r * n, bias, n * sizeof *out);
}

void alb_rows_multiply(const float *x, size_t rows, size_t k, const float *panels, const float *bias, size_t n,
                       float *scratch, float *out) {
  start_with_bias(out, rows, n, bias);
  alb_panels_multiply((alb_grid){x, k, 1}, rows, k, panels, n, bias != NULL, scratch, out, n);
}

/* A few rows by DEPTH of k and a panel of columns at a time, which are small enough for the stack. */
static void linear_piece(const job *j, size_t row, size_t rows) {
  float panel[DEPTH * ALB_PANEL], scratch[PIECE * DEPTH];
  float *out = j->out + row * j->n;
  start_with_bias(out, rows, j->n, j->bias);
  for (size_t at = 0; at < j->k; at += DEPTH) {
    const size_t depth = alb_least(DEPTH, j->k - at);
    const alb_grid x = {j->x + row * j->k + at, j->k, 1};
    for (size_t c = 0; c < j->n; c += ALB_PANEL) {
      const size_t columns = alb_least(ALB_PANEL, j->n - c);
      alb_panels_pack((alb_grid){j->w + c * j->k + at, 1, j->k}, depth, columns, panel);
      alb_panels_multiply(x, rows, depth, panel, columns, j->bias || at, scratch, out + c, j->n);
    }
  }
}

static void linear_pieces(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  for (size_t p = first; p < last; p++) linear_piece(j, p * PIECE, alb_least(PIECE, j->rows - p * PIECE));
}

void alb_rows_linear(const float *x, size_t rows, size_t k, const float *w, const float *bias, size_t n, float *out) {
  job j = {.x = x, .w = w, .bias = bias, .rows = rows, .k = k, .n = n, .out = out};
  alb_parallel(piece_count(rows, PIECE), 1, linear_pieces, &j);
}

static void activate_pieces(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  const size_t from = first * RUN, to = alb_least(last * RUN, j->n);
  alb_fast_best()->activate(j->activation, j->x + from, to - from, j->out + from);
}

void alb_rows_activate(const float *x, size_t n, alb_activation activation, float *out) {
  job j = {.x = x, .n = n, .activation = activation, .out = out};
  alb_parallel(piece_count(n, RUN), 1, activate_pieces, &j);
}

void alb_rows_add(const float *a, const float *b, size_t n, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

static void normalize_rows(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  (void)index;
  const alb_fast *fast = alb_fast_best();
  for (size_t r = first; r < last; r++) fast->norm(j->x + r * j->n, j->n, NULL, NULL, j->eps, j->out + r * j->n);
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
  size_t room;         /* of a thread: scores of the longest, and scratch */
  float *scores;       /* [ALB_PARALLEL_MAX, room] */
  float *out;
} attention;

size_t alb_head_room(size_t n, size_t width) {
  const size_t scores = alb_grids_room(n, width, n), context = alb_grids_room(n, n, width);
  return scores > context ? scores : context;
}

void alb_head_probabilities(const alb_head_shape *head, const float *q, const float *k, float *scratch, float *p) {
  const alb_fast *fast = alb_fast_best();
  const size_t n = head->n;
  alb_grids_multiply((alb_grid){q, head->stride, 1}, (alb_grid){k, 1, head->stride}, n, head->width, n, false, scratch,
                     p, n);
  for (size_t i = 0; i < n; i++) fast->softmax(p + i * n, n, 1 / sqrtf((float)head->width));
}

void alb_head_attend(const alb_head_shape *head, const float *q, const float *k, const float *v, float *scratch,
                     float *p, float *out) {
  const size_t n = head->n;
  alb_head_probabilities(head, q, k, scratch, p);
  alb_grids_multiply((alb_grid){p, n, 1}, (alb_grid){v, head->stride, 1}, n, n, head->width, false, scratch, out,
                     head->stride);
}

static void attend_sequences(void *context, size_t index, size_t first, size_t last) {
  const attention *a = context;
  for (size_t s = first; s < last; s++) {
    for (size_t head = 0; head < a->heads; head++) {
      const size_t width = a->hidden / a->heads, at = a->start[s] * a->hidden + head * width;
      const alb_head_shape shape = {a->batch->lengths[s], width, a->hidden};
      float *scores = a->scores + index * a->room;
      alb_head_attend(&shape, a->q + at, a->k + at, a->v + at, scores + a->longest * a->longest, scores, a->out + at);
    }
  }
}

alb_status alb_rows_attention(alb_diag *diag, const alb_sequences *batch, size_t hidden, size_t heads, const float *q,
                              const float *k, const float *v, float *out) {
  attention a = {.batch = batch, .hidden = hidden, .heads = heads, .q = q, .k = k, .v = v, .out = out};
  size_t *start = calloc(batch->sequences + 1, sizeof *start);
  for (size_t s = 0; start && s < batch->sequences; s++) {
    start[s + 1] = start[s] + batch->lengths[s];
    a.longest = batch->lengths[s] > a.longest ? batch->lengths[s] : a.longest;
  }
  a.start = start;
  a.room = a.longest * a.longest + alb_head_room(a.longest, hidden / heads);
  const size_t room = ALB_PARALLEL_MAX * a.room;
  a.scores = calloc(room + 1, sizeof *a.scores);
  if (start && a.scores) alb_parallel(batch->sequences, 1, attend_sequences, &a);
  const alb_status status =
      start && a.scores ? ALB_OK : alb_fail_memory(diag, room * sizeof *a.scores, "attention scores");
  free(start);
  free(a.scores);
  return status;
}
