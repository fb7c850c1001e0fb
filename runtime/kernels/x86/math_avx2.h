/* Vector exp, tanh and the activation functions. Constants by tools/fit_kernel_constants.py; checkkern
 * holds the errors: exp 1 unit in the last place, the others 1e-7 of max(1, |x|). NaN stays NaN. */
#ifndef ALB_KERNELS_MATH_AVX2_H
#define ALB_KERNELS_MATH_AVX2_H

#include <immintrin.h>
#include <stddef.h>

#include "base/vocabulary.h"

#define ALB_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define ALB_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ALB_UNROLL _Pragma("GCC unroll 16")
#endif

/* (2^r - 1) / r for |r| <= 1/2 */
static const float exp2_p[] = {0.693147182f,   0.240226477f,   0.0555033237f,
                               0.00961843692f, 0.00133988739f, 0.00015353362f};
/* (Phi(x) - 1/2) / x in s = x^2, |x| <= 5.5 */
static const float phi_p[] = {0.398942232f,    0.0338525996f, 0.00467725797f,
                              0.000168825281f, 6.352122e-06f, 2.27494787e-08f};
static const float phi_q[] = {1.0f, 0.251521796f, 0.0286458451f, 0.00188444252f, 7.36474103e-05f, 1.19750757e-06f};
/* tanh(x) / x in s = x^2, |x| <= 9 */
static const float tanh_p[] = {1.0f, 0.133810252f, 0.00349558843f, 2.06090881e-05f, 1.33546694e-08f};
static const float tanh_q[] = {1.0f, 0.467143416f, 0.025876984f, 0.000328563532f, 7.77656112e-07f};

#define COEFFICIENTS(array) (array), (int)(sizeof(array) / sizeof((array)[0]))

/* c[0] + c[1] x + ... */
ALB_INLINE __m256 polynomial(__m256 x, const float *c, int count) {
  __m256 y = _mm256_set1_ps(c[count - 1]);
  ALB_UNROLL
  for (int i = count - 2; i >= 0; i--) y = _mm256_fmadd_ps(y, x, _mm256_set1_ps(c[i]));
  return y;
}

/* x within [low, high]; NaN stays (min and max give their second operand then). */
ALB_INLINE __m256 clamped(__m256 x, float low, float high) {
  return _mm256_max_ps(_mm256_set1_ps(low), _mm256_min_ps(_mm256_set1_ps(high), x));
}

/* Adding this to |y| < 2^22 rounds y to an integer, which then stands in the low bits of the sum. */
#define ALB_SHIFTER 0x1.8p23f

/* 2^(n + r) from n + ALB_SHIFTER and |r| <= 1/2, for n in [-126, 127]. */
ALB_INLINE __m256 exp2_parts(__m256 shifted, __m256 r) {
  const __m256 y = _mm256_fmadd_ps(r, polynomial(r, COEFFICIENTS(exp2_p)), _mm256_set1_ps(1.0f));
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
}

/* 2^(x * c), for x * c in [-126, 127]; the product is not rounded. */
ALB_INLINE __m256 exp2_of_product(__m256 x, __m256 c) {
  const __m256 shifter = _mm256_set1_ps(ALB_SHIFTER), shifted = _mm256_fmadd_ps(x, c, shifter);
  return exp2_parts(shifted, _mm256_fmsub_ps(x, c, _mm256_sub_ps(shifted, shifter)));
}

/* e^x for x in [-87, 88]; outside, the value at that end. log2 e in two parts, for |x| magnifies its error. */
ALB_INLINE __m256 exp_avx2(__m256 x) {
  const __m256 high = _mm256_set1_ps(0x1.715476p+0f), low = _mm256_set1_ps(0x1.4ae0cp-26f);
  const __m256 shifter = _mm256_set1_ps(ALB_SHIFTER);
  x = clamped(x, -87.0f, 88.0f);
  const __m256 shifted = _mm256_fmadd_ps(x, high, shifter);
  const __m256 r = _mm256_fmsub_ps(x, high, _mm256_sub_ps(shifted, shifter));
  return exp2_parts(shifted, _mm256_fmadd_ps(x, low, r));
}

