/* The int4 and int6 products with AVX-512 VNNI, exact. B: bits of an integer.
 *
 * Half a byte of w holds the upper four bits of an integer in two's complement. With the other half cleared, the upper
 * half is a signed byte; a shift brings the lower one there. The further bits of int6 are put below. So sums come out
 * 16 times too large, or 4 times, which the scales take back. The instruction multiplies unsigned by signed bytes, as
 * rows and weights are. */
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
};

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_intn *g;
  const struct tile_set *tiles;
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

ALB_INLINE __m512i column_sums(const int B, const uint8_t *w) {
  return _mm512_cvtepi16_epi32(load_behind(w, alb_intn_sums_at((unsigned)B)));
}

/* The two bits of int6 that stand at bit 0 and at bit 2 of each byte, brought to bit 2. */
ALB_INLINE void unpack_rest(__m512i rest, __m512i *low, __m512i *high) {
  const __m512i mask = _mm512_set1_epi8(12);
  *low = _mm512_and_si512(_mm512_slli_epi16(rest, 2), mask);
  *high = _mm512_and_si512(rest, mask);
}

/* The bytes of k and of k + 4 of the 8 integers from k on of each column of a group. */
ALB_INLINE void unpack(const int B, const uint8_t *w, size_t k, __m512i *low, __m512i *high) {
  const __m512i upper = _mm512_set1_epi8(-16), both = _mm512_load_si512(w + k / 2 * ALB_PANEL);
  *low = _mm512_and_si512(_mm512_slli_epi16(both, 4), upper);
  *high = _mm512_and_si512(both, upper);
  if (B == 4) return;
  const __m512i rest = _mm512_load_si512(w + ALB_S6_RESTS + k / 16 * LINE);
  __m512i low_rest, high_rest;
  unpack_rest(k % 16 ? _mm512_srli_epi16(rest, 4) : rest, &low_rest, &high_rest);
  *low = _mm512_or_si512(*low, low_rest);
  *high = _mm512_or_si512(*high, high_rest);
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

/* sum[r][p], 2^(8 - B) times that of the products of one group of ALB_INTN_DEPTH k. */
ALB_INLINE void multiply(const int B, const int R, const int P, const uint8_t *a, size_t lda, const uint8_t *w,
                         size_t panel_bytes, __m512i sum[MOST_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) sum[i] = _mm512_setzero_si512();
  for (size_t k = 0; k < ALB_INTN_DEPTH; k += 2 * QUAD) {
    __m512i low[MOST_PANELS], high[MOST_PANELS];
    ALB_UNROLL
    for (int p = 0; p < P; p++) unpack(B, w + (size_t)p * panel_bytes, k, &low[p], &high[p]);
    add_quads(R, P, a + k, lda, low, sum);
    add_quads(R, P, a + k + QUAD, lda, high, sum);
  }
}

/* Adds one group of ALB_INTN_DEPTH k, of which w is the first panel's, to total[r][p], and its columns to column[p]. */
ALB_INLINE void add_group(const int B, const int R, const int P, const group *x, const uint8_t *w, const uint8_t *a,
                          vec total[MOST_SUMS], vec column[MOST_PANELS]) {
  __m512i sum[MOST_SUMS];
  multiply(B, R, P, a, x->lda, w, x->panel_bytes, sum);
  ALB_UNROLL
  for (int p = 0; p < P; p++, w += x->panel_bytes) {
    const vec scale = vec_mul(_mm512_cvtph_ps(load_behind(w, alb_intn_scales_at((unsigned)B))),
                              vec_set(1.0f / (float)(1 << (8 - B))));
    column[p] = vec_fma(_mm512_cvtepi32_ps(_mm512_slli_epi32(column_sums(B, w), 8 - (unsigned)B)), scale, column[p]);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const vec both = vec_mul(scale, vec_broadcast(&x->range[(size_t)r * x->groups].scale));
      total[r * P + p] = vec_fma(_mm512_cvtepi32_ps(sum[r * P + p]), both, total[r * P + p]);
    }
  }
}

/* Fetches f for later and returns where the next group's lines begin. */
ALB_INLINE const char *fetch_group(const int B, const int P, fetch f, size_t panel_bytes) {
  ALB_UNROLL
  for (int i = 0; i < (int)alb_intn_group_bytes((unsigned)B) / LINE; i++, f.ahead += f.step) {
    ALB_UNROLL
    for (int p = 0; p < P; p++) _mm_prefetch(f.ahead + (size_t)p * panel_bytes, _MM_HINT_T0);
  }
  return f.ahead;
}

