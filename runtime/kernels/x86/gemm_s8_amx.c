/* The int8 product with AMX, exact.
 *
 * A tile register holds 16 rows of 64 bytes: of a, 16 rows times 64 k; of a panel, 64 k of its 16 columns, which stand
 * there as the instruction wants them. Two by two tiles of sums take turns with the floats: while the unit multiplies
 * one group of k, the vector units add the sums of the group before, each in its range. With a few rows the tiles would
 * be nearly empty, and VNNI gives the same numbers sooner. */
#include <string.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/math_vec.h"
#include "runtime/kernels/x86/tiles_amx.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. */
enum { SIDE = 16, STRIP = 2 * SIDE, BLOCK_ROWS = 4 * STRIP, FEW_ROWS = 8, TILE_K = 64 };
enum { PARTS = ALB_S8_DEPTH / TILE_K }; /* tiles of k in a group */
_Static_assert((int)ALB_PANEL == (int)SIDE && ALB_S8_DEPTH % TILE_K == 0, "a panel is a tile wide");

/* Sums of up to 2 x 2 tiles: [down][across][row][column]. */
typedef struct sums {
  _Alignas(64) int32_t at[2][2][SIDE][SIDE];
} sums;

typedef struct totals {
  _Alignas(64) float at[2][2][SIDE][SIDE];
} totals;

/* Where a tile of results stands: rows[0] rows from m, then rows[1]; panels from column n. */
typedef struct place {
  const alb_gemm_s8 *g;
  size_t m, n, rows[2];
  const uint8_t *a; /* of the first row */
  const int8_t *w;  /* of the first panel */
} place;

/* sum = the products of one group; D x P tiles, constants at every call. Tiles: 0-3 sums, 4-5 rows, 6-7 panels. */
ALB_INLINE void multiply_group(const int D, const int P, const place *x, size_t group, sums *sum) {
  const size_t lda = x->g->lda, step = alb_s8_panel_bytes(x->g->k);
  const uint8_t *a = x->a + group * ALB_S8_DEPTH;
  const int8_t *w = x->w + group * ALB_S8_GROUP_BYTES;
  _tile_zero(0);
  if (P > 1) _tile_zero(1);
  if (D > 1) _tile_zero(2);
  if (D > 1 && P > 1) _tile_zero(3);
  for (int i = 0; i < PARTS; i++, a += TILE_K, w += TILE_K * ALB_PANEL) {
    _tile_loadd(4, a, lda);
    if (D > 1) _tile_loadd(5, a + SIDE * lda, lda);
    _tile_loadd(6, w, TILE_K);
    if (P > 1) _tile_loadd(7, w + step, TILE_K);
    _tile_dpbusd(0, 4, 6);
    if (P > 1) _tile_dpbusd(1, 4, 7);
    if (D > 1) _tile_dpbusd(2, 5, 6);
    if (D > 1 && P > 1) _tile_dpbusd(3, 5, 7);
  }
  _tile_stored(0, sum->at[0][0], TILE_K);
  if (P > 1) _tile_stored(1, sum->at[0][1], TILE_K);
  if (D > 1) _tile_stored(2, sum->at[1][0], TILE_K);
  if (D > 1 && P > 1) _tile_stored(3, sum->at[1][1], TILE_K);
}

/* total += the sums of one group, each row in its range. */
ALB_INLINE void add_group(const int D, const int P, const place *x, size_t group, const sums *sum, totals *total) {
  enum { ALL = ALB_S8_DEPTH * ALB_PANEL + ALB_PANEL * sizeof(int32_t) };
  const size_t groups = alb_s8_groups(x->g->k), step = alb_s8_panel_bytes(x->g->k);
  const int8_t *behind = x->w + group * ALB_S8_GROUP_BYTES + ALL;
  vec columns[2];
  for (int p = 0; p < P; p++) columns[p] = _mm512_cvtepi32_ps(_mm512_load_si512(behind + (size_t)p * step));
  for (size_t d = 0; d < (size_t)D; d++) {
    const alb_range *range = x->g->a_range + (x->m + d * SIDE) * groups + group;
    for (size_t r = 0; r < x->rows[d]; r++, range += groups) {
      for (int p = 0; p < P; p++) {
        float *to = total->at[d][p][r];
        const vec whole = _mm512_cvtepi32_ps(_mm512_load_si512(sum->at[d][p][r]));
        const vec y = vec_fma(whole, vec_broadcast(&range->scale), group ? vec_load(to) : vec_zero());
        vec_store(to, vec_fma(columns[p], vec_broadcast(&range->low), y));
      }
    }
  }
}

/* c = act(total * w_scale + bias); columns past n1 left out. */
static void finish(const place *x, size_t d, size_t p, totals *total) {
  const alb_gemm_s8 *g = x->g;
  const size_t at = x->n + p * ALB_PANEL, columns = g->n1 - at;
  const vec w_scale = vec_load_first(g->w_scale + at, columns);
  const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
  float *y = total->at[d][p][0];
  for (size_t r = 0; r < x->rows[d]; r++) {
    vec_store(y + r * ALB_PANEL, vec_fma(vec_load(y + r * ALB_PANEL), w_scale, bias));
  }
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, x->rows[d] * ALB_PANEL);
  for (size_t r = 0; r < x->rows[d]; r++) {
    vec_store_first(g->c + (x->m + d * SIDE + r) * g->ldc + at, columns, vec_load(y + r * ALB_PANEL));
  }
}

ALB_INLINE void run_tile(const int D, const int P, const place *x) {
  const size_t groups = alb_s8_groups(x->g->k);
  sums sum[2];
  totals total;
  if (groups == 0) memset(&total, 0, sizeof total);
  for (size_t i = 0; i <= groups; i++) {
    if (i < groups) multiply_group(D, P, x, i, &sum[i % 2]);
    if (i > 0) add_group(D, P, x, i - 1, &sum[(i - 1) % 2], &total);
  }
  for (size_t d = 0; d < (size_t)D; d++) {
    for (size_t p = 0; p < (size_t)P; p++) finish(x, d, p, &total);
  }
}

/* Tiles of a shape at each call of its own, so that the instructions' operands are constants. */
static void run_place(const place *x, bool lower, bool pair) {
  if (lower && pair)
    run_tile(2, 2, x);
  else if (lower)
    run_tile(2, 1, x);
  else if (pair)
    run_tile(1, 2, x);
  else
    run_tile(1, 1, x);
}

/* Rows m0..m1, in strips of `upper` + `lower`, past all panels. */
static void run_rows(const alb_gemm_s8 *g, size_t m0, size_t m1, size_t upper, size_t lower) {
  const size_t panel_bytes = alb_s8_panel_bytes(g->k);
  if (m0 == m1) return;
  tiles_begin(upper, lower);
  for (size_t n = g->n0; n < g->n1; n += 2 * ALB_PANEL) {
    const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes;
    for (size_t m = m0; m < m1; m += upper + lower) {
      const place x = {g, m, n, {upper, lower}, g->a + m * g->lda, w};
      run_place(&x, lower > 0, g->n1 - n > ALB_PANEL);
    }
  }
}

void alb_gemm_s8_amx(const alb_gemm_s8 *g) {
  if (g->m < FEW_ROWS) {
    alb_gemm_s8_vnni(g);
    return;
  }
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const size_t end = g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS, full = m + (end - m) / STRIP * STRIP;
    const size_t left = end - full, upper = left < SIDE ? left : SIDE;
    run_rows(g, m, full, SIDE, SIDE);
    run_rows(g, full, end, upper, left - upper);
  }
  tiles_end();
}
