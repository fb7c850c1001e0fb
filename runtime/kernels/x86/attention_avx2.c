/* Attention of one head with AVX2: keys and values are packed as weights are, then for every few queries
 * the scores of all keys, their softmax, and the product with the values, on the tiles of the f32 product. */
#include <float.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/x86/lanes_avx2.h"
#include "runtime/kernels/x86/tile_avx2.h"

enum { ROWS = TILE_ROWS };

typedef struct plan {
  const alb_attention *g;
  size_t keys;    /* tokens rounded up to whole panels: the stride of scores */
  size_t columns; /* width rounded up to whole panels */
  float *k;       /* [keys / 16][width][16], zero past the last token */
  float *v;       /* [columns / 16][tokens][16], zero past width */
  float *scores;  /* [ROWS][keys] */
  float *out;     /* [ROWS][columns] */
} plan;

static plan plan_of(const alb_attention *g) {
  const size_t keys = (g->tokens + TILE_PANEL - 1) / TILE_PANEL * TILE_PANEL;
  const size_t columns = (g->width + TILE_PANEL - 1) / TILE_PANEL * TILE_PANEL;
  float *v = g->scratch + keys * columns, *scores = v + keys * columns;
  return (plan){g, keys, columns, g->scratch, v, scores, scores + ROWS * keys};
}

