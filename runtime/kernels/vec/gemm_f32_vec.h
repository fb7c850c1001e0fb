/* The f32 product.
 *
 * A block of rows and of k goes past panel after panel of the weights: the panels' block (48 KB each) and the
 * rows' (400 KB) stay in the second-level cache while they are used, and tiles of up to TILE_ROWS rows and
 * TILE_PANELS panels keep all sums in registers. The weights of a model are more than the caches hold, so each tile
 * fetches its share of the next panels ahead of time. Where only 1 to 3 rows are left, a tile spans more panels
 * instead, so that there are always enough independent sums to hide the latency of the multiply-add. How rows are cut
 * changes nothing in any number: every sum is one chain over k, and stored sums come back exactly. */
#ifndef ALB_KERNELS_GEMM_F32_VEC_H
#define ALB_KERNELS_GEMM_F32_VEC_H

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/tile_vec.h"

enum { BLOCK_K = 768, BLOCK_ROWS = 128 };

/* One block of the work: columns n0..n1 of g for some rows and some k. */
typedef struct block {
  const alb_gemm_f32 *g;
  size_t m0, m1;
  size_t k0, k1; /* the first block starts from zero, the last one finishes with bias and activation */
} block;

/* A tile's operands at its own corner. */
typedef struct corner {
  const float *a, *b, *bias;
  float *c;
  size_t ldc;
  fetch next; /* unused by tiles of several panels */
} corner;

/* Where vector i of the sums stands in c. */
ALB_INLINE float *sum_place(const int P, const corner *at, int i) {
  const int V = P * PANEL_VECS;
  return at->c + (size_t)(i / V) * at->ldc + (size_t)(i % V) * VEC_LANES;
}

ALB_INLINE void load_sums(const int R, const int P, const block *x, const corner *at, vec sum[TILE_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * P * PANEL_VECS; i++) sum[i] = x->k0 == 0 ? vec_zero() : vec_load(sum_place(P, at, i));
}

ALB_INLINE void store_sums(const int R, const int P, const corner *at, const vec sum[TILE_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * P * PANEL_VECS; i++) vec_store(sum_place(P, at, i), sum[i]);
}

ALB_INLINE void add_bias(const int R, const int P, const float *bias, vec sum[TILE_SUMS]) {
  const int V = P * PANEL_VECS;
  ALB_UNROLL
  for (int i = 0; i < R * V; i++) sum[i] = vec_add(sum[i], vec_load(bias + (size_t)(i % V) * VEC_LANES));
}

ALB_INLINE void run_tile(const int R, const int P, const block *x, const corner *at) {
  const alb_gemm_f32 *g = x->g;
  const bool last = x->k1 == g->k;
  vec sum[TILE_SUMS];
  load_sums(R, P, x, at, sum);
  tile_f32(R, P, P <= TILE_PANELS, at->a, g->lda, at->b, g->k * TILE_PANEL, x->k1 - x->k0, at->next, sum);
  if (last && at->bias) add_bias(R, P, at->bias, sum);
  store_sums(R, P, at, sum);
  if (!last || g->activation == ALB_ACT_NONE) return;
  activate_rows(g->activation, at->c, at->c, at->ldc, (size_t)R, (size_t)P * TILE_PANEL);
}

/* Every tile there is, by rows: one panel, TILE_PANELS panels, and for 1 to 3 rows SPAN_n panels. */
typedef void (*tile)(const block *, const corner *);
#define TILE(R)                                              \
  static void narrow_##R(const block *x, const corner *at) { \
    run_tile(R, 1, x, at);                                   \
  }                                                          \
  static void wide_##R(const block *x, const corner *at) {   \
    run_tile(R, TILE_PANELS, x, at);                         \
  }
ALB_TILE_ROWS(TILE)
#undef TILE
#define TILE(R)                                            \
  static void span_##R(const block *x, const corner *at) { \
    run_tile(R, SPAN_##R, x, at);                          \
  }
TILE(1)
TILE(2)
TILE(3)
#undef TILE

#define NARROW(R) narrow_##R,
#define WIDE(R) wide_##R,
static const tile narrow[TILE_ROWS + 1] = {NULL, ALB_TILE_ROWS(NARROW)},
                                     wide[TILE_ROWS + 1] = {NULL, ALB_TILE_ROWS(WIDE)};
