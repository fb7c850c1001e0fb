/* The int8 product with AVX-512 VNNI, exact.
 *
 * The instruction multiplies unsigned by signed bytes and adds four products to an int32, without saturation. So a
 * goes in as a + 128, and the sums start at -128 times the sum of the column's w, which is packed behind each group.
 * A tile first makes a + 128 of one group of its rows, then takes them from there four bytes at a time. The sums of
 * the group fill the registers; what the groups before it came to waits in the first-level cache. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. */
enum { BLOCK_ROWS = 128, MOST_ROWS = 8, MOST_PANELS = 8, MOST_SUMS = 24, QUAD = 4, STEP = QUAD * ALB_PANEL };

/* Keeps a sum in its register: left to itself the compiler moves sums about and spills some. */
#define ALB_IN_PLACE(vector) __asm__ volatile("" : "+v"(vector))

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
  size_t depth; /* k of the group that are there, up to a quad */
} group;

/* The sums of the columns' w, behind a panel's group. */
ALB_INLINE __m512i column_sums(const group *x, int panel) {
  enum { ALL = ALB_S8_DEPTH * ALB_PANEL + ALB_PANEL * sizeof(int32_t) };
  return _mm512_load_si512(x->w + (size_t)panel * x->panel_bytes + ALL);
}

/* out[r] = a[r] + 128, the bytes of the group. */
ALB_INLINE void make_unsigned(const int R, const group *x, int8_t out[MOST_ROWS][ALB_S8_DEPTH]) {
  const __m512i sign = _mm512_set1_epi8(-128);
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    ALB_UNROLL
    for (size_t k = 0; k < ALB_S8_DEPTH; k += 64) {
      _mm512_store_si512(out[r] + k, _mm512_xor_si512(_mm512_loadu_si512(x->a + (size_t)r * x->lda + k), sign));
    }
  }
}

/* Fetches what this quad's share of f is. */
ALB_INLINE void fetch_lines(const fetch *f) {
  const char *line = f->ahead;
  do {
    _mm_prefetch(line, _MM_HINT_T0);
    line += 64;
  } while (line < f->ahead + f->step);
}

/* sum[r][p] of the products of one group. Fetches f for later. */
ALB_INLINE void multiply_group(const int R, const int P, const group *x, fetch f, __m512i sum[MOST_SUMS]) {
  _Alignas(64) int8_t a[MOST_ROWS][ALB_S8_DEPTH];
  make_unsigned(R, x, a);
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) {
    sum[i] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(column_sums(x, i % P), 7));
  }
  for (size_t k = 0; k < x->depth; k += QUAD, f.ahead += f.step) {
    __m512i w[MOST_PANELS];
    fetch_lines(&f);
    ALB_UNROLL
    for (int p = 0; p < P; p++) w[p] = _mm512_load_si512(x->w + (size_t)p * x->panel_bytes + k * ALB_PANEL);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const __m512i quad = _mm512_set1_epi32(*(const int32_t *)(const void *)(a[r] + k));
      ALB_UNROLL
      for (int p = 0; p < P; p++) {
        sum[r * P + p] = _mm512_dpbusd_epi32(sum[r * P + p], quad, w[p]);
        ALB_IN_PLACE(sum[r * P + p]);
      }
    }
  }
}

/* Adds one group of k in its range to total[r][p]. */
ALB_INLINE void add_group(const int R, const int P, const group *x, fetch f, float total[MOST_SUMS][ALB_PANEL]) {
  __m512i sum[MOST_SUMS];
  multiply_group(R, P, x, f, sum);
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    const vec columns = _mm512_cvtepi32_ps(column_sums(x, p));
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const alb_range *of = &x->range[(size_t)r * x->groups];
      float *at = total[r * P + p];
      const vec scaled = vec_fma(_mm512_cvtepi32_ps(sum[r * P + p]), vec_broadcast(&of->scale), vec_load(at));
      vec_store(at, vec_fma(columns, vec_broadcast(&of->middle), scaled));
    }
  }
}

