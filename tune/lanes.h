/* Sixteen f32 at a time, with the vectors that the including file is compiled for. Every operation is rounded once and
 * sums have one order, so that all widths give the same bits. */
#ifndef ALB_TUNE_LANES_H
#define ALB_TUNE_LANES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { ALB_LANES = 16 };

/* alb_v_load_part, alb_v_store_part: the first n (<= ALB_LANES) numbers; the others are `rest`, or stay as they are. */

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 alb_v;
#define ALB_V_OP(name, form)                   \
  static inline alb_v name(alb_v a, alb_v b) { \
    return form;                               \
  }
static inline alb_v alb_v_all(float x) {
  return _mm512_set1_ps(x);
}
static inline alb_v alb_v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline void alb_v_store(float *p, alb_v a) {
  _mm512_storeu_ps(p, a);
}
static inline alb_v alb_v_fma(alb_v a, alb_v b, alb_v c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline alb_v alb_v_root(alb_v a) {
  return _mm512_sqrt_ps(a);
}
ALB_V_OP(alb_v_add, _mm512_add_ps(a, b))
ALB_V_OP(alb_v_sub, _mm512_sub_ps(a, b))
ALB_V_OP(alb_v_mul, _mm512_mul_ps(a, b))
ALB_V_OP(alb_v_div, _mm512_div_ps(a, b))
ALB_V_OP(alb_v_max, _mm512_max_ps(a, b))
ALB_V_OP(alb_v_min, _mm512_min_ps(a, b))
/* the size of a with the sign of b */
ALB_V_OP(alb_v_sign, _mm512_or_ps(_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a), _mm512_and_ps(_mm512_set1_ps(-0.0f), b)))
/* a times 2^n, where b is the float 1.5 * 2^23 + n */
ALB_V_OP(alb_v_shift,
         _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(_mm512_castps_si512(b), 23))))
static inline alb_v alb_v_load_part(const float *p, size_t n, float rest) {
  return _mm512_mask_loadu_ps(_mm512_set1_ps(rest), (__mmask16)((1u << n) - 1), p);
}
static inline void alb_v_store_part(float *p, size_t n, alb_v a) {
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), a);
}
#elif defined(__AVX2__)
#include <immintrin.h>
typedef struct alb_v {
  __m256 lo, hi;
} alb_v;
#define ALB_V_HALF(form, half) form(a.half, b.half)
#define ALB_V_OP(name, form)                            \
  static inline alb_v name(alb_v a, alb_v b) {          \
    return (alb_v){form(a.lo, b.lo), form(a.hi, b.hi)}; \
  }
static inline alb_v alb_v_all(float x) {
  return (alb_v){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
static inline alb_v alb_v_load(const float *p) {
  return (alb_v){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void alb_v_store(float *p, alb_v a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
static inline alb_v alb_v_fma(alb_v a, alb_v b, alb_v c) {
  return (alb_v){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline alb_v alb_v_root(alb_v a) {
  return (alb_v){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}
static inline __m256 alb_v_sign_half(__m256 a, __m256 b) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b));
}
static inline __m256 alb_v_shift_half(__m256 a, __m256 b) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_castps_si256(b), 23)));
}
/* The lanes first .. first + 7 that are below n. */
static inline __m256i alb_v_below(size_t n, int first) {
  const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(first));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}
