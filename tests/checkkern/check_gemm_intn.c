/* Checks of the int4 and int6 products: exact numbers from the stored form of the weights, and the law that an element
 * depends on its own row and column only. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "checkkern.h"
#include "runtime/kernels/ref_activation.h"

/* Operands of one product: w and scales as they are stored. */
typedef struct operands {
  alb_gemm_intn g;
  void (*run)(const alb_gemm_intn *);
  unsigned bits; /* as stored; 5 are packed as 6 */
  uint8_t *w;
  uint16_t *scales;
  size_t groups; /* in a row of w */
} operands;

static size_t pick_k(check *c) {
  switch (random_bits(c) % 4) {
    case 0:
      return random_size(c, 0, 70);
    case 1:
      return random_size(c, 380, 1100);
    default:
      return random_size(c, 1, 300);
  }
}

static void pick_shape(check *c, alb_gemm_intn *g) {
  g->m = random_size(c, 1, 20), g->n = random_size(c, 1, 100), g->k = pick_k(c);
  if (random_bits(c) % 8 == 0) g->m = random_size(c, 100, 420), g->n = random_size(c, 1, 40);
  if (random_bits(c) % 8 == 0) g->m = random_size(c, 1, 8), g->n = random_size(c, 100, 600);
  g->n1 = g->n;
  g->lda = alb_s8_stride(g->k) + random_size(c, 0, 3) * 16;
  g->ldc = g->n + random_size(c, 0, 9);
  g->activation = random_bits(c) % 2 ? ALB_ACT_NONE : (alb_activation)(random_bits(c) % ALB_ACT_COUNT);
}

static void fill_activations(check *c, alb_gemm_intn *g) {
  const size_t groups = alb_s8_groups(g->k), stride = alb_s8_stride(g->k);
  uint8_t *a = guarded(c, (g->m - 1) * g->lda + stride, 1);
  alb_range *ranges = (alb_range *)(void *)guarded_floats(c, 2 * g->m * groups);
  for (size_t i = 0; i < g->m; i++) {
    random_u8(c, a + i * g->lda, stride);
    for (size_t k = 0; k < groups; k++) {
      ranges[i * groups + k] = (alb_range){fabsf(random_float(c)) / 127, random_float(c)};
    }
  }
  g->a = a;
  g->a_range = ranges;
}

/* Any bits are a number; those behind the end of a row must not count, so they are left as they come. */
static void fill_weights(check *c, operands *o) {
  const size_t rows = o->g.n, bytes = rows * o->groups * alb_intn_bytes(o->bits);
  o->w = guarded(c, bytes, 1);
  o->scales = guarded(c, rows * o->groups * 2, 2);
  for (size_t i = 0; i < bytes; i++) o->w[i] = (uint8_t)random_bits(c);
  for (size_t i = 0; i < rows * o->groups; i++) o->scales[i] = alb_f32_to_f16(random_float(c) / 8 + 0x1p-20f);
}

/* Packs in blocks of random size. */
static bool pack(check *c, operands *o) {
  const alb_gemm_intn *g = &o->g;
  size_t bytes;
  if (!alb_packed_intn_bytes(o->bits, g->n, g->k, &bytes)) return false;
  void *packed = guarded(c, bytes, ALB_KERNEL_ALIGN);
  for (size_t first = 0, count; first < g->n; first += count) {
    const size_t at = first * o->groups;
    count = random_size(c, 1, g->n - first);
    alb_pack_intn(o->bits, o->w + at * alb_intn_bytes(o->bits), (const uint8_t *)(o->scales + at), first, count, g->n,
                  g->k, packed);
  }
  o->g.packed = packed;
  return true;
}

/* The integer sums of a stored group with `count` elements: of the products with a, and of the elements. */
static void sum_group(unsigned bits, const uint8_t *group, const uint8_t *a, size_t count, int *products,
                      int *elements) {
  *products = *elements = 0;
  for (size_t i = 0; i < count; i++) {
    *products += a[i] * alb_intn_at(group, bits, i);
    *elements += alb_intn_at(group, bits, i);
  }
}

/* Element [i][j] before the activation, as kernels.h says it. */
static float expected(const operands *o, size_t i, size_t j) {
  const alb_gemm_intn *g = &o->g;
  const int factor = o->bits == 4 ? 16 : 4;
  float total = 0;
  for (size_t k = 0; k < g->k; k += ALB_S8_DEPTH) {
    const alb_range range = g->a_range[i * alb_s8_groups(g->k) + k / ALB_S8_DEPTH];
    float column = 0;
    for (size_t e = k; e < k + ALB_S8_DEPTH && e < g->k; e += ALB_INTN_DEPTH) {
      const size_t at = j * o->groups + e / ALB_INTN_DEPTH, left = g->k - e;
      const float scale = alb_f16_to_f32(o->scales[at]) / (float)factor;
      int products, elements;
      sum_group(o->bits, o->w + at * alb_intn_bytes(o->bits), g->a + i * g->lda + e,
                left < ALB_INTN_DEPTH ? left : ALB_INTN_DEPTH, &products, &elements);
      total = fmaf((float)(factor * products), scale * range.scale, total);
      column = fmaf((float)(factor * elements), scale, column);
    }
    total = fmaf(column, range.low, total);
  }
  return g->bias ? total + g->bias[j] : total;
}

