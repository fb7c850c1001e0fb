/* Sums of products of bytes, exact, by what the including file is compiled for (cmake/isa.cmake has the flags): the dot
 * product of four bytes, or plain NEON's products of bytes to 16 bits, of which two fit: 2 * 127 * 127 < 2^15. */
#ifndef ALB_KERNELS_DOTS_ARM_H
#define ALB_KERNELS_DOTS_ARM_H

#include <arm_neon.h>
#include <string.h>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/unroll.h"

/* QUAD: consecutive k of a column that stand together. PANEL_DOTS: vectors of the sums of a panel. */
enum { QUAD = 4, STEP = QUAD * ALB_PANEL, PANEL_DOTS = ALB_PANEL / 4 };

/* Bytes u of a row as u - 128, which the instructions take; so sums start at 128 times those of the columns' w. */
ALB_INLINE int8x16_t signed_bytes(uint8x16_t u) {
  return vreinterpretq_s8_u8(veorq_u8(u, vdupq_n_u8(128)));
}

/* Where the sums of four columns of a panel's group start. */
ALB_INLINE int32x4_t start_at(const int8_t *group, int column) {
  return vshlq_n_s32(vld1q_s32((const int32_t *)(const void *)(group + ALB_PANEL * (ALB_S8_DEPTH + 4)) + column), 7);
}

#if defined(__ARM_FEATURE_DOTPROD)

#define DOTS_NAME(slot) alb_##slot##_dotprod
#define ALB_DOTS_ROWS(X) X(1) X(2) X(3) X(4) X(5)
enum { DOTS_ROWS = 5 };

/* Adds the products of one quad; x has four quads of each row. A macro, for the quad must be a constant there. */
#define MULTIPLY_QUAD(quad)                                                                  \
  ALB_UNROLL                                                                                 \
  for (int v = 0; v < PANEL_DOTS; v++) {                                                     \
    const int8x16_t columns = vld1q_s8(w + (k + quad * QUAD) * ALB_PANEL + v * 16);          \
    ALB_UNROLL                                                                               \
    for (int r = 0; r < R; r++) sum[r][v] = vdotq_laneq_s32(sum[r][v], columns, x[r], quad); \
  }                                                                                          \
  fetch_line(f.ahead + quad * f.step);

/* sum[r][v] = the products of a group's ALB_S8_DEPTH k, columns 4v .. 4v+3. a: rows `lda` apart; w: the group of the
 * panel. Fetches f for later. */
ALB_INLINE void multiply_group(const int R, const uint8_t *a, size_t lda, const int8_t *w, fetch f,
                               int32x4_t sum[DOTS_ROWS][PANEL_DOTS]) {
  ALB_UNROLL
  for (int i = 0; i < R * PANEL_DOTS; i++) sum[i / PANEL_DOTS][i % PANEL_DOTS] = start_at(w, (i % PANEL_DOTS) * 4);
  for (size_t k = 0; k < ALB_S8_DEPTH; k += 4 * QUAD, f.ahead += 4 * f.step) {
    int8x16_t x[DOTS_ROWS];
    ALB_UNROLL
    for (int r = 0; r < R; r++) x[r] = signed_bytes(vld1q_u8(a + (size_t)r * lda + k));
    MULTIPLY_QUAD(0)
    MULTIPLY_QUAD(1)
    MULTIPLY_QUAD(2)
    MULTIPLY_QUAD(3)
  }
}

#else

#define DOTS_NAME(slot) alb_##slot##_neon
#define ALB_DOTS_ROWS(X) X(1) X(2)
enum { DOTS_ROWS = 2 };

/* Four bytes of a row in every lane. */
ALB_INLINE int8x16_t broadcast4(const uint8_t *a) {
  uint32_t quad;
  memcpy(&quad, a, sizeof quad);
  return signed_bytes(vreinterpretq_u8_u32(vdupq_n_u32(quad)));
}

/* Adds the products of two quads to pair[2], two sums a column. */
ALB_INLINE void multiply_pairs(int8x16_t x0, int8x16_t x1, int8x16_t w0, int8x16_t w1, int32x4_t pair[2]) {
  const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(w0), vget_low_s8(x0)), vget_low_s8(w1), vget_low_s8(x1));
  const int16x8_t high = vmlal_high_s8(vmull_high_s8(w0, x0), w1, x1);
  pair[0] = vpadalq_s16(pair[0], low);
  pair[1] = vpadalq_s16(pair[1], high);
}

/* As above. */
ALB_INLINE void multiply_group(const int R, const uint8_t *a, size_t lda, const int8_t *w, fetch f,
                               int32x4_t sum[DOTS_ROWS][PANEL_DOTS]) {
  int32x4_t pair[DOTS_ROWS * PANEL_DOTS][2];
  ALB_UNROLL
  for (int i = 0; i < R * PANEL_DOTS; i++) pair[i][0] = pair[i][1] = vdupq_n_s32(0);
  for (size_t k = 0; k < ALB_S8_DEPTH; k += 2 * QUAD, f.ahead += 2 * f.step) {
    fetch_line(f.ahead);
    fetch_line(f.ahead + f.step);
    ALB_UNROLL
    for (int v = 0; v < PANEL_DOTS; v++) {
      const int8x16_t w0 = vld1q_s8(w + k * ALB_PANEL + v * 16), w1 = vld1q_s8(w + (k + QUAD) * ALB_PANEL + v * 16);
      ALB_UNROLL
      for (int r = 0; r < R; r++) {
        const uint8_t *row = a + (size_t)r * lda + k;
        multiply_pairs(broadcast4(row), broadcast4(row + QUAD), w0, w1, pair[r * PANEL_DOTS + v]);
      }
    }
  }
  ALB_UNROLL
  for (int i = 0; i < R * PANEL_DOTS; i++) {
    const int32x4_t products = vpaddq_s32(pair[i][0], pair[i][1]);
    sum[i / PANEL_DOTS][i % PANEL_DOTS] = vaddq_s32(start_at(w, (i % PANEL_DOTS) * 4), products);
  }
}

#endif

#endif
