/* Checks of the matrix products: numbers against a plain double or integer sum over the unpacked
 * weights, and the law that an element depends on its own row and column only. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"
#include "runtime/kernels/ref_activation.h"

typedef struct shape {
  size_t m, n, k, lda, ldc;
  alb_activation activation;
  bool bias;
} shape;

static shape random_shape(check *c) {
  shape s = {.m = random_size(c, 1, 20), .n = random_size(c, 1, 100), .k = random_size(c, 0, 70)};
  switch (random_bits(c) % 8) {
    case 0:
      s.k = random_size(c, 380, 1100);
      break; /* past the blocks in k */
    case 1:
      s.m = random_size(c, 100, 420), s.n = random_size(c, 1, 40);
      break;
    case 2:
      s.n = random_size(c, 100, 600), s.m = random_size(c, 1, 8);
      break;
    case 3:
      s.m = random_size(c, 1, 3), s.k = random_size(c, 1, 600);
      break;
    default:
      break;
  }
  s.lda = s.k + random_size(c, 0, 9);
  s.ldc = s.n + random_size(c, 0, 9);
  s.activation = random_bits(c) % 2 ? ALB_ACT_NONE : (alb_activation)(random_bits(c) % ALB_ACT_COUNT);
  s.bias = random_bits(c) % 4 != 0;
  SET_SHAPE(c, "m=%zu n=%zu k=%zu lda=%zu ldc=%zu act=%s bias=%d", s.m, s.n, s.k, s.lda, s.ldc,
            alb_activation_name(s.activation), s.bias);
  return s;
}

/* Packs in blocks of random size, as a caller that widens a few rows at a time does. */
static void pack_blocks_f32(check *c, const float *w, size_t n, size_t k, float *packed) {
  for (size_t first = 0, count; first < n; first += count) {
    count = random_size(c, 1, n - first);
    alb_pack_f32(w + first * k, first, count, n, k, packed);
  }
}

static void pack_blocks_s8(check *c, const int8_t *w, size_t n, size_t k, void *packed) {
  for (size_t first = 0, count; first < n; first += count) {
    count = random_size(c, 1, n - first);
    alb_pack_s8(w + first * k, first, count, n, k, packed);
  }
}

/* Columns outside [n0, n1) keep their canary. */
static void expect_untouched(check *c, const float *out, size_t m, size_t ldc, size_t n0, size_t n1) {
  for (size_t r = 0; r < m; r++) {
    const float *row = out + r * ldc;
    const size_t tail = r + 1 < m ? ldc - n1 : 0;
    if (is_canary(row, n0 * sizeof *row) && is_canary(row + n1, tail * sizeof *row)) continue;
    check_fail(c, "row %zu: written outside columns %zu..%zu", r, n0, n1);
    return;
  }
}

static size_t c_elements(const shape *s) {
  return (s->m - 1) * s->ldc + s->n;
}

/* How much the activation may add to the error of its argument. */
static double activated_bound(alb_activation activation, double y, double bound) {
  return activation == ALB_ACT_NONE ? bound : 1.2 * bound + 4e-7 * (1 + fabs(y));
}

/* ---- f32 ---- */

static void expect_f32(check *c, const alb_gemm_f32 *g, const float *w) {
  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      double sum = 0, size = 0;
      for (size_t k = 0; k < g->k; k++) {
        const double product = (double)g->a[i * g->lda + k] * w[j * g->k + k];
        sum += product;
        size += fabs(product);
      }
      const double y = g->bias ? sum + g->bias[j] : sum;
      const double bound = activated_bound(g->activation, y, 4 * FLT_EPSILON * (size + fabs(y)));
      const double want = g->activation ? alb_ref_activation(g->activation, (float)y) : y;
      if (!expect_near(c, "c", i, j, g->c[i * g->ldc + j], want, bound)) return;
    }
  }
}

