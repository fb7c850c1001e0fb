/* The int4 product with AVX2, exact.
 *
 * The one byte multiply there is takes unsigned times signed bytes and adds pairs of products with saturation at
 * 32767. With integers of [-8, 7], a pair is at most 2 * 255 * 8 = 4080 in magnitude: the eight pairs of a group of
 * 32 k are summed as 16 bits, at most 32640, before they are widened. */
#include <string.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"
#include "runtime/kernels/x86/lanes_avx2.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. LINE: bytes fetched at a time. */
enum {
  BLOCK_ROWS = 132,
  S4_ROWS = 4,
  QUAD = 4,
  LINE = 64,
  LINES = ALB_S4_GROUP_BYTES / LINE,
  SCALES = ALB_PANEL * ALB_S4_DEPTH / 2,
  SUMS = SCALES + 2 * ALB_PANEL
};

/* Keeps the compiler from mixing the rows: the operands of all rows at once are more than the registers hold. */
#define ALB_IN_ORDER(vector) __asm__ volatile("" : "+x"(vector))

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_s4 *g;
  size_t m0, m1;
} block;

/* Four bytes of a row in every lane. */
ALB_INLINE __m256i broadcast4(const uint8_t *a) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  return _mm256_set1_epi32(quad);
}

/* The integers of the lower halves of 32 bytes, as bytes. */
ALB_INLINE __m256i widen(__m256i halves) {
  const __m256i numbers =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
  return _mm256_shuffle_epi8(numbers, _mm256_and_si256(halves, _mm256_set1_epi8(15)));
}

/* Adds to pairs[r][half] the products of 4 consecutive k. */
ALB_INLINE void add_quads(const int R, const uint8_t *a, size_t lda, const __m256i w[2], __m256i pairs[S4_ROWS][2]) {
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    __m256i x = broadcast4(a + (size_t)r * lda);
    ALB_IN_ORDER(x);
    ALB_UNROLL
    for (int h = 0; h < 2; h++) {
      pairs[r][h] = _mm256_add_epi16(pairs[r][h], _mm256_maddubs_epi16(x, w[h]));
      ALB_IN_ORDER(pairs[r][h]);
    }
  }
}

/* pairs[r][half] of one group of ALB_S4_DEPTH k. */
ALB_INLINE void multiply(const int R, const uint8_t *a, size_t lda, const uint8_t *w, __m256i pairs[S4_ROWS][2]) {
  ALB_UNROLL
  for (int r = 0; r < R; r++) pairs[r][0] = pairs[r][1] = _mm256_setzero_si256();
  for (size_t k = 0; k < ALB_S4_DEPTH; k += 2 * QUAD, w += LINE) {
    __m256i low[2], high[2];
    ALB_UNROLL
    for (int h = 0; h < 2; h++) {
      const __m256i both = _mm256_load_si256((const __m256i *)(const void *)(w + h * LINE / 2));
      low[h] = widen(both);
      high[h] = widen(_mm256_srli_epi16(both, 4));
    }
    add_quads(R, a + k, lda, low, pairs);
    add_quads(R, a + k + QUAD, lda, high, pairs);
  }
}

/* Eight 2-byte numbers behind the integers of a group. */
ALB_INLINE __m128i load_behind(const uint8_t *w, size_t at) {
  return _mm_load_si128((const __m128i *)(const void *)(w + at));
}

/* Adds one group of ALB_S4_DEPTH k to total[r][half], and its columns to column[half]. Rows' ranges are `groups`
 * apart. */
ALB_INLINE void add_group(const int R, const uint8_t *a, size_t lda, const uint8_t *w, const alb_range *range,
                          size_t groups, __m256 total[S4_ROWS][2], __m256 column[2]) {
  __m256i pairs[S4_ROWS][2];
  multiply(R, a, lda, w, pairs);
  ALB_UNROLL
  for (size_t h = 0; h < 2; h++) {
    const __m256i sums = _mm256_cvtepi16_epi32(load_behind(w, SUMS + h * 16));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(load_behind(w, SCALES + h * 16)), _mm256_set1_ps(1.0f / 16));
    column[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_slli_epi32(sums, 4)), scale, column[h]);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const __m256i all = _mm256_madd_epi16(pairs[r][h], _mm256_set1_epi16(1));
      const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(range[(size_t)r * groups].scale));
      total[r][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_slli_epi32(all, 4)), both, total[r][h]);
    }
  }
}

