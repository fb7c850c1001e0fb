/* One vector of floats and what kernels do with it: AVX-512 F, BW, DQ, VL. The twin of vec_avx2.h, where each
 * function is explained. */
#ifndef ALB_KERNELS_VEC_AVX512_H
#define ALB_KERNELS_VEC_AVX512_H

#include "runtime/kernels/vec/unroll.h"
#include "runtime/kernels/x86/lanes_avx2.h"

#define VEC_NAME(slot) alb_##slot##_avx512
#define VEC_LANES 16

typedef __m512 vec;

/* 24 sums of a tile, of the 32 registers there are. */
enum { TILE_SUMS = 24, TILE_ROWS = 8, TILE_PANELS = 3, SPAN_1 = 8, SPAN_2 = 4, SPAN_3 = 4 };

ALB_INLINE vec vec_zero(void) {
  return _mm512_setzero_ps();
}

ALB_INLINE vec vec_set(float x) {
  return _mm512_set1_ps(x);
}

ALB_INLINE vec vec_broadcast(const float *x) {
  return _mm512_set1_ps(*x);
}

ALB_INLINE vec vec_load(const float *x) {
  return _mm512_loadu_ps(x);
}

ALB_INLINE void vec_store(float *x, vec y) {
  _mm512_storeu_ps(x, y);
}

ALB_INLINE __mmask16 first_mask(size_t n) {
  return (__mmask16)(n < VEC_LANES ? (1u << n) - 1 : 0xffffu);
}

ALB_INLINE vec vec_load_first(const float *x, size_t n) {
  return _mm512_maskz_loadu_ps(first_mask(n), x);
}

ALB_INLINE void vec_store_first(float *x, size_t n, vec y) {
  _mm512_mask_storeu_ps(x, first_mask(n), y);
}

ALB_INLINE vec vec_keep_first(vec x, size_t n) {
  return _mm512_maskz_mov_ps(first_mask(n), x);
}

ALB_INLINE vec vec_add(vec x, vec y) {
  return _mm512_add_ps(x, y);
}

ALB_INLINE vec vec_sub(vec x, vec y) {
  return _mm512_sub_ps(x, y);
}

ALB_INLINE vec vec_mul(vec x, vec y) {
  return _mm512_mul_ps(x, y);
}

ALB_INLINE vec vec_div(vec x, vec y) {
  return _mm512_div_ps(x, y);
}

ALB_INLINE vec vec_fma(vec x, vec y, vec z) {
  return _mm512_fmadd_ps(x, y, z);
}

ALB_INLINE vec vec_fms(vec x, vec y, vec z) {
  return _mm512_fmsub_ps(x, y, z);
}

ALB_INLINE vec vec_max(vec x, vec y) {
  return _mm512_max_ps(x, y);
}

ALB_INLINE vec vec_min(vec x, vec y) {
  return _mm512_min_ps(x, y);
}

ALB_INLINE vec vec_negate(vec x) {
  return _mm512_xor_ps(x, _mm512_set1_ps(-0.0f));
}

ALB_INLINE vec vec_scale_by_bits(vec x, vec bits) {
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(bits), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), exponent));
}

ALB_INLINE float vec_sum(vec x) {
  return sum_lanes(_mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)));
}

ALB_INLINE float vec_largest(vec x) {
  return max_lanes(_mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1)));
}

#define ALB_TILE_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)

/* As even as can be. */
static inline size_t next_rows(size_t left) {
  const size_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
  return left ? (left + tiles - 1) / tiles : 0;
}

static inline size_t few_rows(size_t all) {
  return all < 4 ? all : 0;
}

#endif
