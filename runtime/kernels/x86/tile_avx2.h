/* The inner tile of the f32 product: R rows times P panels of packed weights, all sums in registers. */
#ifndef ALB_KERNELS_TILE_AVX2_H
#define ALB_KERNELS_TILE_AVX2_H

#include <stdbool.h>

#include "runtime/kernels/x86/fetch.h"
#include "runtime/kernels/x86/math_avx2.h"

/* Sums of one tile: at most 12 vectors, so that the other 4 registers hold operands. */
enum { TILE_SUMS = 12, TILE_PANEL = 16, TILE_ROWS = 6 };

/* sum[r][v] += a[r][0..k) * panels, one fused multiply-add after the other over ascending k. Vector v is
 * half v % 2 of panel v / 2. R and P are constants at every call, R * 2P <= TILE_SUMS.
 * a: rows `lda` apart; b: panels [k][16] aligned to 32 bytes, `panel_step` floats apart.
 * FETCH: whether to fetch f. */
ALB_INLINE void tile_f32(const int R, const int P, const bool FETCH, const float *a, size_t lda, const float *b,
                         size_t panel_step, size_t k, fetch f, __m256 sum[TILE_SUMS]) {
  for (size_t i = 0; i < k; i++) {
    if (FETCH) _mm_prefetch(f.ahead + i * f.step, _MM_HINT_T0);
    __m256 w[8];
    ALB_UNROLL
    for (int v = 0; v < 2 * P; v++) {
      w[v] = _mm256_load_ps(b + (size_t)(v / 2) * panel_step + i * TILE_PANEL + (size_t)(v % 2) * 8);
    }
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const __m256 x = _mm256_broadcast_ss(a + (size_t)r * lda + i);
      ALB_UNROLL
      for (int v = 0; v < 2 * P; v++) sum[r * 2 * P + v] = _mm256_fmadd_ps(x, w[v], sum[r * 2 * P + v]);
    }
  }
}

/* The next tile's rows when `left` are left: 6, 5 and 4 in a mix that leaves nothing smaller, where there is
 * one; tiles of fewer rows have too few sums to keep the multiply-add units busy. */
static inline size_t next_rows(size_t left) {
  static const unsigned char first[TILE_ROWS] = {6, 5, 4, 5, 4, 5};
  if (left < 8) return left == 7 ? 4 : left;
  return first[left % TILE_ROWS];
}

#endif