/* Adds one group of ALB_S8_DEPTH k in its range to total[r][half]. */
ALB_INLINE void add_groups(const int R, const uint8_t *a, size_t lda, const uint8_t *w, const alb_range *range,
                           size_t groups, fetch *f, __m256 total[S4_ROWS][2]) {
  __m256 column[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (size_t i = 0; i < ALB_S4_GROUPS; i++, w += ALB_S4_GROUP_BYTES) {
    for (int line = 0; line < LINES; line++, f->ahead += f->step) _mm_prefetch(f->ahead, _MM_HINT_T0);
    add_group(R, a + i * ALB_S4_DEPTH, lda, w, range, groups, total, column);
  }
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    const __m256 low = _mm256_set1_ps(range[(size_t)r * groups].low);
    total[r][0] = _mm256_fmadd_ps(column[0], low, total[r][0]);
    total[r][1] = _mm256_fmadd_ps(column[1], low, total[r][1]);
  }
}

/* c = act(total + bias); columns from n on, those past n1 left out. */
ALB_INLINE void finish(const int R, const alb_gemm_s4 *g, size_t m, size_t n, const __m256 total[S4_ROWS][2]) {
  _Alignas(32) float y[S4_ROWS * ALB_PANEL];
  ALB_UNROLL
  for (size_t h = 0; h < 2; h++) {
    const size_t columns = n + h * 8 < g->n1 ? g->n1 - n - h * 8 : 0;
    const __m256 bias = g->bias ? load_first(g->bias + n + h * 8, columns) : _mm256_set1_ps(-0.0f);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      _mm256_store_ps(y + (size_t)r * ALB_PANEL + h * 8, _mm256_add_ps(total[r][h], bias));
    }
  }
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, (size_t)R * ALB_PANEL);
  for (size_t h = 0; h < 2 && n + h * 8 < g->n1; h++) {
    for (size_t r = 0; r < (size_t)R; r++) {
      store_first(g->c + (m + r) * g->ldc + n + h * 8, g->n1 - n - h * 8, _mm256_load_ps(y + r * ALB_PANEL + h * 8));
    }
  }
}

ALB_INLINE void run_tile(const int R, const block *x, size_t m, size_t n) {
  const alb_gemm_s4 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s4_panel_bytes(g->k);
  const uint8_t *w = (const uint8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = fetch_share(w + panel_bytes, LINE, panel_bytes / LINE, m - x->m0, (size_t)R, x->m1 - x->m0);
  __m256 total[S4_ROWS][2];
  ALB_UNROLL
  for (int r = 0; r < R; r++) total[r][0] = total[r][1] = _mm256_setzero_ps();
  for (size_t i = 0; i < groups; i++) {
    const uint8_t *a = g->a + m * g->lda + i * ALB_S8_DEPTH;
    add_groups(R, a, g->lda, w + i * ALB_S4_GROUPS * ALB_S4_GROUP_BYTES, g->a_range + m * groups + i, groups, &f,
               total);
  }
  finish(R, g, m, n, total);
}

#define TILES TILE(1) TILE(2) TILE(3) TILE(4)
#define TILE(R)                                              \
  static void tile_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, x, m, n);                                    \
  }
TILES
#undef TILE

static void (*const tiles[S4_ROWS + 1])(const block *, size_t, size_t) = {NULL, tile_1, tile_2, tile_3, tile_4};

static void run_block(const block *x) {
  for (size_t n = x->g->n0; n < x->g->n1; n += ALB_PANEL) {
    for (size_t m = x->m0, rows; m < x->m1; m += rows) {
      rows = x->m1 - m < S4_ROWS ? x->m1 - m : S4_ROWS;
      tiles[rows](x, m, n);
    }
  }
}

void alb_gemm_s4_avx2(const alb_gemm_s4 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    run_block(&x);
  }
}
