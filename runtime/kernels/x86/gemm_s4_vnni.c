/* The int4 product with AVX-512 VNNI, exact.
 *
 * A byte of w holds two integers in two's complement. With the other half cleared, the upper one is a signed byte of
 * 16 times the integer; a shift brings the lower one there. So sums come out 16 times too large, which the scales
 * take back. The instruction multiplies unsigned by signed bytes, as rows and weights are. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. LINE: bytes fetched at a time. */
enum {
  BLOCK_ROWS = 132,
  MOST_ROWS = 6,
  MOST_PANELS = 4,
  MOST_SUMS = 12,
  QUAD = 4,
  LINE = 64,
  LINES = ALB_S4_GROUP_BYTES / LINE,
  SCALES = ALB_PANEL * ALB_S4_DEPTH / 2,
  SUMS = SCALES + 2 * ALB_PANEL
};

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_s4 *g;
  size_t m0, m1;
} block;

/* What one tile reads of one group of ALB_S8_DEPTH k. */
typedef struct group {
  const uint8_t *a; /* the first row's */
  size_t lda;
  const uint8_t *w; /* the first panel's */
  size_t panel_bytes;
  const alb_range *range; /* the first row's; rows are `groups` apart */
  size_t groups;
} group;

/* Sixteen 2-byte numbers behind the integers of a group. */
ALB_INLINE __m256i load_behind(const uint8_t *w, size_t at) {
  return _mm256_load_si256((const __m256i *)(const void *)(w + at));
}

ALB_INLINE __m512i column_sums(const uint8_t *w) {
  return _mm512_cvtepi16_epi32(load_behind(w, SUMS));
}

/* Adds the products of four k of each row. */
ALB_INLINE void add_quads(const int R, const int P, const uint8_t *a, size_t lda, const __m512i w[MOST_PANELS],
                          __m512i sum[MOST_SUMS]) {
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    const __m512i quad = _mm512_set1_epi32(*(const int32_t *)(const void *)(a + (size_t)r * lda));
    ALB_UNROLL
    for (int p = 0; p < P; p++) sum[r * P + p] = _mm512_dpbusd_epi32(sum[r * P + p], quad, w[p]);
  }
}

/* sum[r][p], 16 times that of the products of one group of ALB_S4_DEPTH k. */
ALB_INLINE void multiply(const int R, const int P, const uint8_t *a, size_t lda, const uint8_t *w, size_t panel_bytes,
                         __m512i sum[MOST_SUMS]) {
  const __m512i upper = _mm512_set1_epi8(-16);
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) sum[i] = _mm512_setzero_si512();
  for (size_t k = 0; k < ALB_S4_DEPTH; k += 2 * QUAD) {
    __m512i low[MOST_PANELS], high[MOST_PANELS];
    ALB_UNROLL
    for (int p = 0; p < P; p++) {
      const __m512i both = _mm512_load_si512(w + (size_t)p * panel_bytes + k / 2 * ALB_PANEL);
      low[p] = _mm512_and_si512(_mm512_slli_epi16(both, 4), upper);
      high[p] = _mm512_and_si512(both, upper);
    }
    add_quads(R, P, a + k, lda, low, sum);
    add_quads(R, P, a + k + QUAD, lda, high, sum);
  }
}

/* Adds one group of ALB_S4_DEPTH k, of which w is the first panel's, to total[r][p], and its columns to column[p]. */
ALB_INLINE void add_group(const int R, const int P, const group *x, const uint8_t *w, const uint8_t *a,
                          vec total[MOST_SUMS], vec column[MOST_PANELS]) {
  __m512i sum[MOST_SUMS];
  multiply(R, P, a, x->lda, w, x->panel_bytes, sum);
  ALB_UNROLL
  for (int p = 0; p < P; p++, w += x->panel_bytes) {
    const vec scale = vec_mul(_mm512_cvtph_ps(load_behind(w, SCALES)), vec_set(1.0f / 16));
    column[p] = vec_fma(_mm512_cvtepi32_ps(_mm512_slli_epi32(column_sums(w), 4)), scale, column[p]);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const vec both = vec_mul(scale, vec_broadcast(&x->range[(size_t)r * x->groups].scale));
      total[r * P + p] = vec_fma(_mm512_cvtepi32_ps(sum[r * P + p]), both, total[r * P + p]);
    }
  }
}

/* Fetches f for later and returns where the next group's lines begin. */
ALB_INLINE const char *fetch_group(const int P, fetch f, size_t panel_bytes) {
  ALB_UNROLL
  for (int i = 0; i < LINES; i++, f.ahead += f.step) {
    ALB_UNROLL
    for (int p = 0; p < P; p++) _mm_prefetch(f.ahead + (size_t)p * panel_bytes, _MM_HINT_T0);
  }
  return f.ahead;
}

