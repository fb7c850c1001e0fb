/* Checks of the kernels that work row by row: quantize_s8, layer_norm, activate. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"

/* ---- quantize_s8: exact ---- */

/* A row of one of the kinds that quantisation must survive. */
static void random_row(check *c, float *x, size_t n) {
  const float scales[] = {1, 1, 1, 1e-20f, 1e-29f, 1e30f, 0, 1e-42f};
  random_floats(c, x, n, scales[random_bits(c) % 8]);
  if (random_bits(c) % 8 == 0) x[random_size(c, 0, n - 1)] = INFINITY;
  if (random_bits(c) % 8 == 0) x[random_size(c, 0, n - 1)] = NAN;
  for (size_t i = 0; random_bits(c) % 4 == 0 && i < n; i++) x[i] = (float)((int)random_size(c, 0, 254) - 127) * 0.5f;
}

static void round_quantize(check *c) {
  const size_t rows = random_size(c, 1, 9), whole = ALB_S8_DEPTH * random_size(c, 1, 7);
  const size_t width =
      random_bits(c) % 2 ? whole : random_size(c, 1, 300); /* kernels may have a way for whole groups */
  const size_t ldx = width + random_size(c, 0, 5), stride = alb_s8_stride(width), ldq = stride + random_size(c, 0, 70);
  SET_SHAPE(c, "rows=%zu width=%zu ldx=%zu ldq=%zu", rows, width, ldx, ldq);
  const size_t q_bytes = (rows - 1) * ldq + stride;
  const size_t ranges = 2 * rows * alb_s8_groups(width); /* in floats */
  float *x = guarded_floats(c, (rows - 1) * ldx + width), *range = guarded_floats(c, ranges);
  float *want_range = guarded_floats(c, ranges);
  uint8_t *q = guarded(c, q_bytes, 1), *want = guarded(c, q_bytes, 1);
  for (size_t r = 0; r < rows; r++) random_row(c, x + r * ldx, width);
  const alb_quantize_s8 g = {
      .x = x, .q = q, .range = (alb_range *)(void *)range, .ldx = ldx, .ldq = ldq, .rows = rows, .width = width};
  alb_quantize_s8 ref = g;
  ref.q = want;
  ref.range = (alb_range *)(void *)want_range;
  c->test->quantize_s8(&g);
  c->ref->quantize_s8(&ref);
  expect_same(c, "range", range, want_range, 1, ranges, ranges, ranges);
  for (size_t i = 0; i < q_bytes; i++) { /* the gaps between rows are canaries on both sides */
    if (q[i] == want[i]) continue;
    check_fail(c, "q[%zu,%zu] is %d, expected %d (x %.9g)", i / ldq, i % ldq, q[i], want[i],
               (double)(i % ldq < width ? x[i / ldq * ldx + i % ldq] : 0));
    break;
  }
  guarded_release(c);
}

void check_quantize_s8(check *c) {
  for (int i = 0; i < c->rounds && !c->failures; i++) round_quantize(c);
}

/* ---- layer_norm ---- */

static void expect_norm(check *c, const alb_layer_norm *g, const float *want, const float *sums) {
  for (size_t r = 0; r < g->rows; r++) {
    double mean = 0, var = 0, most = 0;
    for (size_t i = 0; i < g->width; i++) mean += sums[r * g->width + i] / (double)g->width;
    for (size_t i = 0; i < g->width; i++) {
      const double d = sums[r * g->width + i] - mean;
      var += d * d / (double)g->width;
      most = fmax(most, fabs((double)sums[r * g->width + i]));
    }
    const double relative = most / sqrt(var + g->eps); /* how much larger the numbers are than their spread */
    for (size_t i = 0; i < g->width; i++) {
      const size_t at = r * g->width + i;
      const double bound = FLT_EPSILON * (fabs((double)g->gamma[i]) * (6 + 4 * relative) + fabs((double)want[at]));
      if (!expect_near(c, "out", r, i, g->out[at], want[at], bound)) return;
    }
  }
}

static void round_norm(check *c) {
  const size_t rows = random_size(c, 1, 7), width = random_size(c, 1, random_bits(c) % 4 ? 100 : 1100);
  const size_t n = rows * width;
  const bool residual = random_bits(c) % 2, in_place = random_bits(c) % 2;
  SET_SHAPE(c, "rows=%zu width=%zu residual=%d in_place=%d", rows, width, residual, in_place);
  float *x = guarded_floats(c, n), *y = guarded_floats(c, n), *gamma = guarded_floats(c, width);
  float *beta = guarded_floats(c, width), *want = guarded_floats(c, n), *sums = guarded_floats(c, n);
  random_floats(c, x, n, 1);
  random_floats(c, y, n, 2);
  random_floats(c, gamma, width, 1);
  random_floats(c, beta, width, 1);
  const float offset = random_float(c) * 10 * (float)(random_bits(c) % 2);
  for (size_t i = 0; i < n; i++) x[i] += offset;
  for (size_t i = 0; i < n; i++) sums[i] = residual ? x[i] + y[i] : x[i];
  alb_layer_norm g = {.x = x,
                      .residual = residual ? y : NULL,
                      .gamma = gamma,
                      .beta = beta,
                      .out = want,
                      .rows = rows,
                      .width = width,
                      .eps = 1e-12f};
  c->ref->layer_norm(&g);
  float *alone = guarded_floats(c, n);
  for (size_t r = 0; r < rows; r++) {
    const alb_layer_norm one = {.x = x + r * width,
                                .residual = residual ? y + r * width : NULL,
                                .gamma = gamma,
                                .beta = beta,
                                .out = alone + r * width,
                                .rows = 1,
                                .width = width,
                                .eps = g.eps};
    c->test->layer_norm(&one);
  }
  g.out = !in_place ? guarded_floats(c, n) : residual && random_bits(c) % 2 ? y : x;
  c->test->layer_norm(&g);
  expect_norm(c, &g, want, sums);
  expect_same(c, "rows alone", alone, g.out, rows, width, width, width);
  guarded_release(c);
}

