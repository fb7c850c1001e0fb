/* The inner tile of the f32 product: R rows times P panels of packed weights, all sums in registers. */
#ifndef ALB_KERNELS_TILE_VEC_H
#define ALB_KERNELS_TILE_VEC_H

#include <stdbool.h>

#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"

/* PANEL_VECS: vectors of a panel; TILE_SUMS, TILE_ROWS are those of vec_ISA.h. */
enum { TILE_PANEL = 16, PANEL_VECS = TILE_PANEL / VEC_LANES };

/* sum[r][v] += a[r][0..k) * panels, one fused multiply-add after the other over ascending k. Vector v is
 * part v % PANEL_VECS of panel v / PANEL_VECS. R and P are constants at every call, R * P * PANEL_VECS <= TILE_SUMS.
 * a: rows `lda` apart; b: panels [k][16] aligned to 64 bytes, `panel_step` floats apart.
 * FETCH: whether to fetch f, of as many panels. */
ALB_INLINE void tile_f32(const int R, const int P, const bool FETCH, const float *a, size_t lda, const float *b,
                         size_t panel_step, size_t k, fetch f, vec sum[TILE_SUMS]) {
  const int V = P * PANEL_VECS;
  for (size_t i = 0; i < k; i++) {
    if (FETCH) {
      ALB_UNROLL
      for (int p = 0; p < P; p++) {
        fetch_line(f.ahead + (size_t)p * panel_step * sizeof(float) + i * f.step);
      }
    }
    vec w[8];
    ALB_UNROLL
    for (int v = 0; v < V; v++) {
      w[v] =
          vec_load(b + (size_t)(v / PANEL_VECS) * panel_step + i * TILE_PANEL + (size_t)(v % PANEL_VECS) * VEC_LANES);
    }
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const vec x = vec_broadcast(a + (size_t)r * lda + i);
      ALB_UNROLL
      for (int v = 0; v < V; v++) sum[r * V + v] = vec_fma(x, w[v], sum[r * V + v]);
    }
  }
}

#endif
