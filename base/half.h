/* f16 and bf16 to f32 and back, exact and round-to-nearest-even, in plain C. */
#ifndef ALB_BASE_HALF_H
#define ALB_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float alb_f32_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

static inline uint32_t alb_f32_bits(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return bits;
}

static inline float alb_f16_to_f32(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu, mantissa = h & 0x3ffu;
  if (exponent == 31) return alb_f32_of_bits(sign | 0x7f800000u | mantissa << 13);
  if (exponent) return alb_f32_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
  const float tiny = (float)mantissa * 0x1p-24f; /* zero and subnormals, exact */
  return alb_f32_of_bits(sign | alb_f32_bits(tiny));
}

static inline uint16_t alb_f32_to_f16(float f) {
  const uint32_t bits = alb_f32_bits(f), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);  /* NaN */
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds past 65504: infinity */
  if (magnitude < 0x38800000u) {                                   /* subnormal: the adder rounds */
    const float shifted = alb_f32_of_bits(magnitude) + 0.5f;
    return (uint16_t)(sign | (alb_f32_bits(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return (uint16_t)(sign | (rounded - 0x38000000u) >> 13);
}

static inline float alb_bf16_to_f32(uint16_t h) {
  return alb_f32_of_bits((uint32_t)h << 16);
}

static inline uint16_t alb_f32_to_bf16(float f) {
  const uint32_t bits = alb_f32_bits(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
