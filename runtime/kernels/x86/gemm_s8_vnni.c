/* The int8 product with AVX-512 VNNI, exact.
 *
 * The instruction multiplies unsigned by signed bytes and adds four products to an int32, without saturation. So a
 * goes in as a + 128, and the sums start at -128 times the sum of the column's w, which is packed behind each group.
 * A tile first makes a + 128 of one group of its rows, then takes them from there four bytes at a time. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/x86/fetch.h"
#include "runtime/kernels/x86/math_vec.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. */
enum { BLOCK_ROWS = 132, MOST_ROWS = 6, MOST_PANELS = 4, MOST_SUMS = 12, QUAD = 4, STEP = QUAD * ALB_PANEL };

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_s8 *g;
  size_t m0, m1;
} block;

/* What one tile reads of one group. */
typedef struct group {
  const int8_t *a; /* the first row's */
  size_t lda;
  const int8_t *w; /* the first panel's */
  size_t panel_bytes;
  const alb_range *range; /* the first row's; rows are `groups` apart */
  size_t groups;
} group;

/* The sums of the columns' w, behind a panel's group. */
ALB_INLINE __m512i column_sums(const group *x, int panel) {
  enum { ALL = ALB_S8_DEPTH * ALB_PANEL + ALB_PANEL * sizeof(int32_t) };
  return _mm512_load_si512(x->w + (size_t)panel * x->panel_bytes + ALL);
}

/* out[r] = a[r] + 128, the 64 bytes of the group. */
ALB_INLINE void make_unsigned(const int R, const group *x, int8_t out[MOST_ROWS][ALB_S8_DEPTH]) {
  const __m512i sign = _mm512_set1_epi8(-128);
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    _mm512_store_si512(out[r], _mm512_xor_si512(_mm512_loadu_si512(x->a + (size_t)r * x->lda), sign));
  }
}

/* sum[r][p] of the products of one group. Fetches f for later. */
ALB_INLINE void multiply_group(const int R, const int P, const group *x, fetch f, __m512i sum[MOST_SUMS]) {
  _Alignas(64) int8_t a[MOST_ROWS][ALB_S8_DEPTH];
  make_unsigned(R, x, a);
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) {
    sum[i] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(column_sums(x, i % P), 7));
  }
  for (size_t k = 0; k < ALB_S8_DEPTH; k += QUAD, f.ahead += f.step) {
    __m512i w[MOST_PANELS];
    ALB_UNROLL
    for (int p = 0; p < P; p++) {
      _mm_prefetch(f.ahead + (size_t)p * x->panel_bytes, _MM_HINT_T0);
      w[p] = _mm512_load_si512(x->w + (size_t)p * x->panel_bytes + k * ALB_PANEL);
    }
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const __m512i quad = _mm512_set1_epi32(*(const int32_t *)(const void *)(a[r] + k));
      ALB_UNROLL
      for (int p = 0; p < P; p++) sum[r * P + p] = _mm512_dpbusd_epi32(sum[r * P + p], quad, w[p]);
    }
  }
}

/* Adds one group of k in its range to total[r][p], each operation rounded by itself. */
ALB_INLINE void add_group(const int R, const int P, const group *x, fetch f, vec total[MOST_SUMS]) {
  __m512i sum[MOST_SUMS];
  multiply_group(R, P, x, f, sum);
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    const vec columns = _mm512_cvtepi32_ps(column_sums(x, p));
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const alb_range *of = &x->range[(size_t)r * x->groups];
      const vec scaled = vec_mul(_mm512_cvtepi32_ps(sum[r * P + p]), vec_broadcast(&of->scale));
      total[r * P + p] = vec_add(total[r * P + p], scaled);
      total[r * P + p] = vec_add(total[r * P + p], vec_mul(columns, vec_broadcast(&of->middle)));
    }
  }
}

/* c = act(total * w_scale + bias), each operation rounded by itself; columns from n on, those past n1 left out. */
ALB_INLINE void finish(const int R, const int P, const alb_gemm_s8 *g, size_t m, size_t n, const vec total[MOST_SUMS]) {
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    const size_t at = n + (size_t)p * ALB_PANEL, columns = g->n1 - at;
    const vec w_scale = vec_load_first(g->w_scale + at, columns);
    const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
    float y[MOST_ROWS * ALB_PANEL];
    ALB_UNROLL
    for (int r = 0; r < R; r++) vec_store(y + r * ALB_PANEL, vec_add(vec_mul(total[r * P + p], w_scale), bias));
    if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, (size_t)R * ALB_PANEL);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      vec_store_first(g->c + (m + (size_t)r) * g->ldc + at, columns, vec_load(y + r * ALB_PANEL));
    }
  }
}

/* Rows m .. m+R-1, panels from column n on. */
ALB_INLINE void run_tile(const int R, const int P, const block *x, size_t m, size_t n) {
  enum { QUADS = ALB_S8_DEPTH / QUAD };
  const alb_gemm_s8 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s8_panel_bytes(g->k);
  const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = fetch_share(w + (size_t)P * panel_bytes, STEP, groups * QUADS, m - x->m0, (size_t)R, x->m1 - x->m0);
  vec total[MOST_SUMS];
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) total[i] = vec_zero();
  for (size_t i = 0; i < groups; i++) {
    const group part = {g->a + m * g->lda + i * ALB_S8_DEPTH, g->lda, w + i * ALB_S8_GROUP_BYTES, panel_bytes,
                        g->a_range + m * groups + i,          groups};
    add_group(R, P, &part, f, total);
    f.ahead += f.step * QUADS;
  }
  finish(R, P, g, m, n, total);
}

#define TILES TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#define TILE(R)                                                \
  static void narrow_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, 1, x, m, n);                                   \
  }                                                            \
  static void wide_##R(const block *x, size_t m, size_t n) {   \
    run_tile(R, R < 4 ? 4 : 2, x, m, n);                       \
  }
TILES
#undef TILE

typedef void (*tile)(const block *, size_t, size_t);
static const tile narrow[] = {NULL, narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6};
static const tile wide[] = {NULL, wide_1, wide_2, wide_3, wide_4, wide_5, wide_6};

/* One tile at [m][n]; returns its columns. */
static size_t run_panels(const block *x, size_t m, size_t n, size_t rows) {
  const size_t columns = (rows < 4 ? 4 : 2) * ALB_PANEL, left = x->g->n1 - n;
  (left > columns - ALB_PANEL ? wide : narrow)[rows](x, m, n);
  return left > columns - ALB_PANEL ? columns : ALB_PANEL;
}

/* Rows of the tiles of a block: the same for all but the last few, so that panels pass together. */
static void run_rows(const block *x, size_t m0, size_t m1, size_t rows) {
  for (size_t n = x->g->n0, columns = 0; m0 < m1 && n < x->g->n1; n += columns) {
    for (size_t m = m0; m < m1; m += rows) columns = run_panels(x, m, n, rows);
  }
}

void alb_gemm_s8_vnni(const alb_gemm_s8 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    const size_t all = x.m1 - x.m0, tiles = (all + MOST_ROWS - 1) / MOST_ROWS, rows = (all + tiles - 1) / tiles;
    const size_t larger = tiles - (rows * tiles - all); /* tiles of `rows`; the others have one row less */
    run_rows(&x, m, m + larger * rows, rows);
    run_rows(&x, m + larger * rows, x.m1, rows - 1);
  }
}
