/* Checks of attention: one head of one sequence inside a packed [tokens][3H] array. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"

static double largest(const float *x, size_t rows, size_t width, size_t stride) {
  double most = 0;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < width; i++) most = fmax(most, fabs((double)x[r * stride + i]));
  }
  return most;
}

/* The largest |score|: its rounding is what the softmax magnifies. */
static double largest_score(const alb_attention *g) {
  double most = 0;
  for (size_t i = 0; i < g->tokens; i++) {
    for (size_t j = 0; j < g->tokens; j++) {
      double size = 0;
      for (size_t d = 0; d < g->width; d++) size += fabs((double)g->q[i * g->stride + d] * g->k[j * g->stride + d]);
      most = fmax(most, size * g->scale);
    }
  }
  return most;
}

static void expect_attention(check *c, const alb_attention *g, const float *want) {
  const double bound = FLT_EPSILON * (8 + 2 * largest_score(g)) * largest(g->v, g->tokens, g->width, g->stride);
  for (size_t i = 0; i < g->tokens; i++) {
    for (size_t d = 0; d < g->width; d++) {
      if (!expect_near(c, "out", i, d, g->out[i * g->out_stride + d], want[i * g->width + d], bound)) return;
    }
    const size_t gap = i + 1 < g->tokens ? g->out_stride - g->width : 0;
    if (!is_canary(g->out + i * g->out_stride + g->width, gap * sizeof(float))) check_fail(c, "row %zu: too wide", i);
  }
}

static void round_attention(check *c) {
  static const size_t widths[] = {32, 64, 16, 8, 128, 0, 0, 0};
  const size_t tokens = random_size(c, 1, random_bits(c) % 8 ? 70 : 300), fixed = widths[random_bits(c) % 8];
  const size_t width = fixed ? fixed : random_size(c, 1, 70);
  const size_t stride = 3 * width + random_size(c, 0, 40), out_stride = width + random_size(c, 0, 40);
  SET_SHAPE(c, "tokens=%zu width=%zu stride=%zu out_stride=%zu", tokens, width, stride, out_stride);
  size_t bytes;
  if (!alb_attention_scratch(tokens, width, &bytes)) return;
  float *qkv = guarded_floats(c, (tokens - 1) * stride + 3 * width), *want = guarded_floats(c, tokens * width);
  float *out = guarded_floats(c, (tokens - 1) * out_stride + width);
  const float sizes[] = {0.1f, 1, 1, 3};
  random_floats(c, qkv, (tokens - 1) * stride + 3 * width, sizes[random_bits(c) % 4]);
  alb_attention g = {.q = qkv,
                     .k = qkv + width,
                     .v = qkv + 2 * width,
                     .out = want,
                     .stride = stride,
                     .out_stride = width,
                     .tokens = tokens,
                     .width = width,
                     .scale = 1 / sqrtf((float)width)};
  g.scratch = guarded(c, bytes, ALB_KERNEL_ALIGN);
  c->ref->attention(&g);
  guarded_reset(g.scratch, bytes);
  g.out = out;
  g.out_stride = out_stride;
  c->test->attention(&g);
  expect_attention(c, &g, want);
  /* Again, elsewhere and with other numbers in the scratch: the same bits. */
  float *copy = guarded_floats(c, (tokens - 1) * stride + 3 * width), *again = guarded_floats(c, tokens * width);
  memcpy(copy, qkv, ((tokens - 1) * stride + 3 * width) * sizeof *copy);
  g.q = copy, g.k = copy + width, g.v = copy + 2 * width;
  g.scratch = guarded(c, bytes, ALB_KERNEL_ALIGN);
  g.out = again;
  g.out_stride = width;
  c->test->attention(&g);
  expect_same(c, "a second call", again, out, tokens, width, width, out_stride);
  guarded_release(c);
}

void check_attention(check *c) {
  for (int i = 0; i < c->rounds && !c->failures; i++) round_attention(c);
}

typedef struct job {
  const alb_kernels *kernels;
  alb_attention attention;
} job;

static void run_attention(void *context) {
  const job *j = context;
  j->kernels->attention(&j->attention);
}

void bench_attention(check *c) {
  static const size_t shapes[][2] = {{16, 32}, {64, 32}, {128, 32}, {128, 64}, {512, 64}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const size_t t = shapes[i][0], d = shapes[i][1], h = 12 * d;
    size_t bytes;
    if (!alb_attention_scratch(t, d, &bytes)) return;
    float *qkv = aligned_alloc(64, t * 3 * h * sizeof *qkv), *out = aligned_alloc(64, t * h * sizeof *out);
    float *scratch = aligned_alloc(64, bytes);
    if (!qkv || !out || !scratch) exit(2);
    random_floats(c, qkv, t * 3 * h, 1);
    job j = {.kernels = c->test,
             .attention = {.q = qkv,
                           .k = qkv + h,
                           .v = qkv + 2 * h,
                           .out = out,
                           .stride = 3 * h,
                           .out_stride = h,
                           .tokens = t,
                           .width = d,
                           .scale = 1 / sqrtf((float)d),
                           .scratch = scratch}};
    char name[40];
    (void)snprintf(name, sizeof name, "%zu tokens, width %zu", t, d);
    report_rate(c, name, least_seconds(run_attention, &j), 4.0 * (double)(t * t * d), 0);
    free(qkv), free(out), free(scratch);
  }
}