/* Rows become columns. */
static inline void transpose8(__m256 x[8]) {
  __m256 t[8];
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    x[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    x[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    x[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    x[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
  }
  for (int i = 0; i < 8; i++) x[i] = t[i];
}

/* Eight keys from `first` on into their half of a panel. */
static void pack_keys(const plan *p, size_t first) {
  const alb_attention *g = p->g;
  float *panel = p->k + first / TILE_PANEL * TILE_PANEL * g->width + first % TILE_PANEL;
  for (size_t d = 0; d < g->width; d += 8) {
    const size_t n = g->width - d < 8 ? g->width - d : 8;
    __m256 x[8];
    for (size_t i = 0; i < 8; i++) {
      const bool there = first + i < g->tokens;
      x[i] = there ? load_first(g->k + (first + i) * g->stride + d, n) : _mm256_setzero_ps();
    }
    transpose8(x);
    for (size_t i = 0; i < n; i++) _mm256_store_ps(panel + (d + i) * TILE_PANEL, x[i]);
  }
}

static void pack_values(const plan *p) {
  const alb_attention *g = p->g;
  for (size_t d = 0; d < p->columns; d += 8) {
    float *half = p->v + d / TILE_PANEL * TILE_PANEL * g->tokens + d % TILE_PANEL;
    const size_t n = d < g->width ? g->width - d : 0;
    for (size_t j = 0; j < g->tokens; j++) {
      _mm256_store_ps(half + j * TILE_PANEL, n ? load_first(g->v + j * g->stride + d, n) : _mm256_setzero_ps());
    }
  }
}

/* c[rows][16 columns] = a[rows][k] * panel[k][16] */
ALB_INLINE void product(const int R, const float *a, size_t lda, const float *panel, size_t k, float *c, size_t ldc) {
  __m256 sum[TILE_SUMS];
  ALB_UNROLL
  for (int i = 0; i < 2 * R; i++) sum[i] = _mm256_setzero_ps();
  tile_f32(R, 1, false, a, lda, panel, 0, k, (fetch){0}, sum);
  ALB_UNROLL
  for (int i = 0; i < 2 * R; i++) _mm256_store_ps(c + (size_t)(i / 2) * ldc + (size_t)(i % 2) * 8, sum[i]);
}

/* c[rows][columns] = a[rows][k] * panels, columns a multiple of 16. */
ALB_INLINE void product_rows(const int R, const float *a, size_t lda, const float *panels, size_t k, float *c,
                             size_t columns) {
  for (size_t n = 0; n < columns; n += TILE_PANEL) product(R, a, lda, panels + n * k, k, c + n, columns);
}

static float largest(const float *x, size_t n) {
  __m256 a = _mm256_load_ps(x), b = _mm256_load_ps(x + 8); /* n: whole panels, at least one */
  for (size_t j = TILE_PANEL; j < n; j += TILE_PANEL) {
    a = _mm256_max_ps(a, _mm256_load_ps(x + j));
    b = _mm256_max_ps(b, _mm256_load_ps(x + j + 8));
  }
  return max_lanes(_mm256_max_ps(a, b));
}

/* x = e^((x - most) * scale); returns the sum of all. c = scale * log2(e); what lies below 2^-126 stays there. */
ALB_INLINE float exponentials(float *x, size_t n, float most, float c) {
  const __m256 m = _mm256_set1_ps(most), by = _mm256_set1_ps(c), least = _mm256_set1_ps(-126.0f / c);
  __m256 a = _mm256_setzero_ps(), b = a;
  for (size_t j = 0; j < n; j += TILE_PANEL) {
    const __m256 u = _mm256_max_ps(least, _mm256_sub_ps(_mm256_load_ps(x + j), m));
    const __m256 v = _mm256_max_ps(least, _mm256_sub_ps(_mm256_load_ps(x + j + 8), m));
    const __m256 e = exp2_of_product(u, by), f = exp2_of_product(v, by);
    _mm256_store_ps(x + j, e);
    _mm256_store_ps(x + j + 8, f);
    a = _mm256_add_ps(a, e);
    b = _mm256_add_ps(b, f);
  }
  return sum_lanes(_mm256_add_ps(a, b));
}

/* Makes e^(score - largest) of R rows of scores; inverse[r] = 1 / their sum. Whole panels: what stands past the
 * last token is as good as minus infinity, becomes 2^-126 and vanishes in the sum. */
ALB_INLINE void softmax(const int R, const plan *p, float inverse[ROWS]) {
  const float c = p->g->scale * 0x1.715476p+0f;
  float most[ROWS];
  for (int r = 0; r < R; r++) {
    float *scores = p->scores + (size_t)r * p->keys;
    for (size_t j = p->g->tokens; j < p->keys; j++) scores[j] = -FLT_MAX;
    most[r] = largest(scores, p->keys);
  }
  for (int r = 0; r < R; r++) inverse[r] = exponentials(p->scores + (size_t)r * p->keys, p->keys, most[r], c);
  for (int r = 0; r < R; r++) inverse[r] = 1.0f / inverse[r];
}

ALB_INLINE void attend(const int R, const plan *p, size_t first) {
  const alb_attention *g = p->g;
  float inverse[ROWS];
  product_rows(R, g->q + first * g->stride, g->stride, p->k, g->width, p->scores, p->keys);
  softmax(R, p, inverse);
  product_rows(R, p->scores, p->keys, p->v, g->tokens, p->out, p->columns);
  for (size_t r = 0; r < (size_t)R; r++) {
    float *out = g->out + (first + r) * g->out_stride;
    const __m256 by = _mm256_set1_ps(inverse[r]);
    for (size_t d = 0; d < g->width; d += 8) {
      store_first(out + d, g->width - d, _mm256_mul_ps(_mm256_load_ps(p->out + r * p->columns + d), by));
    }
  }
}

#define ROW_COUNTS ROW_COUNT(1) ROW_COUNT(2) ROW_COUNT(3) ROW_COUNT(4) ROW_COUNT(5) ROW_COUNT(6)
#define ROW_COUNT(R)                                    \
  static void attend_##R(const plan *p, size_t first) { \
    attend(R, p, first);                                \
  }
ROW_COUNTS
#undef ROW_COUNT

void alb_attention_avx2(const alb_attention *g) {
  static void (*const attend_rows[])(const plan *, size_t) = {NULL,     attend_1, attend_2, attend_3,
                                                              attend_4, attend_5, attend_6};
  const plan p = plan_of(g);
  for (size_t j = 0; j < p.keys; j += 8) pack_keys(&p, j);
  pack_values(&p);
  for (size_t i = 0, rows; i < g->tokens; i += rows) {
    rows = next_rows(g->tokens - i);
    attend_rows[rows](&p, i);
  }
}
