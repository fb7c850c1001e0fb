/* The int4 and int6 products with AVX2, exact. B: bits of an integer.
 *
 * The one byte multiply there is takes unsigned times signed bytes and adds pairs of products with saturation at
 * 32767. With integers of [-8, 7], a pair is at most 2 * 255 * 8 = 4080 in magnitude: the eight pairs of a group of
 * 32 k are summed as 16 bits, at most 32640, before they are widened. With those of [-32, 31] two pairs are. */
#include <string.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"
#include "runtime/kernels/x86/lanes_avx2.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass. LINE: bytes fetched at a time. */
enum {
  BLOCK_ROWS = 132,
  MOST_ROWS = 4,
  QUAD = 4,
  LINE = 64,
};

/* Keeps the compiler from mixing the rows: the operands of all rows at once are more than the registers hold. */
#define ALB_IN_ORDER(vector) __asm__ volatile("" : "+x"(vector))

/* Rows m0..m1 of g, which pass panel after panel together. */
typedef struct block {
  const alb_gemm_intn *g;
  const struct tile_set *tiles;
  size_t m0, m1;
} block;

/* Four bytes of a row in every lane. */
ALB_INLINE __m256i broadcast4(const uint8_t *a) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  return _mm256_set1_epi32(quad);
}

/* What the lower halves of 32 bytes stand for: integers of int4, or four times that of int6. */
ALB_INLINE __m256i widen(const int B, __m256i halves) {
  const __m256i int4 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1));
  const __m256i numbers = B == 4 ? int4 : _mm256_slli_epi16(_mm256_and_si256(int4, _mm256_set1_epi8(63)), 2);
  return _mm256_shuffle_epi8(numbers, _mm256_and_si256(halves, _mm256_set1_epi8(15)));
}

/* Integers k and k + 4 of the 8 from k on of each of 8 columns of a group, of the half h of the panel. */
ALB_INLINE void unpack(const int B, const uint8_t *w, size_t k, int h, __m256i *low, __m256i *high) {
  const uint8_t *from = w + h * LINE / 2;
  const __m256i both = _mm256_load_si256((const __m256i *)(const void *)(from + k / 2 * ALB_PANEL));
  *low = widen(B, both);
  *high = widen(B, _mm256_srli_epi16(both, 4));
  if (B == 4) return;
  const __m256i two = _mm256_set1_epi8(3);
  const __m256i all = _mm256_load_si256((const __m256i *)(const void *)(from + ALB_S6_RESTS + k / 16 * LINE));
  const __m256i rest = k % 16 ? _mm256_srli_epi16(all, 4) : all;
  *low = _mm256_or_si256(*low, _mm256_and_si256(rest, two));
  *high = _mm256_or_si256(*high, _mm256_and_si256(_mm256_srli_epi16(rest, 2), two));
}

/* Adds to pairs[r][half] the products of 4 consecutive k. */
ALB_INLINE void add_quads(const int R, const uint8_t *a, size_t lda, const __m256i w[2], __m256i pairs[MOST_ROWS][2]) {
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

/* Adds to sum[r][half] the products of two times 4 consecutive k. */
ALB_INLINE void add_wide(const int R, const uint8_t *a, size_t lda, const __m256i low[2], const __m256i high[2],
                         __m256i sum[MOST_ROWS][2]) {
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    __m256i x = broadcast4(a + (size_t)r * lda), y = broadcast4(a + (size_t)r * lda + QUAD);
    ALB_IN_ORDER(x);
    ALB_IN_ORDER(y);
    ALB_UNROLL
    for (int h = 0; h < 2; h++) {
      const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x, low[h]), _mm256_maddubs_epi16(y, high[h]));
      sum[r][h] = _mm256_add_epi32(sum[r][h], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
      ALB_IN_ORDER(sum[r][h]);
    }
  }
}

/* sum[r][half] of one group of ALB_INTN_DEPTH k. */
ALB_INLINE void multiply(const int B, const int R, const uint8_t *a, size_t lda, const uint8_t *w,
                         __m256i sum[MOST_ROWS][2]) {
  ALB_UNROLL
  for (int r = 0; r < R; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
  for (size_t k = 0; k < ALB_INTN_DEPTH; k += 2 * QUAD) {
    __m256i low[2], high[2];
    ALB_UNROLL
    for (int h = 0; h < 2; h++) unpack(B, w, k, h, &low[h], &high[h]);
    if (B == 4) {
      add_quads(R, a + k, lda, low, sum);
      add_quads(R, a + k + QUAD, lda, high, sum);
    } else {
      add_wide(R, a + k, lda, low, high, sum);
    }
  }
  ALB_UNROLL
  for (int i = 0; i < 2 * R; i++) {
    if (B == 4) sum[i / 2][i % 2] = _mm256_madd_epi16(sum[i / 2][i % 2], _mm256_set1_epi16(1));
  }
}

/* Eight 2-byte numbers behind the integers of a group. */
ALB_INLINE __m128i load_behind(const uint8_t *w, size_t at) {
  return _mm_load_si128((const __m128i *)(const void *)(w + at));
}

/* Adds one group of ALB_INTN_DEPTH k to total[r][half], and its columns to column[half]. Rows' ranges are `groups`
 * apart. */
ALB_INLINE void add_group(const int B, const int R, const uint8_t *a, size_t lda, const uint8_t *w,
                          const alb_range *range, size_t groups, __m256 total[MOST_ROWS][2], __m256 column[2]) {
  __m256i sum[MOST_ROWS][2];
  multiply(B, R, a, lda, w, sum);
  ALB_UNROLL
  for (size_t h = 0; h < 2; h++) {
    const __m256i sums = _mm256_cvtepi16_epi32(load_behind(w, alb_intn_sums_at((unsigned)B) + h * 16));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(load_behind(w, alb_intn_scales_at((unsigned)B) + h * 16)),
                                       _mm256_set1_ps(1.0f / (float)(1 << (8 - B))));
    column[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_slli_epi32(sums, 8 - B)), scale, column[h]);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const __m256 both = _mm256_mul_ps(scale, _mm256_set1_ps(range[(size_t)r * groups].scale));
      total[r][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_slli_epi32(sum[r][h], 8 - B)), both, total[r][h]);
    }
  }
}