static void expect_product(check *c, const operands *o) {
  const alb_gemm_intn *g = &o->g;
  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      const float y = expected(o, i, j);
      const double bound = g->activation ? 4e-7 * (1 + fabs((double)y)) : DBL_MIN;
      if (!expect_near(c, "c", i, j, g->c[i * g->ldc + j], alb_ref_activation(g->activation, y), bound)) return;
    }
  }
}

/* Columns outside [n0, n1) keep their canary. */
static void expect_untouched(check *c, const alb_gemm_intn *g) {
  for (size_t r = 0; r < g->m; r++) {
    const float *row = g->c + r * g->ldc;
    const size_t tail = r + 1 < g->m ? g->ldc - g->n1 : 0;
    if (is_canary(row, g->n0 * sizeof *row) && is_canary(row + g->n1, tail * sizeof *row)) continue;
    check_fail(c, "row %zu: written outside columns %zu..%zu", r, g->n0, g->n1);
    return;
  }
}

static void law(check *c, const operands *o) {
  const alb_gemm_intn *g = &o->g;
  float *again = guarded_floats(c, g->ldc * (g->m - 1) + g->n);
  alb_gemm_intn part = *g;
  part.c = again;
  part.n1 = random_size(c, 0, g->n / ALB_PANEL) * ALB_PANEL;
  o->run(&part);
  expect_untouched(c, &part);
  part.n0 = part.n1;
  part.n1 = g->n;
  o->run(&part);
  expect_same(c, "columns in two calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
  part.n0 = 0;
  for (size_t r = 0; r < g->m; r += part.m) {
    part.m = random_bits(c) % 2 ? 1 : random_size(c, 1, g->m - r);
    part.a = g->a + r * g->lda;
    part.a_range = g->a_range + r * alb_s8_groups(g->k);
    part.c = again + r * g->ldc;
    guarded_reset(part.c, ((part.m - 1) * g->ldc + g->n) * sizeof *part.c);
    o->run(&part);
  }
  expect_same(c, "rows in several calls", again, g->c, g->m, g->n, g->ldc, g->ldc);
}

static void round_intn(check *c, operands o) {
  pick_shape(c, &o.g);
  o.groups = (size_t)alb_intn_groups(o.g.k);
  float *bias = guarded_floats(c, o.g.n);
  random_floats(c, bias, o.g.n, 1);
  o.g.bias = random_bits(c) % 4 ? bias : NULL;
  o.g.c = guarded_floats(c, (o.g.m - 1) * o.g.ldc + o.g.n);
  SET_SHAPE(c, "bits=%u m=%zu n=%zu k=%zu lda=%zu ldc=%zu act=%s bias=%d", o.bits, o.g.m, o.g.n, o.g.k, o.g.lda,
            o.g.ldc, alb_activation_name(o.g.activation), o.g.bias != NULL);
  fill_activations(c, &o.g);
  fill_weights(c, &o);
  if (!pack(c, &o)) return;
  o.run(&o.g);
  expect_untouched(c, &o.g);
  expect_product(c, &o);
  law(c, &o);
  guarded_release(c);
}

/* The largest sums there are: every a and every integer the same. */
static void extreme_intn(check *c, operands o, uint8_t a_value, int w_value) {
  enum { K = ALB_S8_DEPTH, GROUPS = K / ALB_INTN_GROUP };
  SET_SHAPE(c, "bits=%u m=1 n=1 k=%d of %d * %d", o.bits, K, a_value, w_value);
  o.g = (alb_gemm_intn){.lda = K, .ldc = 1, .m = 1, .n = 1, .k = K, .n1 = 1};
  o.groups = GROUPS;
  const alb_range range = {1, 0.5f};
  uint8_t *a = guarded(c, K, 1);
  memset(a, a_value, K);
  o.g.a = a;
  o.g.a_range = &range;
  o.g.c = guarded_floats(c, 1);
  fill_weights(c, &o);
  for (size_t i = 0; i < K; i++) {
    alb_intn_put(o.w + i / ALB_INTN_GROUP * alb_intn_bytes(o.bits), o.bits, i % ALB_INTN_GROUP, w_value);
  }
  if (!pack(c, &o)) return;
  o.run(&o.g);
  expect_product(c, &o);
  guarded_release(c);
}

static void check_intn(check *c, operands o) {
  static const uint8_t a[] = {255, 1};
  for (int i = 0; i < 4; i++) {
    extreme_intn(c, o, a[i / 2], i % 2 ? alb_intn_zero(o.bits) - 1 : -alb_intn_zero(o.bits));
  }
  for (int i = 0; i < c->rounds && !c->failures; i++) round_intn(c, o);
}

void check_gemm_s4(check *c) {
  check_intn(c, (operands){.run = c->test->gemm_s4, .bits = 4});
}

void check_gemm_s6(check *c) {
  check_intn(c, (operands){.run = c->test->gemm_s6, .bits = 5});
  check_intn(c, (operands){.run = c->test->gemm_s6, .bits = 6});
}