/* Every row alone, and columns and rows cut into calls, give the bits of the whole. */
static void law_f32(check *c, const alb_gemm_f32 *g) {
  float *again = guarded_floats(c, g->ldc * (g->m - 1) + g->n);
  alb_gemm_f32 part = *g;
  part.c = again;
  part.n1 = random_size(c, 0, g->n / ALB_PANEL) * ALB_PANEL;
  c->test->gemm_f32(&part);
  expect_untouched(c, again, g->m, g->ldc, 0, part.n1);
  part.n0 = part.n1;
  part.n1 = g->n;
  c->test->gemm_f32(&part);
  expect_same(c, "columns in two calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
  part.n0 = 0;
  for (size_t r = 0, rows; r < g->m; r += rows) {
    rows = random_bits(c) % 2 ? 1 : random_size(c, 1, g->m - r);
    part.m = rows;
    part.a = g->a + r * g->lda;
    part.c = again + r * g->ldc;
    guarded_reset(part.c, ((rows - 1) * g->ldc + g->n) * sizeof *part.c);
    c->test->gemm_f32(&part);
  }
  expect_same(c, "rows in several calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
}

/* The same weights, moved to other columns, give the same bits. */
static void law_place_f32(check *c, const alb_gemm_f32 *g, const float *w) {
  const size_t shift = random_size(c, 1, 70), n = g->n + shift;
  float *w2 = guarded_floats(c, n * g->k), *c2 = guarded_floats(c, g->m * n), *bias = NULL;
  size_t bytes;
  if (!alb_packed_f32_bytes(n, g->k, &bytes)) return;
  float *packed = guarded(c, bytes, ALB_KERNEL_ALIGN);
  random_floats(c, w2, shift * g->k, 1);
  memcpy(w2 + shift * g->k, w, g->n * g->k * sizeof *w);
  alb_pack_f32(w2, 0, n, n, g->k, packed);
  if (g->bias) {
    bias = guarded_floats(c, n);
    random_floats(c, bias, shift, 1);
    memcpy(bias + shift, g->bias, g->n * sizeof *bias);
  }
  alb_gemm_f32 moved = *g;
  moved.packed = packed;
  moved.bias = bias;
  moved.c = c2;
  moved.n = moved.n1 = moved.ldc = n;
  c->test->gemm_f32(&moved);
  expect_same(c, "columns moved", c2 + shift, g->c, g->m, g->n, n, g->ldc);
}

static void round_f32(check *c) {
  const shape s = random_shape(c);
  float *a = guarded_floats(c, (s.m - 1) * s.lda + s.k), *w = guarded_floats(c, s.n * s.k);
  float *bias = guarded_floats(c, s.n), *out = guarded_floats(c, c_elements(&s));
  size_t bytes;
  if (!alb_packed_f32_bytes(s.n, s.k, &bytes)) return;
  float *packed = guarded(c, bytes, ALB_KERNEL_ALIGN);
  random_floats(c, a, (s.m - 1) * s.lda + s.k, 1);
  random_floats(c, w, s.n * s.k, 1 / sqrtf((float)s.k));
  random_floats(c, bias, s.n, 1);
  pack_blocks_f32(c, w, s.n, s.k, packed);
  const alb_gemm_f32 g = {.a = a,
                          .packed = packed,
                          .bias = s.bias ? bias : NULL,
                          .c = out,
                          .lda = s.lda,
                          .ldc = s.ldc,
                          .m = s.m,
                          .n = s.n,
                          .k = s.k,
                          .n1 = s.n,
                          .activation = s.activation};
  c->test->gemm_f32(&g);
  expect_untouched(c, out, s.m, s.ldc, 0, s.n);
  expect_f32(c, &g, w);
  law_f32(c, &g);
  law_place_f32(c, &g, w);
  guarded_release(c);
}

void check_gemm_f32(check *c) {
  for (int i = 0; i < c->rounds && !c->failures; i++) round_f32(c);
}

/* ---- int8 ---- */

static void expect_s8(check *c, const alb_gemm_s8 *g, const int8_t *w) {
  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      float total = 0;
      for (size_t k = 0; k < g->k; k += ALB_S8_DEPTH) {
        const alb_range range = g->a_range[i * alb_s8_groups(g->k) + k / ALB_S8_DEPTH];
        int64_t sum = 0, column = 0;
        for (size_t e = k; e < k + ALB_S8_DEPTH && e < g->k; e++) {
          sum += (int64_t)g->a[i * g->lda + e] * w[j * g->k + e];
          column += w[j * g->k + e];
        }
        total = fmaf((float)sum, range.scale, total);
        total = fmaf((float)column, range.low, total);
      }
      const float y = fmaf(total, g->w_scale[j], g->bias ? g->bias[j] : -0.0f);
      const double bound = g->activation ? 4e-7 * (1 + fabs((double)y)) : 0;
      const double want = alb_ref_activation(g->activation, y);
      if (!expect_near(c, "c", i, j, g->c[i * g->ldc + j], want, bound > 0 ? bound : DBL_MIN)) return;
    }
  }
}

