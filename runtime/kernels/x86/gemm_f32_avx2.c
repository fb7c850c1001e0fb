/* The f32 product with AVX2 and FMA.
 *
 * A block of rows and of k goes past panel after panel of the weights: the panel's block (48 KB) and the
 * rows' (400 KB) stay in the second-level cache while they are used, and tiles of up to 6 rows x 16 columns
 * keep 12 sums in registers. The weights of a model are more than the caches hold, so each tile fetches its
 * share of the next panel ahead of time. Where only 1 to 3 rows are left, a tile spans several panels instead, so that
 * there are always enough independent sums to hide the latency of the multiply-add. How rows are cut changes
 * nothing in any number: every sum is one chain over k, and stored sums come back exactly. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/x86/tile_avx2.h"

enum { BLOCK_K = 768, BLOCK_ROWS = 132 };

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

ALB_INLINE void load_sums(const int R, const int P, const block *x, const corner *at, __m256 sum[TILE_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * 2 * P; i++) {
    const float *c = at->c + (size_t)(i / (2 * P)) * at->ldc + (size_t)(i % (2 * P)) * 8;
    sum[i] = x->k0 == 0 ? _mm256_setzero_ps() : _mm256_loadu_ps(c);
  }
}

ALB_INLINE void store_sums(const int R, const int P, const corner *at, const __m256 sum[TILE_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * 2 * P; i++) {
    _mm256_storeu_ps(at->c + (size_t)(i / (2 * P)) * at->ldc + (size_t)(i % (2 * P)) * 8, sum[i]);
  }
}

ALB_INLINE void add_bias(const int R, const int P, const float *bias, __m256 sum[TILE_SUMS]) {
  ALB_UNROLL
  for (int i = 0; i < R * 2 * P; i++) sum[i] = _mm256_add_ps(sum[i], _mm256_loadu_ps(bias + (size_t)(i % (2 * P)) * 8));
}

ALB_INLINE void run_tile(const int R, const int P, const block *x, const corner *at) {
  const alb_gemm_f32 *g = x->g;
  const bool last = x->k1 == g->k;
  __m256 sum[TILE_SUMS];
  load_sums(R, P, x, at, sum);
  tile_f32(R, P, P == 1, at->a, g->lda, at->b, g->k * TILE_PANEL, x->k1 - x->k0, at->next, sum);
  if (last && at->bias) add_bias(R, P, at->bias, sum);
  store_sums(R, P, at, sum);
  if (!last || g->activation == ALB_ACT_NONE) return;
  for (size_t r = 0; r < (size_t)R; r++) {
    activate_vectors(g->activation, at->c + r * at->ldc, at->c + r * at->ldc, (size_t)P * TILE_PANEL);
  }
}

/* Every tile there is: TILE(rows, panels). */
#define TILES TILE(1, 1) TILE(2, 1) TILE(3, 1) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(1, 4) TILE(2, 2) TILE(3, 2)
#define TILE(R, P)                                               \
  static void tile_##R##x##P(const block *x, const corner *at) { \
    run_tile(R, P, x, at);                                       \
  }
TILES
#undef TILE

typedef void (*tile)(const block *, const corner *);
static const tile one_panel[TILE_ROWS + 1] = {NULL, tile_1x1, tile_2x1, tile_3x1, tile_4x1, tile_5x1, tile_6x1};
/* For 1 to 3 rows: tiles over several panels, and how many. */
static const tile many_panels[] = {NULL, tile_1x4, tile_2x2, tile_3x2};
static const size_t panel_count[] = {0, 4, 2, 2};

static corner corner_of(const block *x, size_t m, size_t n, size_t rows) {
  const alb_gemm_f32 *g = x->g;
  const float *b = g->packed + n * g->k + x->k0 * TILE_PANEL, *next = b + g->k * TILE_PANEL;
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
  const corner whole = corner_of(x, m, n, rows);
  const corner at = {whole.a, whole.b, whole.bias ? bias : NULL, c, TILE_PANEL, whole.next};
  for (size_t i = 0; whole.bias && i < columns; i++) bias[i] = whole.bias[i];
  for (size_t i = 0; i < rows * columns; i++) {
    c[i / columns * TILE_PANEL + i % columns] = x->k0 ? whole.c[i / columns * whole.ldc + i % columns] : 0.0f;
  }
  one_panel[rows](x, &at);
  for (size_t i = 0; i < rows * columns; i++) {
    whole.c[i / columns * whole.ldc + i % columns] = c[i / columns * TILE_PANEL + i % columns];
  }
}

static void run_panel(const block *x, size_t m, size_t n, size_t rows) {
  if (x->g->n1 - n < TILE_PANEL) {
    run_partial(x, m, n, rows);
    return;
  }
  const corner at = corner_of(x, m, n, rows);
  one_panel[rows](x, &at);
}

static void run_few_rows(const block *x, size_t m, size_t rows) {
  const alb_gemm_f32 *g = x->g;
  const size_t span = panel_count[rows] * TILE_PANEL;
  size_t n = g->n0;
  for (; g->n1 - n >= span; n += span) {
    const corner at = corner_of(x, m, n, rows);
    many_panels[rows](x, &at);
  }
  for (; n < g->n1; n += TILE_PANEL) run_panel(x, m, n, rows);
}

static void run_block(const block *x) {
  const size_t all = x->m1 - x->m0, few = all == 7 ? 3 : all < 4 ? all : 0;
  for (size_t n = x->g->n0; n < x->g->n1; n += TILE_PANEL) {
    for (size_t m = x->m0, rows; m < x->m1 - few; m += rows) {
      rows = next_rows(x->m1 - m);
      run_panel(x, m, n, rows);
    }
  }
  if (few) run_few_rows(x, x->m1 - few, few);
}

/* Rows per block: as even as multiples of a tile allow, for a small last block would use the weights badly. */
static size_t block_rows(size_t m) {
  const size_t blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
  return ((m + blocks - 1) / blocks + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

void alb_gemm_f32_avx2(const alb_gemm_f32 *g) {
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