/* x Phi(x) */
ALB_INLINE __m256 gelu_avx2(__m256 x) {
  const __m256 near = clamped(x, -5.5f, 5.5f), s = _mm256_mul_ps(near, near);
  const __m256 p = _mm256_mul_ps(near, polynomial(s, COEFFICIENTS(phi_p)));
  const __m256 phi = _mm256_add_ps(_mm256_div_ps(p, polynomial(s, COEFFICIENTS(phi_q))), _mm256_set1_ps(0.5f));
  /* Far on the left Phi is 2e-8 here, not 0: nothing may be left of it. */
  const __m256 keep = _mm256_cmp_ps(x, _mm256_set1_ps(-5.5f), _CMP_NLT_UQ);
  return _mm256_and_ps(keep, _mm256_mul_ps(x, phi));
}

ALB_INLINE __m256 tanh_avx2(__m256 x) {
  const __m256 near = clamped(x, -9.0f, 9.0f), s = _mm256_mul_ps(near, near);
  const __m256 p = _mm256_mul_ps(near, polynomial(s, COEFFICIENTS(tanh_p)));
  return clamped(_mm256_div_ps(p, polynomial(s, COEFFICIENTS(tanh_q))), -1.0f, 1.0f);
}

/* x / (1 + e^-y) */
ALB_INLINE __m256 times_sigmoid(__m256 x, __m256 y) {
  const __m256 minus = _mm256_xor_ps(y, _mm256_set1_ps(-0.0f)), one = _mm256_set1_ps(1.0f);
  return _mm256_div_ps(x, _mm256_add_ps(one, exp_avx2(minus)));
}

/* x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), which is x sigmoid(2u). */
ALB_INLINE __m256 gelu_tanh_avx2(__m256 x) {
  const __m256 cubic = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(0.0713548163f), _mm256_set1_ps(1.59576912f));
  return times_sigmoid(x, _mm256_mul_ps(x, cubic));
}

ALB_INLINE __m256 relu_avx2(__m256 x) {
  return _mm256_max_ps(_mm256_setzero_ps(), x);
}

ALB_INLINE __m256 silu_avx2(__m256 x) {
  return times_sigmoid(x, x);
}

ALB_INLINE __m256 sigmoid_avx2(__m256 x) {
  return times_sigmoid(_mm256_set1_ps(1.0f), x);
}

/* Applies ACT to x[i] for whole vectors of n, a multiple of 8. */
#define ALB_ACTIVATE_LOOP(ACT) \
  for (size_t i = 0; i < n; i += 8) _mm256_storeu_ps(out + i, ACT(_mm256_loadu_ps(x + i)))

/* out[n] = act(x[n]), n a multiple of 8; out may be x. One copy per file: tiles only call it. */
static __attribute__((noinline, unused)) void activate_vectors(alb_activation activation, const float *x, float *out,
                                                               size_t n) {
  switch (activation) {
    case ALB_ACT_GELU:
      ALB_ACTIVATE_LOOP(gelu_avx2);
      break;
    case ALB_ACT_GELU_TANH:
      ALB_ACTIVATE_LOOP(gelu_tanh_avx2);
      break;
    case ALB_ACT_RELU:
      ALB_ACTIVATE_LOOP(relu_avx2);
      break;
    case ALB_ACT_SILU:
      ALB_ACTIVATE_LOOP(silu_avx2);
      break;
    case ALB_ACT_TANH:
      ALB_ACTIVATE_LOOP(tanh_avx2);
      break;
    case ALB_ACT_SIGMOID:
      ALB_ACTIVATE_LOOP(sigmoid_avx2);
      break;
    case ALB_ACT_NONE:
    case ALB_ACT_COUNT:
      ALB_ACTIVATE_LOOP(/* as it is */);
      break;
  }
}

#endif
