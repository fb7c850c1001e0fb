/* One vector of floats and what kernels do with it: NEON, as every 64-bit ARM has it. The twin of vec_avx2.h, where
 * each function is explained. */
#ifndef ALB_KERNELS_VEC_NEON_H
#define ALB_KERNELS_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>

#include "runtime/kernels/vec/unroll.h"

#define VEC_NAME(slot) alb_##slot##_neon
#define VEC_LANES 4

typedef float32x4_t vec;

/* 20 sums of a tile, 4 vectors of weights and a number of each row are in the 32 registers that there are. Two rows of
 * one panel are sums enough. */
enum { TILE_SUMS = 20, TILE_ROWS = 5, TILE_PANELS = 1, SPAN_1 = 2, SPAN_2 = 1, SPAN_3 = 1 };

ALB_INLINE vec vec_zero(void) {
  return vdupq_n_f32(0.0f);
}

ALB_INLINE vec vec_set(float x) {
  return vdupq_n_f32(x);
}

ALB_INLINE vec vec_broadcast(const float *x) {
  return vld1q_dup_f32(x);
}

ALB_INLINE vec vec_load(const float *x) {
  return vld1q_f32(x);
}

ALB_INLINE void vec_store(float *x, vec y) {
  vst1q_f32(x, y);
}

/* There are no masks: 1 to 3 lanes go one by one. */
ALB_INLINE vec vec_load_first(const float *x, size_t n) {
  if (n >= VEC_LANES) return vld1q_f32(x);
  vec y = vec_zero();
  if (n > 0) y = vld1q_lane_f32(x, y, 0);
  if (n > 1) y = vld1q_lane_f32(x + 1, y, 1);
  if (n > 2) y = vld1q_lane_f32(x + 2, y, 2);
  return y;
}

ALB_INLINE void vec_store_first(float *x, size_t n, vec y) {
  if (n >= VEC_LANES) {
    vst1q_f32(x, y);
    return;
  }
  if (n > 0) vst1q_lane_f32(x, y, 0);
  if (n > 1) vst1q_lane_f32(x + 1, y, 1);
  if (n > 2) vst1q_lane_f32(x + 2, y, 2);
}

/* All bits set in the first n lanes. */
ALB_INLINE uint32x4_t first_lanes(size_t n) {
  static const uint32_t places[VEC_LANES] = {0, 1, 2, 3};
  return vcltq_u32(vld1q_u32(places), vdupq_n_u32(n < VEC_LANES ? (uint32_t)n : VEC_LANES));
}

ALB_INLINE vec vec_keep_first(vec x, size_t n) {
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), first_lanes(n)));
}

ALB_INLINE vec vec_add(vec x, vec y) {
  return vaddq_f32(x, y);
}

ALB_INLINE vec vec_sub(vec x, vec y) {
  return vsubq_f32(x, y);
}

ALB_INLINE vec vec_mul(vec x, vec y) {
  return vmulq_f32(x, y);
}

ALB_INLINE vec vec_div(vec x, vec y) {
  return vdivq_f32(x, y);
}

ALB_INLINE vec vec_fma(vec x, vec y, vec z) {
  return vfmaq_f32(z, x, y);
}

ALB_INLINE vec vec_fms(vec x, vec y, vec z) {
  return vfmaq_f32(vnegq_f32(z), x, y);
}

/* NaN where either is NaN: what kernels ask for, that the second operand's NaN stays, holds too. */
ALB_INLINE vec vec_max(vec x, vec y) {
  return vmaxq_f32(x, y);
}

ALB_INLINE vec vec_min(vec x, vec y) {
  return vminq_f32(x, y);
}

ALB_INLINE vec vec_negate(vec x) {
  return vnegq_f32(x);
}

ALB_INLINE vec vec_scale_by_bits(vec x, vec bits) {
  const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(bits), 23);
  return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(x), exponent));
}

ALB_INLINE float vec_sum(vec x) {
  return vaddvq_f32(x);
}

ALB_INLINE float vec_largest(vec x) {
  return vmaxvq_f32(x);
}

ALB_INLINE float square_root(float x) {
  return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0);
}

/* A square of CELL x CELL floats, a vector each row: what attention turns keys with. */
enum { CELL = 4 };
typedef vec cell_row;

ALB_INLINE cell_row cell_load_first(const float *x, size_t n) {
  return vec_load_first(x, n);
}

ALB_INLINE void cell_store(float *x, cell_row y) {
  vec_store(x, y);
}

ALB_INLINE void cell_transpose(cell_row x[CELL]) {
  const float32x4x2_t a = vtrnq_f32(x[0], x[1]), b = vtrnq_f32(x[2], x[3]);
  x[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
  x[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
  x[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
  x[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

#define ALB_TILE_ROWS(X) X(1) X(2) X(3) X(4) X(5)

/* As even as can be. */
static inline size_t next_rows(size_t left) {
  const size_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
  return left ? (left + tiles - 1) / tiles : 0;
}

static inline size_t few_rows(size_t all) {
  return all < 2 ? all : 0;
}

#endif
