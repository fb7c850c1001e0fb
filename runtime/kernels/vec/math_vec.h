/* Vector exp, tanh and the activation functions. Constants by tools/fit_kernel_constants.py; checkkern
 * holds the errors: exp 1 unit in the last place, the others 1e-7 of max(1, |x|). NaN stays NaN. */
#ifndef ALB_KERNELS_MATH_VEC_H
#define ALB_KERNELS_MATH_VEC_H

#include "base/vocabulary.h"
#include "runtime/kernels/vec/vec.h"

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
ALB_INLINE vec polynomial(vec x, const float *c, int count) {
  vec y = vec_set(c[count - 1]);
  ALB_UNROLL
  for (int i = count - 2; i >= 0; i--) y = vec_fma(y, x, vec_set(c[i]));
  return y;
}

/* x within [low, high]; NaN stays (min and max give their second operand then). */
ALB_INLINE vec clamped(vec x, float low, float high) {
  return vec_max(vec_set(low), vec_min(vec_set(high), x));
}

/* Adding this to |y| < 2^22 rounds y to an integer, which then stands in the low bits of the sum. */
#define ALB_SHIFTER 0x1.8p23f

/* 2^(n + r) from n + ALB_SHIFTER and |r| <= 1/2, for n in [-126, 127]. */
ALB_INLINE vec exp2_parts(vec shifted, vec r) {
  return vec_scale_by_bits(vec_fma(r, polynomial(r, COEFFICIENTS(exp2_p)), vec_set(1.0f)), shifted);
}

/* 2^(x * c), for x * c in [-126, 127]; the product is not rounded. */
ALB_INLINE vec exp2_of_product(vec x, vec c) {
  const vec shifter = vec_set(ALB_SHIFTER), shifted = vec_fma(x, c, shifter);
  return exp2_parts(shifted, vec_fms(x, c, vec_sub(shifted, shifter)));
}

/* e^x for x in [-87, 88]; outside, the value at that end. log2 e in two parts, for |x| magnifies its error. */
ALB_INLINE vec vec_exp(vec x) {
  const vec high = vec_set(0x1.715476p+0f), low = vec_set(0x1.4ae0cp-26f);
  const vec shifter = vec_set(ALB_SHIFTER);
  x = clamped(x, -87.0f, 88.0f);
  const vec shifted = vec_fma(x, high, shifter);
  const vec r = vec_fms(x, high, vec_sub(shifted, shifter));
  return exp2_parts(shifted, vec_fma(x, low, r));
}

/* x Phi(x) */
ALB_INLINE vec vec_gelu(vec x) {
  /* Phi is 2e-8 at -5.5, and so would be a share of whatever x is there. */
  const vec above = vec_max(vec_set(-5.5f), x), near = vec_min(vec_set(5.5f), above), s = vec_mul(near, near);
  const vec p = vec_mul(near, polynomial(s, COEFFICIENTS(phi_p)));
  const vec phi = vec_add(vec_div(p, polynomial(s, COEFFICIENTS(phi_q))), vec_set(0.5f));
  return vec_mul(above, phi);
}

ALB_INLINE vec vec_tanh(vec x) {
  const vec near = clamped(x, -9.0f, 9.0f), s = vec_mul(near, near);
  const vec p = vec_mul(near, polynomial(s, COEFFICIENTS(tanh_p)));
  return clamped(vec_div(p, polynomial(s, COEFFICIENTS(tanh_q))), -1.0f, 1.0f);
}

/* x / (1 + e^-y) */
ALB_INLINE vec times_sigmoid(vec x, vec y) {
  return vec_div(x, vec_add(vec_set(1.0f), vec_exp(vec_negate(y))));
}

/* x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), which is x sigmoid(2u). */
ALB_INLINE vec vec_gelu_tanh(vec x) {
  const vec cubic = vec_fma(vec_mul(x, x), vec_set(0.0713548163f), vec_set(1.59576912f));
  return times_sigmoid(x, vec_mul(x, cubic));
}

ALB_INLINE vec vec_relu(vec x) {
  return vec_max(vec_zero(), x);
}

ALB_INLINE vec vec_silu(vec x) {
  return times_sigmoid(x, x);
}

ALB_INLINE vec vec_sigmoid(vec x) {
  return times_sigmoid(vec_set(1.0f), x);
}

/* Applies ACT to rows of whole vectors. */
#define ALB_ACTIVATE_LOOP(ACT)                          \
  for (size_t r = 0; r < rows; r++, x += ld, out += ld) \
    for (size_t i = 0; i < n; i += VEC_LANES) vec_store(out + i, ACT(vec_load(x + i)))

/* out[rows][n] = act(x[rows][n]), rows ld apart, n a multiple of VEC_LANES; out may be x. One copy per file: tiles
 * only call it, with all their rows at once, for the constants take as long to load as a row to compute. */
static __attribute__((noinline, unused)) void activate_rows(alb_activation activation, const float *x, float *out,
                                                            size_t ld, size_t rows, size_t n) {
  switch (activation) {
    case ALB_ACT_GELU:
      ALB_ACTIVATE_LOOP(vec_gelu);
      break;
    case ALB_ACT_GELU_TANH:
      ALB_ACTIVATE_LOOP(vec_gelu_tanh);
      break;
    case ALB_ACT_RELU:
      ALB_ACTIVATE_LOOP(vec_relu);
      break;
    case ALB_ACT_SILU:
      ALB_ACTIVATE_LOOP(vec_silu);
      break;
    case ALB_ACT_TANH:
      ALB_ACTIVATE_LOOP(vec_tanh);
      break;
    case ALB_ACT_SIGMOID:
      ALB_ACTIVATE_LOOP(vec_sigmoid);
      break;
    case ALB_ACT_NONE:
    case ALB_ACT_COUNT:
      ALB_ACTIVATE_LOOP(/* as it is */);
      break;
  }
}

/* out[n] = act(x[n]) */
ALB_INLINE void activate_vectors(alb_activation activation, const float *x, float *out, size_t n) {
  activate_rows(activation, x, out, 0, 1, n);
}

#endif