/* Adds one group of ALB_S8_DEPTH k in its range to total[r][half]. */
ALB_INLINE void add_groups(const int B, const int R, const uint8_t *a, size_t lda, const uint8_t *w,
                           const alb_range *range, size_t groups, fetch *f, __m256 total[MOST_ROWS][2]) {
  __m256 column[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  ALB_KEEP_LOOP
  for (size_t i = 0; i < ALB_INTN_GROUPS; i++, w += alb_intn_group_bytes((unsigned)B)) {
    for (int line = 0; line < (int)alb_intn_group_bytes((unsigned)B) / LINE; line++, f->ahead += f->step)
      _mm_prefetch(f->ahead, _MM_HINT_T0);
    add_group(B, R, a + i * ALB_INTN_DEPTH, lda, w, range, groups, total, column);
  }
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    const __m256 low = _mm256_set1_ps(range[(size_t)r * groups].low);
    total[r][0] = _mm256_fmadd_ps(column[0], low, total[r][0]);
    total[r][1] = _mm256_fmadd_ps(column[1], low, total[r][1]);
  }
}

/* c = act(y + bias) for y[rows][16]; columns from n on, those past n1 left out. Once in the file: tiles would be much
 * larger with it. */
ALB_ONCE void finish(const alb_gemm_intn *g, size_t m, size_t n, size_t rows, float *y) {
  const size_t all = g->n1 - n < ALB_PANEL ? g->n1 - n : ALB_PANEL;
  for (size_t h = 0; h < all; h += 8) {
    const __m256 bias = g->bias ? load_first(g->bias + n + h, all - h) : _mm256_set1_ps(-0.0f);
    for (size_t i = h; i < rows * ALB_PANEL; i += ALB_PANEL) {
      _mm256_store_ps(y + i, _mm256_add_ps(_mm256_load_ps(y + i), bias));
    }
  }
  if (g->activation != ALB_ACT_NONE) activate_vectors(g->activation, y, y, rows * ALB_PANEL);
  for (size_t h = 0; h < all; h += 8) {
    for (size_t r = 0; r < rows; r++) {
      store_first(g->c + (m + r) * g->ldc + n + h, all - h, _mm256_load_ps(y + r * ALB_PANEL + h));
    }
  }
}

ALB_INLINE void run_tile(const int B, const int R, const block *x, size_t m, size_t n) {
  const alb_gemm_intn *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_intn_panel_bytes((unsigned)B, g->k);
  const uint8_t *w = (const uint8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = fetch_share(w + panel_bytes, LINE, panel_bytes / LINE, m - x->m0, (size_t)R, x->m1 - x->m0);
  __m256 total[MOST_ROWS][2];
  ALB_UNROLL
  for (int r = 0; r < R; r++) total[r][0] = total[r][1] = _mm256_setzero_ps();
  for (size_t i = 0; i < groups; i++) {
    const uint8_t *a = g->a + m * g->lda + i * ALB_S8_DEPTH;
    add_groups(B, R, a, g->lda, w + i * ALB_INTN_GROUPS * alb_intn_group_bytes((unsigned)B),
               g->a_range + m * groups + i, groups, &f, total);
  }
  _Alignas(32) float y[MOST_ROWS * ALB_PANEL];
  ALB_UNROLL
  for (int i = 0; i < 2 * R; i++) _mm256_store_ps(y + i * 8, total[i / 2][i % 2]);
  finish(g, m, n, (size_t)R, y);
}

typedef void (*tile)(const block *, size_t, size_t);
typedef struct tile_set {
  tile rows[MOST_ROWS + 1];
} tile_set;

#define TILES(B) TILE(B, 1) TILE(B, 2) TILE(B, 3) TILE(B, 4)
#define TILE(B, R)                                                 \
  static void tile_##B##_##R(const block *x, size_t m, size_t n) { \
    run_tile(B, R, x, m, n);                                       \
  }
TILES(4)
TILES(6)
#undef TILE
#define TILE(B, R) tile_##B##_##R,
static const tile_set tiles_4 = {{NULL, TILES(4)}}, tiles_6 = {{NULL, TILES(6)}};
#undef TILE

static void run_block(const block *x) {
  for (size_t n = x->g->n0; n < x->g->n1; n += ALB_PANEL) {
    for (size_t m = x->m0, rows; m < x->m1; m += rows) {
      rows = x->m1 - m < MOST_ROWS ? x->m1 - m : MOST_ROWS;
      x->tiles->rows[rows](x, m, n);
    }
  }
}

static void gemm_intn(const alb_gemm_intn *g, const tile_set *t) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    const block x = {g, t, m, g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    run_block(&x);
  }
}

void alb_gemm_s4_avx2(const alb_gemm_intn *g) {
  gemm_intn(g, &tiles_4);
}

void alb_gemm_s6_avx2(const alb_gemm_intn *g) {
  gemm_intn(g, &tiles_6);
}