static void law_s8(check *c, const alb_gemm_s8 *g) {
  float *again = guarded_floats(c, g->ldc * (g->m - 1) + g->n);
  alb_gemm_s8 part = *g;
  part.c = again;
  part.n1 = random_size(c, 0, g->n / ALB_PANEL) * ALB_PANEL;
  c->test->gemm_s8(&part);
  expect_untouched(c, again, g->m, g->ldc, 0, part.n1);
  part.n0 = part.n1;
  part.n1 = g->n;
  c->test->gemm_s8(&part);
  expect_same(c, "columns in two calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
  part.n0 = 0;
  for (size_t r = 0, rows; r < g->m; r += rows) {
    rows = random_bits(c) % 2 ? 1 : random_size(c, 1, g->m - r);
    part.m = rows;
    part.a = g->a + r * g->lda;
    part.a_range = g->a_range + r * alb_s8_groups(g->k);
    part.c = again + r * g->ldc;
    guarded_reset(part.c, ((rows - 1) * g->ldc + g->n) * sizeof *part.c);
    c->test->gemm_s8(&part);
  }
  expect_same(c, "rows in several calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
}

static void round_s8(check *c) {
  shape s = random_shape(c);
  s.lda = alb_s8_stride(s.k) + random_size(c, 0, 3) * 16;
  const size_t a_bytes = (s.m - 1) * s.lda + alb_s8_stride(s.k);
  uint8_t *a = guarded(c, a_bytes, 1);
  int8_t *w = guarded(c, s.n * s.k, 1);
  const size_t groups = alb_s8_groups(s.k);
  alb_range *ranges = (alb_range *)(void *)guarded_floats(c, 2 * s.m * groups);
  float *w_scales = guarded_floats(c, s.n), *bias = guarded_floats(c, s.n);
  float *out = guarded_floats(c, c_elements(&s));
  size_t bytes;
  if (!alb_packed_s8_bytes(s.n, s.k, &bytes)) return;
  void *packed = guarded(c, bytes, ALB_KERNEL_ALIGN);
  for (size_t i = 0; i < s.m; i++) {
    random_u8(c, a + i * s.lda, alb_s8_stride(s.k));
    for (size_t k = 0; k < groups; k++) {
      ranges[i * groups + k] = (alb_range){fabsf(random_float(c)) / 127, random_float(c)};
    }
  }
  random_s8(c, w, s.n * s.k);
  for (size_t j = 0; j < s.n; j++) w_scales[j] = fabsf(random_float(c)) / 127;
  random_floats(c, bias, s.n, 1);
  pack_blocks_s8(c, w, s.n, s.k, packed);
  const alb_gemm_s8 g = {.a = a,
                         .a_range = ranges,
                         .packed = packed,
                         .w_scale = w_scales,
                         .bias = s.bias ? bias : NULL,
                         .c = out,
                         .lda = s.lda,
                         .ldc = s.ldc,
                         .m = s.m,
                         .n = s.n,
                         .k = s.k,
                         .n1 = s.n,
                         .activation = s.activation};
  c->test->gemm_s8(&g);
  expect_untouched(c, out, s.m, s.ldc, 0, s.n);
  expect_s8(c, &g, w);
  law_s8(c, &g);
  guarded_release(c);
}

/* The largest numbers in one group. */
static void extreme_s8(check *c, uint8_t a_value, int8_t w_value) {
  enum { K = ALB_S8_DEPTH };
  SET_SHAPE(c, "m=1 n=1 k=%d of %d * %d", K, a_value, w_value);
  size_t bytes;
  if (!alb_packed_s8_bytes(1, K, &bytes)) return;
  uint8_t *a = guarded(c, K, 1);
  int8_t *w = guarded(c, K, 1), *packed = guarded(c, bytes, ALB_KERNEL_ALIGN);
  const alb_range range = {1, 0.5f};
  float one = 1, *out = guarded_floats(c, 1);
  memset(a, a_value, K);
  memset(w, w_value, K);
  alb_pack_s8(w, 0, 1, 1, K, packed);
  const alb_gemm_s8 g = {.a = a,
                         .a_range = &range,
                         .packed = packed,
                         .w_scale = &one,
                         .c = out,
                         .lda = K,
                         .ldc = 1,
                         .m = 1,
                         .n = 1,
                         .k = K,
                         .n1 = 1};
  c->test->gemm_s8(&g);
  expect_s8(c, &g, w);
  guarded_release(c);
}

void check_gemm_s8(check *c) {
  extreme_s8(c, 255, 127);
  extreme_s8(c, 1, 127);
  extreme_s8(c, 255, -127);
  extreme_s8(c, 1, -127);
  for (int i = 0; i < c->rounds && !c->failures; i++) round_s8(c);
}