void check_layer_norm(check *c) {
  for (int i = 0; i < c->rounds && !c->failures; i++) round_norm(c);
}

/* ---- activate ---- */

static void expect_activation(check *c, const float *x, const float *got, const float *want, size_t n) {
  for (size_t i = 0; i < n; i++) {
    /* the activations err by a few units in the last place of max(1, |x|). */
    const double bound = 4 * FLT_EPSILON * fmax(1, fabs((double)x[i]) * 0.5);
    if (isnan(x[i]) != isnan(got[i])) check_fail(c, "act(%g) is %g", (double)x[i], (double)got[i]);
    if (!isnan(x[i]) && !expect_near(c, "out", i, 0, got[i], want[i], bound)) {
      fprintf(stderr, "  at x = %.9g\n", (double)x[i]);
      return;
    }
  }
}

static void round_activate(check *c, alb_activation activation) {
  static const float special[] = {0,   -0.0f, 1e-30f, -1e-30f, 1e-42f, 5,   -5,   9,     -9,     30,
                                  -30, 88,    -88,    89,      -89,    104, -104, 1e10f, -1e10f, NAN};
  const size_t specials = sizeof special / sizeof special[0], n = specials + random_size(c, 0, 400);
  SET_SHAPE(c, "%s n=%zu", alb_activation_name(activation), n);
  float *x = guarded_floats(c, n), *want = guarded_floats(c, n), *out = guarded_floats(c, n);
  random_floats(c, x, n, random_bits(c) % 2 ? 1 : 5);
  memcpy(x, special, sizeof special);
  alb_activate g = {.x = x, .out = want, .n = n, .activation = activation};
  c->ref->activate(&g);
  g.out = out;
  c->test->activate(&g);
  expect_activation(c, x, out, want, n);
  float *alone = guarded_floats(c, n); /* the place in the array does not matter */
  for (size_t i = 0; i < n; i++) {
    const alb_activate one = {.x = x + i, .out = alone + i, .n = 1, .activation = activation};
    c->test->activate(&one);
  }
  expect_same(c, "elements alone", alone, out, 1, n, n, n);
  g.out = x;
  c->test->activate(&g);
  expect_same(c, "in place", x, out, 1, n, n, n);
  guarded_release(c);
}

void check_activate(check *c) {
  for (int i = 0; i < c->rounds && !c->failures; i++) round_activate(c, (alb_activation)(i % ALB_ACT_COUNT));
}

/* ---- times ---- */

typedef struct job {
  const alb_kernels *kernels;
  alb_quantize_s8 quantize;
  alb_layer_norm norm;
  alb_activate activate;
} job;

static void run_quantize(void *context) {
  const job *j = context;
  j->kernels->quantize_s8(&j->quantize);
}

static void run_norm(void *context) {
  const job *j = context;
  j->kernels->layer_norm(&j->norm);
}

static void run_activate(void *context) {
  const job *j = context;
  j->kernels->activate(&j->activate);
}

enum { BENCH_ROWS = 128, BENCH_WIDTH = 384, BENCH_N = BENCH_ROWS * BENCH_WIDTH };
static float bench_x[BENCH_N], bench_y[BENCH_N], bench_out[BENCH_N];
static uint8_t bench_q[BENCH_N];

void bench_quantize_s8(check *c) {
  random_floats(c, bench_x, BENCH_N, 1);
  job j = {.kernels = c->test,
           .quantize = {.x = bench_x,
                        .q = bench_q,
                        .range = (alb_range *)(void *)bench_out,
                        .ldx = BENCH_WIDTH,
                        .ldq = BENCH_WIDTH,
                        .rows = BENCH_ROWS,
                        .width = BENCH_WIDTH}};
  report_rate(c, "128x384", least_seconds(run_quantize, &j), 0, 5.0 * BENCH_N);
}

void bench_layer_norm(check *c) {
  random_floats(c, bench_x, BENCH_N, 1);
  random_floats(c, bench_y, BENCH_N, 1);
  job j = {.kernels = c->test,
           .norm = {.x = bench_x,
                    .residual = bench_y,
                    .gamma = bench_x,
                    .beta = bench_y,
                    .out = bench_out,
                    .rows = BENCH_ROWS,
                    .width = BENCH_WIDTH,
                    .eps = 1e-12f}};
  report_rate(c, "128x384 + residual", least_seconds(run_norm, &j), 0, 12.0 * BENCH_N);
}

void bench_activate(check *c) {
  for (int a = 1; a < ALB_ACT_COUNT; a++) {
    random_floats(c, bench_x, BENCH_N, 1);
    job j = {.kernels = c->test,
             .activate = {.x = bench_x, .out = bench_out, .n = BENCH_N, .activation = (alb_activation)a}};
    report_rate(c, alb_activation_name((alb_activation)a), least_seconds(run_activate, &j), 0, 8.0 * BENCH_N);
  }
}
