/* What training spends its time with, on sixteen lanes, compiled with the flags of the file that includes it. */
#ifndef ALB_TUNE_FAST_VEC_H
#define ALB_TUNE_FAST_VEC_H

#include "graph/interpret.h"
#include "tune/fast.h"
#include "tune/lanes.h"

#ifndef ALB_TILE_ROWS
#define ALB_TILE_ROWS 4 /* whose sums fit into the registers */
#endif
#ifndef ALB_TILE_LANES
#define ALB_TILE_LANES 1 /* sixteens of columns whose sums do */
#endif

#define ALB_INLINE static inline __attribute__((always_inline))

/* ---- products ---- */

/* Inlined where rows is a constant. */
ALB_INLINE void alb_tile_rows(const float *a, size_t a_step, size_t rows, const float *b, size_t k, bool add, float *c,
                              size_t c_row) {
  alb_v sums[ALB_TILE_ROWS][ALB_TILE_LANES], x[ALB_TILE_LANES];
  for (size_t r = 0; r < rows; r++)
    for (int j = 0; j < ALB_TILE_LANES; j++)
      sums[r][j] = add ? alb_v_load(c + r * c_row + j * ALB_LANES) : alb_v_all(0);
  for (size_t i = 0; i < k; i++, a += a_step, b += ALB_PANEL) {
    for (int j = 0; j < ALB_TILE_LANES; j++) x[j] = alb_v_load(b + j * ALB_LANES);
    for (size_t r = 0; r < rows; r++)
      for (int j = 0; j < ALB_TILE_LANES; j++) sums[r][j] = alb_v_fma(alb_v_all(a[r]), x[j], sums[r][j]);
  }
  for (size_t r = 0; r < rows; r++)
    for (int j = 0; j < ALB_TILE_LANES; j++) alb_v_store(c + r * c_row + j * ALB_LANES, sums[r][j]);
}

#define ALB_TILE_CASE(n)                                                                               \
  case n:                                                                                              \
    if (n <= ALB_TILE_ROWS) alb_tile_rows(a, a_step, n <= ALB_TILE_ROWS ? n : 1, b, k, add, c, c_row); \
    break;

static void alb_tile_some(const float *a, size_t a_step, size_t rows, const float *b, size_t k, bool add, float *c,
                          size_t c_row) {
  switch (rows) {
    ALB_TILE_CASE(1)
    ALB_TILE_CASE(2)
    ALB_TILE_CASE(3)
    ALB_TILE_CASE(4)
    ALB_TILE_CASE(5)
    ALB_TILE_CASE(6)
    ALB_TILE_CASE(7)
    ALB_TILE_CASE(8)
    ALB_TILE_CASE(9)
    ALB_TILE_CASE(10)
    ALB_TILE_CASE(11)
    ALB_TILE_CASE(12)
    ALB_TILE_CASE(13)
    ALB_TILE_CASE(14)
  }
}

static void alb_fast_tile(const float *a, size_t rows, const float *b, size_t k, bool add, float *c, size_t c_row) {
  for (size_t r = 0; r < rows; r += ALB_TILE_ROWS) {
    const size_t n = rows - r < ALB_TILE_ROWS ? rows - r : ALB_TILE_ROWS;
    for (size_t j = 0; j < ALB_PANEL; j += ALB_TILE_LANES * ALB_LANES)
      alb_tile_some(a + r, rows, n, b + j, k, add, c + r * c_row + j, c_row);
  }
}

/* ---- activations ---- */

/* The distribution function of the normal distribution and e^(-x^2/2), after Abramowitz & Stegun 7.1.26, whose error is
 * 1.5e-7. */