/* Adds one group of ALB_S8_DEPTH k in its range to total[r][p]. */
ALB_INLINE void add_groups(const int B, const int R, const int P, const group *x, fetch *f, vec total[MOST_SUMS]) {
  vec column[MOST_PANELS];
  ALB_UNROLL
  for (int p = 0; p < P; p++) column[p] = vec_zero();
  ALB_KEEP_LOOP
  for (size_t i = 0; i < ALB_INTN_GROUPS; i++) {
    f->ahead = fetch_group(B, P, *f, x->panel_bytes);
    add_group(B, R, P, x, x->w + i * alb_intn_group_bytes((unsigned)B), x->a + i * ALB_INTN_DEPTH, total, column);
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

/* c = act(y + bias) for y[panels][rows][16]; columns from n on, those past n1 left out. Once in the file: tiles would
 * be much larger with it. */
ALB_ONCE void finish(const alb_gemm_intn *g, size_t m, size_t n, size_t rows, size_t panels, float *y) {
  for (size_t p = 0; p < panels; p++, n += ALB_PANEL, y += rows * ALB_PANEL) {
    const vec bias = g->bias ? vec_load_first(g->bias + n, g->n1 - n) : vec_set(-0.0f);
    for (size_t r = 0; r < rows; r++) vec_store(y + r * ALB_PANEL, vec_add(vec_load(y + r * ALB_PANEL), bias));
    if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, rows * ALB_PANEL);
    for (size_t r = 0; r < rows; r++) {
      vec_store_first(g->c + (m + r) * g->ldc + n, g->n1 - n, vec_load(y + r * ALB_PANEL));
    }
  }
}

/* Rows m .. m+R-1, panels from column n on. */
ALB_INLINE void run_tile(const int B, const int R, const int P, const block *x, size_t m, size_t n) {
  const alb_gemm_intn *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_intn_panel_bytes((unsigned)B, g->k);
  const uint8_t *w = (const uint8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = fetch_share(w + (size_t)P * panel_bytes, LINE, panel_bytes / LINE, m - x->m0, (size_t)R, x->m1 - x->m0);
  vec total[MOST_SUMS];
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) total[i] = vec_zero();
  for (size_t i = 0; i < groups; i++) {
    const group part = {.a = g->a + m * g->lda + i * ALB_S8_DEPTH,
                        .lda = g->lda,
                        .w = w + i * ALB_INTN_GROUPS * alb_intn_group_bytes((unsigned)B),
                        .panel_bytes = panel_bytes,
                        .range = g->a_range + m * groups + i,
                        .groups = groups};
    add_groups(B, R, P, &part, &f, total);
  }
  float y[MOST_SUMS * ALB_PANEL];
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) vec_store(y + (i % P * R + i / P) * ALB_PANEL, total[i]);
  finish(g, m, n, (size_t)R, (size_t)P, y);
}

typedef void (*tile)(const block *, size_t, size_t);

/* Of one number of bits; wide[rows]. The narrow one, of one row and panel, is for the last panels, too few for a wide
 * tile: code that is hardly used is to be small. */
typedef struct tile_set {
  tile narrow, wide[MOST_ROWS + 1];
} tile_set;

#define TILES(B) TILE(B, 1) TILE(B, 2) TILE(B, 3) TILE(B, 4) TILE(B, 5) TILE(B, 6)
#define TILE(B, R)                                                 \
  static void wide_##B##_##R(const block *x, size_t m, size_t n) { \
    run_tile(B, R, R < 4 ? 4 : 2, x, m, n);                        \
  }
#define NARROW(B)                                              \
  static void narrow_##B(const block *x, size_t m, size_t n) { \
    run_tile(B, 1, 1, x, m, n);                                \
  }
TILES(4)
TILES(6)
NARROW(4)
NARROW(6)
#undef TILE
#define TILE(B, R) wide_##B##_##R,
static const tile_set tiles_4 = {narrow_4, {NULL, TILES(4)}}, tiles_6 = {narrow_6, {NULL, TILES(6)}};
#undef TILE

/* One tile at [m][n]; returns its columns. */
static size_t run_panels(const block *x, size_t m, size_t n, size_t rows) {
  const size_t columns = (rows < 4 ? 4 : 2) * ALB_PANEL, left = x->g->n1 - n;
  if (left <= columns - ALB_PANEL) {
    for (size_t r = m; r < m + rows; r++) x->tiles->narrow(x, r, n);
    return ALB_PANEL;
  }
  x->tiles->wide[rows](x, m, n);
  return columns;
}

/* Rows of the tiles of a block: the same for all but the last few, so that panels pass together. */
static void run_rows(const block *x, size_t m0, size_t m1, size_t rows) {
  for (size_t n = x->g->n0, columns = 0; m0 < m1 && n < x->g->n1; n += columns) {
    for (size_t m = m0; m < m1; m += rows) columns = run_panels(x, m, n, rows);
  }
}

static void gemm_intn(const alb_gemm_intn *g, const tile_set *t) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, t, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    const size_t all = x.m1 - x.m0, tiles = (all + MOST_ROWS - 1) / MOST_ROWS, rows = (all + tiles - 1) / tiles;
    const size_t larger = tiles - (rows * tiles - all); /* tiles of `rows`; the others have one row less */
    run_rows(&x, m, m + larger * rows, rows);
    run_rows(&x, m + larger * rows, x.m1, rows - 1);
  }
}

void alb_gemm_s4_vnni(const alb_gemm_intn *g) {
  gemm_intn(g, &tiles_4);
}

void alb_gemm_s6_vnni(const alb_gemm_intn *g) {
  gemm_intn(g, &tiles_6);
}