static const tile spans[] = {NULL, span_1, span_2, span_3};
static const size_t span_panels[] = {0, SPAN_1, SPAN_2, SPAN_3};

/* The corner of a tile of `rows` rows and `panels` panels at [m][n]. */
static corner corner_of(const block *x, size_t m, size_t n, size_t rows, size_t panels) {
  const alb_gemm_f32 *g = x->g;
  const float *b = g->packed + n * g->k + x->k0 * TILE_PANEL, *next = b + panels * g->k * TILE_PANEL;
  return (corner){.a = g->a + m * g->lda + x->k0,
                  .b = b,
                  .bias = g->bias ? g->bias + n : NULL,
                  .c = g->c + m * g->ldc + n,
                  .ldc = g->ldc,
                  .next = fetch_share(next, TILE_PANEL * sizeof *next, x->k1 - x->k0, m - x->m0, rows, x->m1 - x->m0)};
}

/* The last panel when it is not full: through a buffer, for neither c nor bias go on past column n. */
static void run_partial(const block *x, size_t m, size_t n, size_t rows) {
  const size_t columns = x->g->n1 - n;
  float c[TILE_ROWS * TILE_PANEL] = {0}, bias[TILE_PANEL] = {0};
  const corner whole = corner_of(x, m, n, rows, 1);
  const corner at = {whole.a, whole.b, whole.bias ? bias : NULL, c, TILE_PANEL, whole.next};
  for (size_t i = 0; whole.bias && i < columns; i++) bias[i] = whole.bias[i];
  for (size_t i = 0; i < rows * columns; i++) {
    c[i / columns * TILE_PANEL + i % columns] = x->k0 ? whole.c[i / columns * whole.ldc + i % columns] : 0.0f;
  }
  narrow[rows](x, &at);
  for (size_t i = 0; i < rows * columns; i++) {
    whole.c[i / columns * whole.ldc + i % columns] = c[i / columns * TILE_PANEL + i % columns];
  }
}

/* One tile at [m][n]: TILE_PANELS panels where so many are left, else one. Returns its columns. */
static size_t run_panels(const block *x, size_t m, size_t n, size_t rows) {
  const size_t left = x->g->n1 - n, panels = left >= TILE_PANELS * TILE_PANEL ? TILE_PANELS : 1;
  if (left < TILE_PANEL) {
    run_partial(x, m, n, rows);
    return left;
  }
  const corner at = corner_of(x, m, n, rows, panels);
  (panels == 1 ? narrow : wide)[rows](x, &at);
  return panels * TILE_PANEL;
}

static void run_few_rows(const block *x, size_t m, size_t rows) {
  const alb_gemm_f32 *g = x->g;
  const size_t span = span_panels[rows] * TILE_PANEL;
  size_t n = g->n0;
  for (; g->n1 - n >= span; n += span) {
    const corner at = corner_of(x, m, n, rows, span_panels[rows]);
    spans[rows](x, &at);
  }
  while (n < g->n1) n += run_panels(x, m, n, rows);
}

static void run_block(const block *x) {
  const size_t all = x->m1 - x->m0, few = few_rows(all);
  for (size_t n = x->g->n0, columns = 0; all > few && n < x->g->n1; n += columns) {
    for (size_t m = x->m0, rows; m < x->m1 - few; m += rows) {
      rows = next_rows(x->m1 - few - m);
      columns = run_panels(x, m, n, rows);
    }
  }
  if (few) run_few_rows(x, x->m1 - few, few);
}

/* Rows per block: as even as multiples of a tile allow, for a small last block would use the weights badly. */
static size_t block_rows(size_t m) {
  const size_t blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
  return ((m + blocks - 1) / blocks + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

void VEC_NAME(gemm_f32)(const alb_gemm_f32 *g) {
  if (g->m == 0) return;
  const size_t rows = block_rows(g->m);
  for (size_t m0 = 0; m0 < g->m; m0 += rows) {
    const size_t m1 = g->m - m0 < rows ? g->m : m0 + rows;
    for (size_t k0 = 0; k0 < g->k || k0 == 0; k0 += BLOCK_K) {
      const block x = {g, m0, m1, k0, g->k - k0 < BLOCK_K ? g->k : k0 + BLOCK_K};
      run_block(&x);
    }
  }
}

#endif