static inline __m256 alb_v_load_half(const float *p, __m256i mask, float rest) {
  return _mm256_blendv_ps(_mm256_set1_ps(rest), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}
static inline alb_v alb_v_load_part(const float *p, size_t n, float rest) {
  if (n == ALB_LANES) return alb_v_load(p);
  return (alb_v){alb_v_load_half(p, alb_v_below(n, 0), rest), alb_v_load_half(p + 8, alb_v_below(n, 8), rest)};
}
static inline void alb_v_store_part(float *p, size_t n, alb_v a) {
  _mm256_maskstore_ps(p, alb_v_below(n, 0), a.lo);
  _mm256_maskstore_ps(p + 8, alb_v_below(n, 8), a.hi);
}
ALB_V_OP(alb_v_add, _mm256_add_ps)
ALB_V_OP(alb_v_sub, _mm256_sub_ps)
ALB_V_OP(alb_v_mul, _mm256_mul_ps)
ALB_V_OP(alb_v_div, _mm256_div_ps)
ALB_V_OP(alb_v_max, _mm256_max_ps)
ALB_V_OP(alb_v_min, _mm256_min_ps)
ALB_V_OP(alb_v_sign, alb_v_sign_half)
ALB_V_OP(alb_v_shift, alb_v_shift_half)
#else
typedef struct alb_v {
  float of[ALB_LANES];
} alb_v;
#define ALB_V_OP(name, form)                   \
  static inline alb_v name(alb_v x, alb_v y) { \
    for (int i = 0; i < ALB_LANES; i++) {      \
      const float a = x.of[i], b = y.of[i];    \
      x.of[i] = form;                          \
    }                                          \
    return x;                                  \
  }
static inline float alb_v_shift_one(float a, float b) {
  uint32_t x, n;
  memcpy(&x, &a, sizeof x);
  memcpy(&n, &b, sizeof n);
  x += n << 23;
  memcpy(&a, &x, sizeof a);
  return a;
}
static inline alb_v alb_v_all(float x) {
  alb_v v;
  for (int i = 0; i < ALB_LANES; i++) v.of[i] = x;
  return v;
}
static inline alb_v alb_v_load(const float *p) {
  alb_v v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void alb_v_store(float *p, alb_v a) {
  memcpy(p, &a, sizeof a);
}
static inline alb_v alb_v_fma(alb_v a, alb_v b, alb_v c) {
  for (int i = 0; i < ALB_LANES; i++) c.of[i] = fmaf(a.of[i], b.of[i], c.of[i]);
  return c;
}
static inline alb_v alb_v_root(alb_v a) {
  for (int i = 0; i < ALB_LANES; i++) a.of[i] = sqrtf(a.of[i]);
  return a;
}
static inline alb_v alb_v_load_part(const float *p, size_t n, float rest) {
  alb_v v = alb_v_all(rest);
  memcpy(&v, p, n * sizeof *p);
  return v;
}
static inline void alb_v_store_part(float *p, size_t n, alb_v a) {
  memcpy(p, &a, n * sizeof *p);
}
ALB_V_OP(alb_v_add, a + b)
ALB_V_OP(alb_v_sub, a - b)
ALB_V_OP(alb_v_mul, a *b)
ALB_V_OP(alb_v_div, a / b)
ALB_V_OP(alb_v_max, a > b ? a : b)
ALB_V_OP(alb_v_min, a < b ? a : b)
ALB_V_OP(alb_v_sign, copysignf(a, b))
ALB_V_OP(alb_v_shift, alb_v_shift_one(a, b))
#endif

/* Added in pairs that lie half of the lanes apart. */
static inline float alb_v_sum(alb_v a) {
  float all[ALB_LANES];
  alb_v_store(all, a);
  for (int half = ALB_LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) all[i] += all[i + half];
  return all[0];
}

static inline float alb_v_highest(alb_v a) {
  float all[ALB_LANES];
  alb_v_store(all, a);
  for (int half = ALB_LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) all[i] = all[i + half] > all[i] ? all[i + half] : all[i];
  return all[0];
}

/* e^x within two units of the last place: 2^n times the Taylor series of what is left of x, which is at most
 * ln(2) / 2. Below -87 and above 88: as for these. */
static inline alb_v alb_v_exp(alb_v x) {
  static const float series[] = {1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
  const alb_v whole = alb_v_all(12582912.0f); /* 1.5 * 2^23: a float that is added to it loses its fraction */
  x = alb_v_min(alb_v_max(x, alb_v_all(-87)), alb_v_all(88));
  const alb_v shifted = alb_v_fma(x, alb_v_all(1.44269504f), whole), n = alb_v_sub(shifted, whole);
  const alb_v near = alb_v_fma(n, alb_v_all(-0.693359375f), x); /* ln(2) in two parts, the first of few bits */
  const alb_v rest = alb_v_fma(n, alb_v_all(2.12194440e-4f), near);
  alb_v sum = alb_v_all(1.0f / 40320);
  for (size_t i = 0; i < sizeof series / sizeof series[0]; i++) sum = alb_v_fma(sum, rest, alb_v_all(series[i]));
  return alb_v_shift(sum, shifted);
}

#endif