/* Adds one group of ALB_S8_DEPTH k in its range to total[r][p]. */
ALB_INLINE void add_groups(const int R, const int P, const group *x, fetch *f, vec total[MOST_SUMS]) {
  vec column[MOST_PANELS];
  ALB_UNROLL
  for (int p = 0; p < P; p++) column[p] = vec_zero();
  for (size_t i = 0; i < ALB_S4_GROUPS; i++) {
    f->ahead = fetch_group(P, *f, x->panel_bytes);
    add_group(R, P, x, x->w + i * ALB_S4_GROUP_BYTES, x->a + i * ALB_S4_DEPTH, total, column);
  }
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const vec low = vec_broadcast(&x->range[(size_t)r * x->groups].low);
      total[r * P + p] = vec_fma(column[p], low, total[r * P + p]);
    }
  }
}

/* c = act(total + bias); columns from n on, those past n1 left out. */
ALB_INLINE void finish(const int R, const int P, const alb_gemm_s4 *g, size_t m, size_t n, const vec total[MOST_SUMS]) {
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    const size_t at = n + (size_t)p * ALB_PANEL, columns = g->n1 - at;
    const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
    float y[MOST_ROWS * ALB_PANEL];
    ALB_UNROLL
    for (int r = 0; r < R; r++) vec_store(y + r * ALB_PANEL, vec_add(total[r * P + p], bias));
    if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, (size_t)R * ALB_PANEL);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      vec_store_first(g->c + (m + (size_t)r) * g->ldc + at, columns, vec_load(y + r * ALB_PANEL));
    }
  }
}

/* Rows m .. m+R-1, panels from column n on. */
ALB_INLINE void run_tile(const int R, const int P, const block *x, size_t m, size_t n) {
  const alb_gemm_s4 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s4_panel_bytes(g->k);
  const uint8_t *w = (const uint8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = fetch_share(w + (size_t)P * panel_bytes, LINE, panel_bytes / LINE, m - x->m0, (size_t)R, x->m1 - x->m0);
  vec total[MOST_SUMS];
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) total[i] = vec_zero();
  for (size_t i = 0; i < groups; i++) {
    const group part = {.a = g->a + m * g->lda + i * ALB_S8_DEPTH,
                        .lda = g->lda,
                        .w = w + i * ALB_S4_GROUPS * ALB_S4_GROUP_BYTES,
                        .panel_bytes = panel_bytes,
                        .range = g->a_range + m * groups + i,
                        .groups = groups};
    add_groups(R, P, &part, &f, total);
  }
  finish(R, P, g, m, n, total);
}

#define TILES TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#define TILE(R)                                              \
  static void wide_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, R < 4 ? 4 : 2, x, m, n);                     \
  }
TILES
#undef TILE

typedef void (*tile)(const block *, size_t, size_t);
static const tile wide[] = {NULL, wide_1, wide_2, wide_3, wide_4, wide_5, wide_6};

/* The last panels, too few for a wide tile: row by row, for code that is hardly used is to be small. */
static void run_narrow(const block *x, size_t m, size_t n, size_t rows) {
  for (size_t r = m; r < m + rows; r++) run_tile(1, 1, x, r, n);
}

/* One tile at [m][n]; returns its columns. */
static size_t run_panels(const block *x, size_t m, size_t n, size_t rows) {
  const size_t columns = (rows < 4 ? 4 : 2) * ALB_PANEL, left = x->g->n1 - n;
  if (left <= columns - ALB_PANEL) {
    run_narrow(x, m, n, rows);
    return ALB_PANEL;
  }
  wide[rows](x, m, n);
  return columns;
}

/* Rows of the tiles of a block: the same for all but the last few, so that panels pass together. */
static void run_rows(const block *x, size_t m0, size_t m1, size_t rows) {
  for (size_t n = x->g->n0, columns = 0; m0 < m1 && n < x->g->n1; n += columns) {
    for (size_t m = m0; m < m1; m += rows) columns = run_panels(x, m, n, rows);
  }
}

void alb_gemm_s4_vnni(const alb_gemm_s4 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    const size_t all = x.m1 - x.m0, tiles = (all + MOST_ROWS - 1) / MOST_ROWS, rows = (all + tiles - 1) / tiles;
    const size_t larger = tiles - (rows * tiles - all); /* tiles of `rows`; the others have one row less */
    run_rows(&x, m, m + larger * rows, rows);
    run_rows(&x, m + larger * rows, x.m1, rows - 1);
  }
}