/* c = act(total * w_scale + bias); columns from n on, those past n1 left out. */
ALB_INLINE void finish(const int R, const int P, const alb_gemm_s8 *g, size_t m, size_t n,
                       float total[MOST_SUMS][ALB_PANEL]) {
  ALB_UNROLL
  for (int p = 0; p < P; p++) {
    const size_t at = n + (size_t)p * ALB_PANEL, columns = g->n1 - at;
    const vec w_scale = vec_load_first(g->w_scale + at, columns);
    const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
    ALB_UNROLL
    for (int r = 0; r < R; r++) vec_store(total[r * P + p], vec_fma(vec_load(total[r * P + p]), w_scale, bias));
  }
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, total[0], total[0], (size_t)(R * P) * ALB_PANEL);
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) {
    const size_t at = n + (size_t)(i % P) * ALB_PANEL;
    vec_store_first(g->c + (m + (size_t)(i / P)) * g->ldc + at, g->n1 - at, vec_load(total[i]));
  }
}

/* Rows m .. m+R-1, panels from column n on. */
ALB_INLINE void run_tile(const int R, const int P, const block *x, size_t m, size_t n) {
  const alb_gemm_s8 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s8_panel_bytes(g->k), quads = (g->k + QUAD - 1) / QUAD;
  const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  const size_t next_bytes = (size_t)P * panel_bytes;
  fetch f = fetch_share(w + next_bytes, next_bytes / (quads ? quads : 1), quads, m - x->m0, (size_t)R, x->m1 - x->m0);
  _Alignas(64) float total[MOST_SUMS][ALB_PANEL];
  ALB_UNROLL
  for (int i = 0; i < R * P; i++) vec_store(total[i], vec_zero());
  for (size_t i = 0; i < groups; i++) {
    const size_t k = i * ALB_S8_DEPTH;
    const group part = {g->a + m * g->lda + k,
                        g->lda,
                        w + i * ALB_S8_GROUP_BYTES,
                        panel_bytes,
                        g->a_range + m * groups + i,
                        groups,
                        g->k - k < ALB_S8_DEPTH ? g->k - k : ALB_S8_DEPTH};
    add_group(R, P, &part, f, total);
    f.ahead += f.step * (ALB_S8_DEPTH / QUAD);
  }
  finish(R, P, g, m, n, total);
}

/* Panels of a tile of R rows: as many as the sums allow, for the more products share a load. */
#define TILES TILE(1, 8) TILE(2, 8) TILE(3, 8) TILE(4, 6) TILE(5, 4) TILE(6, 4) TILE(7, 3) TILE(8, 3)
#define TILE(R, P)                                             \
  static void narrow_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, 1, x, m, n);                                   \
  }                                                            \
  static void middle_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, 2, x, m, n);                                   \
  }                                                            \
  static void wide_##R(const block *x, size_t m, size_t n) {   \
    run_tile(R, P, x, m, n);                                   \
  }
TILES
#undef TILE

typedef void (*tile)(const block *, size_t, size_t);
static const struct {
  tile narrow, middle, wide; /* of 1, 2 and `panels` panels */
  size_t panels;
} tiles[] = {{NULL, NULL, NULL, 0},
#define TILE(R, P) {narrow_##R, middle_##R, wide_##R, P},
             TILES
#undef TILE
};

/* One tile at [m][n]; returns its columns. */
static size_t run_panels(const block *x, size_t m, size_t n, size_t rows) {
  const size_t left = (x->g->n1 - n + ALB_PANEL - 1) / ALB_PANEL;
  const size_t panels = left >= tiles[rows].panels ? tiles[rows].panels : left > 1 ? 2 : 1;
  (panels == 1 ? tiles[rows].narrow : panels == 2 ? tiles[rows].middle : tiles[rows].wide)(x, m, n);
  return panels * ALB_PANEL;
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
    const size_t all = x.m1 - x.m0, count = (all + MOST_ROWS - 1) / MOST_ROWS, rows = (all + count - 1) / count;
    const size_t larger = count - (rows * count - all); /* tiles of `rows`; the others have one row less */
    run_rows(&x, m, m + larger * rows, rows);
    run_rows(&x, m + larger * rows, x.m1, rows - 1);
  }
}
