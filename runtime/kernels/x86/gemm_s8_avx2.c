/* The int8 product with AVX2, exact.
 *
 * The one byte multiply there is takes unsigned times signed bytes and saturates pairs of products at 32767.
 * So the weights go in as |w| <= 127, and where w is negative a is replaced by ~a = -a - 1:
 *   |w| * ~a = w * a - |w|,   which is too small by |w|;
 * the sum of those |w| depends on the weights alone, is packed behind each group, and is where the sums start.
 * A pair is at most 2 * 127 * 128 = 32512 in magnitude: nothing saturates. */
#include <string.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"
#include "runtime/kernels/x86/lanes_avx2.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. */
enum { BLOCK_ROWS = 132, S8_ROWS = 4, QUAD = 4, STEP = QUAD * ALB_PANEL };

/* Keeps the compiler from mixing the rows: the operands of all rows at once are more than the registers hold,
 * and spilled sums cost a tenth of the speed. */
#define ALB_IN_ORDER(vector) __asm__ volatile("" : "+x"(vector))

/* Four bytes of a row in every lane. */
ALB_INLINE __m256i broadcast4(const int8_t *a) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  return _mm256_set1_epi32(quad);
}

/* Adds to sum[r][half] the products of 4 consecutive k. */
ALB_INLINE void multiply_quad(const int R, const int8_t *a, size_t lda, const int8_t *w, __m256i sum[S8_ROWS][2]) {
  const __m256i ones = _mm256_set1_epi16(1), zero = _mm256_setzero_si256();
  __m256i size[2], negative[2];
  ALB_UNROLL
  for (int h = 0; h < 2; h++) {
    const __m256i bytes = _mm256_load_si256((const __m256i *)(w + h * STEP / 2));
    size[h] = _mm256_abs_epi8(bytes);
    negative[h] = _mm256_cmpgt_epi8(zero, bytes);
  }
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    __m256i x = broadcast4(a + (size_t)r * lda);
    ALB_IN_ORDER(x);
    ALB_UNROLL
    for (int h = 0; h < 2; h++) {
      const __m256i pairs = _mm256_maddubs_epi16(size[h], _mm256_xor_si256(x, negative[h]));
      sum[r][h] = _mm256_add_epi32(sum[r][h], _mm256_madd_epi16(pairs, ones));
      ALB_IN_ORDER(sum[r][h]);
    }
  }
}

/* Adds one group of k in its range to total[r][half], each operation rounded by itself. Fetches f for later. */
ALB_INLINE void add_group(const int R, const int8_t *a, size_t lda, const int8_t *w, const alb_range *range,
                          size_t groups, fetch f, __m256 total[S8_ROWS][2]) {
  const __m256i *start = (const __m256i *)(w + ALB_S8_DEPTH * ALB_PANEL);
  __m256i sum[S8_ROWS][2];
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    sum[r][0] = _mm256_load_si256(start);
    sum[r][1] = _mm256_load_si256(start + 1);
  }
  for (size_t k = 0; k < ALB_S8_DEPTH; k += QUAD, f.ahead += f.step) {
    _mm_prefetch(f.ahead, _MM_HINT_T0);
    multiply_quad(R, a + k, lda, w + k * ALB_PANEL, sum);
  }
  ALB_UNROLL
  for (int h = 0; h < 2; h++) {
    const __m256 columns = _mm256_cvtepi32_ps(_mm256_load_si256(start + 2 + h));
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const alb_range *of = &range[(size_t)r * groups];
      total[r][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum[r][h]), _mm256_set1_ps(of->scale), total[r][h]);
      total[r][h] = _mm256_fmadd_ps(columns, _mm256_set1_ps(of->middle), total[r][h]);
    }
  }
}

/* y[r][16] = total * w_scale + bias, each operation rounded by itself. */
ALB_INLINE void scale_sums(const int R, const alb_gemm_s8 *g, size_t n, const __m256 total[S8_ROWS][2],
                           float y[S8_ROWS * ALB_PANEL]) {
  ALB_UNROLL
  for (size_t h = 0; h < 2; h++) {
    const size_t columns = n + h * 8 < g->n1 ? g->n1 - n - h * 8 : 0;
    const __m256 w_scale = load_first(g->w_scale + n + h * 8, columns);
    const __m256 bias = g->bias ? load_first(g->bias + n + h * 8, columns) : _mm256_set1_ps(-0.0f);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      _mm256_store_ps(y + (size_t)r * ALB_PANEL + h * 8, _mm256_fmadd_ps(total[r][h], w_scale, bias));
    }
  }
}

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_s8 *g;
  size_t m0, m1;
} block;

ALB_INLINE void run_tile(const int R, const block *x, size_t m, size_t n) {
  enum { QUADS = ALB_S8_DEPTH / QUAD };
  const alb_gemm_s8 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s8_panel_bytes(g->k);
  const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes, *a = g->a + m * g->lda;
  fetch f = fetch_share(w + panel_bytes, STEP, groups * QUADS, m - x->m0, (size_t)R, x->m1 - x->m0);
  __m256 total[S8_ROWS][2];
  _Alignas(32) float y[S8_ROWS * ALB_PANEL];
  ALB_UNROLL
  for (int r = 0; r < R; r++) total[r][0] = total[r][1] = _mm256_setzero_ps();
  for (size_t i = 0; i < groups; i++, a += ALB_S8_DEPTH, w += ALB_S8_GROUP_BYTES) {
    add_group(R, a, g->lda, w, g->a_range + m * groups + i, groups, f, total);
    f.ahead += f.step * QUADS;
  }
  scale_sums(R, g, n, total, y);
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, (size_t)R * ALB_PANEL);
  for (size_t h = 0; h < 2 && n + h * 8 < g->n1; h++) {
    for (size_t r = 0; r < (size_t)R; r++) {
      store_first(g->c + (m + r) * g->ldc + n + h * 8, g->n1 - n - h * 8, _mm256_load_ps(y + r * ALB_PANEL + h * 8));
    }
  }
}

#define TILES TILE(1) TILE(2) TILE(3) TILE(4)
#define TILE(R)                                              \
  static void tile_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, x, m, n);                                    \
  }
TILES
#undef TILE

static void (*const tiles[S8_ROWS + 1])(const block *, size_t, size_t) = {NULL, tile_1, tile_2, tile_3, tile_4};

static void run_block(const block *x) {
  for (size_t n = x->g->n0; n < x->g->n1; n += ALB_PANEL) {
    for (size_t m = x->m0, rows; m < x->m1; m += rows) {
      rows = x->m1 - m < S8_ROWS ? x->m1 - m : S8_ROWS;
      tiles[rows](x, m, n);
    }
  }
}

void alb_gemm_s8_avx2(const alb_gemm_s8 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    run_block(&x);
  }
}
