/* One vector of floats and what kernels do with it: AVX2 with FMA. Included by vec.h; vec_avx512.h is its twin. */
#ifndef ALB_KERNELS_VEC_AVX2_H
#define ALB_KERNELS_VEC_AVX2_H

#include "runtime/kernels/vec/unroll.h"
#include "runtime/kernels/x86/lanes_avx2.h"

#define VEC_NAME(slot) alb_##slot##_avx2
#define VEC_LANES 8

typedef __m256 vec;

/* 12 sums of a tile leave 4 of the 16 registers for operands. */
enum { TILE_SUMS = 12, TILE_ROWS = 6, TILE_PANELS = 1, SPAN_1 = 4, SPAN_2 = 2, SPAN_3 = 2 };

ALB_INLINE vec vec_zero(void) {
  return _mm256_setzero_ps();
}

ALB_INLINE vec vec_set(float x) {
  return _mm256_set1_ps(x);
}

/* The one float at x in every lane. */
ALB_INLINE vec vec_broadcast(const float *x) {
  return _mm256_broadcast_ss(x);
}

ALB_INLINE vec vec_load(const float *x) {
  return _mm256_loadu_ps(x);
}

ALB_INLINE void vec_store(float *x, vec y) {
  _mm256_storeu_ps(x, y);
}

/* The first n lanes, the others zero; all for n >= VEC_LANES. */
ALB_INLINE vec vec_load_first(const float *x, size_t n) {
  return load_first(x, n);
}

ALB_INLINE void vec_store_first(float *x, size_t n, vec y) {
  store_first(x, n, y);
}

/* x in the first n lanes, zero in the others. */
ALB_INLINE vec vec_keep_first(vec x, size_t n) {
  return n < VEC_LANES ? _mm256_and_ps(x, _mm256_castsi256_ps(first_lanes(n))) : x;
}

ALB_INLINE vec vec_add(vec x, vec y) {
  return _mm256_add_ps(x, y);
}

ALB_INLINE vec vec_sub(vec x, vec y) {
  return _mm256_sub_ps(x, y);
}

ALB_INLINE vec vec_mul(vec x, vec y) {
  return _mm256_mul_ps(x, y);
}

ALB_INLINE vec vec_div(vec x, vec y) {
  return _mm256_div_ps(x, y);
}

/* x * y + z, rounded once. */
ALB_INLINE vec vec_fma(vec x, vec y, vec z) {
  return _mm256_fmadd_ps(x, y, z);
}

/* x * y - z, rounded once. */
ALB_INLINE vec vec_fms(vec x, vec y, vec z) {
  return _mm256_fmsub_ps(x, y, z);
}

/* The second operand where either is NaN, as the instructions have it. */
ALB_INLINE vec vec_max(vec x, vec y) {
  return _mm256_max_ps(x, y);
}

ALB_INLINE vec vec_min(vec x, vec y) {
  return _mm256_min_ps(x, y);
}

ALB_INLINE vec vec_negate(vec x) {
  return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f));
}

/* x times 2 to the integer in the low bits of `bits`. */
ALB_INLINE vec vec_scale_by_bits(vec x, vec bits) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(bits), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent));
}

ALB_INLINE float vec_sum(vec x) {
  return sum_lanes(x);
}

ALB_INLINE float vec_largest(vec x) {
  return max_lanes(x);
}

#define ALB_TILE_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)

/* Rows of the next tile when `left` are left: 6, 5 and 4 in a mix that leaves nothing smaller, where there is
 * one; tiles of fewer rows have too few sums to keep the multiply-add units busy. */
static inline size_t next_rows(size_t left) {
  static const unsigned char first[TILE_ROWS] = {6, 5, 4, 5, 4, 5};
  if (left < 8) return left == 7 ? 4 : left;
  return first[left % TILE_ROWS];
}

/* Rows at the end of `all` for which a tile of so many rows is too few sums. */
static inline size_t few_rows(size_t all) {
  return all == 7 ? 3 : all < 4 ? all : 0;
}

#endif
