/* The int8 product on ARM, exact: tiles of a few rows and one panel. */
#ifndef ALB_KERNELS_GEMM_S8_ARM_H
#define ALB_KERNELS_GEMM_S8_ARM_H

#include "runtime/kernels/arm/dots_arm.h"
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/math_vec.h"

/* Rows that stay in the second-level cache while all panels pass. */
enum { BLOCK_ROWS = 132 };

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_s8 *g;
  size_t m0, m1;
} block;

/* Adds the sums of one group in its range to total[r][v]. Rows of `range` are `groups` apart; w is the
 * group of the panel, behind which the sums of its columns stand. */
ALB_INLINE void add_sums(const int R, const int8_t *w, const alb_range *range, size_t groups,
                         const int32x4_t sum[DOTS_ROWS][PANEL_DOTS], vec total[DOTS_ROWS][PANEL_DOTS]) {
  const int32_t *columns = (const int32_t *)(const void *)(w + ALB_PANEL * (ALB_S8_DEPTH + 4));
  ALB_UNROLL
  for (int v = 0; v < PANEL_DOTS; v++) {
    const vec column = vcvtq_f32_s32(vld1q_s32(columns + v * VEC_LANES));
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const alb_range *of = &range[(size_t)r * groups];
      total[r][v] = vec_fma(vcvtq_f32_s32(sum[r][v]), vec_broadcast(&of->scale), total[r][v]);
      total[r][v] = vec_fma(column, vec_broadcast(&of->low), total[r][v]);
    }
  }
}

/* y[r][16] = act(total * w_scale + bias) */
ALB_INLINE void scale_sums(const int R, const alb_gemm_s8 *g, size_t n, const vec total[DOTS_ROWS][PANEL_DOTS],
                           float y[DOTS_ROWS * ALB_PANEL]) {
  ALB_UNROLL
  for (size_t v = 0; v < PANEL_DOTS; v++) {
    const size_t at = n + v * VEC_LANES, columns = at < g->n1 ? g->n1 - at : 0;
    const vec w_scale = vec_load_first(g->w_scale + at, columns);
    const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
    ALB_UNROLL
    for (size_t r = 0; r < (size_t)R; r++) {
      vec_store(y + r * ALB_PANEL + v * VEC_LANES, vec_fma(total[r][v], w_scale, bias));
    }
  }
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, (size_t)R * ALB_PANEL);
}

ALB_INLINE void run_tile(const int R, const block *x, size_t m, size_t n) {
  enum { QUADS = ALB_S8_DEPTH / QUAD };
  const alb_gemm_s8 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s8_panel_bytes(g->k);
  const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  const uint8_t *a = g->a + m * g->lda;
  fetch f = fetch_share(w + panel_bytes, STEP, groups * QUADS, m - x->m0, (size_t)R, x->m1 - x->m0);
  vec total[DOTS_ROWS][PANEL_DOTS];
  float y[DOTS_ROWS * ALB_PANEL];
  ALB_UNROLL
  for (int i = 0; i < R * PANEL_DOTS; i++) total[i / PANEL_DOTS][i % PANEL_DOTS] = vec_zero();
  for (size_t i = 0; i < groups; i++, a += ALB_S8_DEPTH, w += ALB_S8_GROUP_BYTES, f.ahead += f.step * QUADS) {
    int32x4_t sum[DOTS_ROWS][PANEL_DOTS];
    multiply_group(R, a, g->lda, w, f, sum);
    add_sums(R, w, g->a_range + m * groups + i, groups, (const int32x4_t(*)[PANEL_DOTS])sum, total);
  }
  scale_sums(R, g, n, (const vec(*)[PANEL_DOTS])total, y);
  for (size_t v = 0; v < PANEL_DOTS && n + v * VEC_LANES < g->n1; v++) {
    const size_t at = n + v * VEC_LANES;
    for (size_t r = 0; r < (size_t)R; r++) {
      vec_store_first(g->c + (m + r) * g->ldc + at, g->n1 - at, vec_load(y + r * ALB_PANEL + v * VEC_LANES));
    }
  }
}

#define TILE(R)                                              \
  static void tile_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, x, m, n);                                    \
  }
ALB_DOTS_ROWS(TILE)
#undef TILE

/* Tiles as even as can be. */
static void run_block(const block *x) {
#define TILE(R) tile_##R,
  static void (*const tiles[])(const block *, size_t, size_t) = {NULL, ALB_DOTS_ROWS(TILE)};
#undef TILE
  for (size_t n = x->g->n0; n < x->g->n1; n += ALB_PANEL) {
    for (size_t m = x->m0, rows; m < x->m1; m += rows) {
      const size_t left = x->m1 - m, count = (left + DOTS_ROWS - 1) / DOTS_ROWS;
      rows = (left + count - 1) / count;
      tiles[rows](x, m, n);
    }
  }
}

void DOTS_NAME(gemm_s8)(const alb_gemm_s8 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    run_block(&x);
  }
}

#endif