ALB_INLINE alb_v alb_v_normal(alb_v x, alb_v *bell) {
  static const float factors[] = {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
  const alb_v size = alb_v_sign(x, alb_v_all(1)), one = alb_v_all(1);
  const alb_v t = alb_v_div(one, alb_v_fma(size, alb_v_all(0.3275911f * 0.70710678f), one));
  alb_v sum = alb_v_all(1.061405429f);
  for (int i = 0; i < 4; i++) sum = alb_v_fma(sum, t, alb_v_all(factors[i]));
  *bell = alb_v_exp(alb_v_mul(alb_v_mul(x, x), alb_v_all(-0.5f)));
  const alb_v beyond = alb_v_mul(alb_v_mul(alb_v_mul(sum, t), *bell), alb_v_all(0.5f));
  return alb_v_add(alb_v_all(0.5f), alb_v_sign(alb_v_sub(alb_v_all(0.5f), beyond), x));
}

ALB_INLINE alb_v alb_v_gelu(alb_v x, bool slope) {
  alb_v bell;
  const alb_v part = alb_v_normal(x, &bell);
  return slope ? alb_v_fma(alb_v_mul(x, bell), alb_v_all(0.39894228f), part) : alb_v_mul(x, part);
}

ALB_INLINE alb_v alb_v_gelu_tanh(alb_v x, bool slope) {
  const float root = 1.59576912f, cubic = 0.044715f; /* 2 sqrt(2 / pi) */
  const alb_v one = alb_v_all(1), square = alb_v_mul(x, x);
  const alb_v inner = alb_v_mul(x, alb_v_fma(square, alb_v_all(-cubic * root), alb_v_all(-root)));
  const alb_v s = alb_v_div(one, alb_v_add(one, alb_v_exp(inner)));
  const alb_v steep = alb_v_fma(square, alb_v_all(3 * cubic * root), alb_v_all(root));
  return slope ? alb_v_fma(alb_v_mul(alb_v_mul(x, s), alb_v_sub(one, s)), steep, s) : alb_v_mul(x, s);
}

/* Inlined for each form. */
ALB_INLINE void alb_gelu_all(bool by_tanh, const float *x, size_t n, bool slope, float *y) {
  for (size_t i = 0; i < n; i += ALB_LANES) {
    const size_t some = n - i < ALB_LANES ? n - i : ALB_LANES;
    const alb_v in = alb_v_load_part(x + i, some, 0);
    const alb_v out = by_tanh ? alb_v_gelu_tanh(in, slope) : alb_v_gelu(in, slope);
    alb_v_store_part(y + i, some, slope ? alb_v_mul(alb_v_load_part(y + i, some, 0), out) : out);
  }
}

static void alb_fast_activate(alb_activation activation, const float *x, size_t n, float *y) {
  if (activation == ALB_ACT_GELU)
    alb_gelu_all(false, x, n, false, y);
  else if (activation == ALB_ACT_GELU_TANH)
    alb_gelu_all(true, x, n, false, y);
  else
    for (size_t i = 0; i < n; i++) y[i] = (float)alb_activation_value(activation, (double)x[i]);
}

static void alb_fast_activate_back(alb_activation activation, const float *x, size_t n, float *d) {
  if (activation == ALB_ACT_GELU)
    alb_gelu_all(false, x, n, true, d);
  else if (activation == ALB_ACT_GELU_TANH)
    alb_gelu_all(true, x, n, true, d);
  else
    for (size_t i = 0; i < n; i++) d[i] *= (float)alb_activation_slope(activation, (double)x[i]);
}

/* ---- rows ---- */

#define ALB_EACH(i, some, n) \
  for (size_t i = 0, some; i < n && (some = n - i < ALB_LANES ? n - i : ALB_LANES); i += ALB_LANES)

static void alb_fast_softmax(float *row, size_t n, float scale) {
  alb_v highest = alb_v_all(row[0]), sum = alb_v_all(0);
  ALB_EACH(i, some, n) highest = alb_v_max(highest, alb_v_load_part(row + i, some, row[0]));
  const alb_v by = alb_v_all(scale), from = alb_v_all(-scale * alb_v_highest(highest));
  ALB_EACH(i, some, n) {
    const alb_v power = alb_v_exp(alb_v_fma(alb_v_load_part(row + i, some, 0), by, from));
    alb_v_store_part(row + i, some, power);
    sum = alb_v_add(sum, alb_v_load_part(row + i, some, 0));
  }
  const alb_v share = alb_v_all(1 / alb_v_sum(sum));
  ALB_EACH(i, some, n) alb_v_store_part(row + i, some, alb_v_mul(alb_v_load_part(row + i, some, 0), share));
}

static void alb_fast_softmax_back(const float *p, size_t n, float scale, float *d) {
  alb_v sum = alb_v_all(0);
  ALB_EACH(i, some, n) sum = alb_v_fma(alb_v_load_part(p + i, some, 0), alb_v_load_part(d + i, some, 0), sum);
  const alb_v along = alb_v_all(alb_v_sum(sum)), by = alb_v_all(scale);
  ALB_EACH(i, some, n) {
    const alb_v apart = alb_v_sub(alb_v_load_part(d + i, some, 0), along);
    alb_v_store_part(d + i, some, alb_v_mul(alb_v_mul(alb_v_load_part(p + i, some, 0), by), apart));
  }
}

/* The mean and 1 / sqrt(variance + eps). */
ALB_INLINE void alb_row_moments(const float *x, size_t n, float eps, float *mean, float *scale) {
  alb_v sum = alb_v_all(0), squares = alb_v_all(0);
  ALB_EACH(i, some, n) sum = alb_v_add(sum, alb_v_load_part(x + i, some, 0));
  *mean = alb_v_sum(sum) / (float)n;
  ALB_EACH(i, some, n) {
    const alb_v apart = alb_v_sub(alb_v_load_part(x + i, some, *mean), alb_v_all(*mean));
    squares = alb_v_fma(apart, apart, squares);
  }
  *scale = 1 / sqrtf(alb_v_sum(squares) / (float)n + eps);
}

static void alb_fast_norm(const float *x, size_t n, const float *gamma, const float *beta, float eps, float *y) {
  float mean, scale;
  alb_row_moments(x, n, eps, &mean, &scale);
  ALB_EACH(i, some, n) {
    alb_v unit = alb_v_mul(alb_v_sub(alb_v_load_part(x + i, some, 0), alb_v_all(mean)), alb_v_all(scale));
    if (gamma) unit = alb_v_fma(unit, alb_v_load_part(gamma + i, some, 0), alb_v_load_part(beta + i, some, 0));
    alb_v_store_part(y + i, some, unit);
  }
}

/* With u the unit row and g = d gamma: scale (g - mean(g) - u mean(g u)). */
static void alb_fast_norm_back(const float *x, size_t n, const float *gamma, float eps, float *dgamma, float *dbeta,
                               float *d) {
  float mean, scale;
  alb_v sum = alb_v_all(0), along = alb_v_all(0);
  alb_row_moments(x, n, eps, &mean, &scale);
  ALB_EACH(i, some, n) {
    const alb_v by = alb_v_load_part(d + i, some, 0), g = alb_v_mul(by, alb_v_load_part(gamma + i, some, 0));
    const alb_v unit = alb_v_mul(alb_v_sub(alb_v_load_part(x + i, some, 0), alb_v_all(mean)), alb_v_all(scale));
    alb_v_store_part(dgamma + i, some, alb_v_fma(by, unit, alb_v_load_part(dgamma + i, some, 0)));
    alb_v_store_part(dbeta + i, some, alb_v_add(by, alb_v_load_part(dbeta + i, some, 0)));
    sum = alb_v_add(sum, g);
    along = alb_v_fma(g, unit, along);
  }
  const alb_v mean_g = alb_v_all(-alb_v_sum(sum) / (float)n), mean_along = alb_v_all(-alb_v_sum(along) / (float)n);
  ALB_EACH(i, some, n) {
    const alb_v unit = alb_v_mul(alb_v_sub(alb_v_load_part(x + i, some, 0), alb_v_all(mean)), alb_v_all(scale));
    const alb_v g = alb_v_fma(alb_v_load_part(d + i, some, 0), alb_v_load_part(gamma + i, some, 0), mean_g);
    alb_v_store_part(d + i, some, alb_v_mul(alb_v_all(scale), alb_v_fma(unit, mean_along, g)));
  }
}

static void alb_fast_adamw(const alb_adamw_step *step, size_t n, const float *gradients, float *values, float *first,
                           float *second) {
  const alb_v keep1 = alb_v_all(step->keep1), keep2 = alb_v_all(step->keep2), scale = alb_v_all(step->scale);
  const alb_v add1 = alb_v_all(1 - step->keep1), add2 = alb_v_all(1 - step->keep2);
  ALB_EACH(i, some, n) {
    const alb_v g = alb_v_mul(alb_v_load_part(gradients + i, some, 0), scale);
    const alb_v x = alb_v_load_part(values + i, some, 0);
    const alb_v m = alb_v_fma(alb_v_load_part(first + i, some, 0), keep1, alb_v_mul(add1, g));
    const alb_v v = alb_v_fma(alb_v_load_part(second + i, some, 0), keep2, alb_v_mul(add2, alb_v_mul(g, g)));
    const alb_v root = alb_v_add(alb_v_root(alb_v_mul(v, alb_v_all(step->correct2))), alb_v_all(step->tiny));
    const alb_v move = alb_v_fma(alb_v_all(step->shrink), x, alb_v_div(alb_v_mul(alb_v_all(step->rate), m), root));
    alb_v_store_part(first + i, some, m);
    alb_v_store_part(second + i, some, v);
    alb_v_store_part(values + i, some, alb_v_sub(x, move));
  }
}

#define ALB_FAST(rows)                                                                                       \
  {                                                                                                          \
    rows, alb_fast_tile, alb_fast_activate, alb_fast_activate_back, alb_fast_softmax, alb_fast_softmax_back, \
        alb_fast_norm, alb_fast_norm_back, alb_fast_adamw                                                    \
  }

#endif
