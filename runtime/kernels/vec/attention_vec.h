/* Attention of one head: keys and values are packed as weights are, then for every few queries the scores of all
 * keys, their softmax, and the product with the values, on the tiles of the f32 product. */
#ifndef ALB_KERNELS_ATTENTION_VEC_H
#define ALB_KERNELS_ATTENTION_VEC_H

#include <float.h>

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/tile_vec.h"

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

/* CELL keys from `first` on into their part of a panel. */
static void pack_keys(const plan *p, size_t first) {
  const alb_attention *g = p->g;
  float *panel = p->k + first / TILE_PANEL * TILE_PANEL * g->width + first % TILE_PANEL;
  for (size_t d = 0; d < g->width; d += CELL) {
    const size_t n = g->width - d < CELL ? g->width - d : CELL;
    cell_row x[CELL];
    for (size_t i = 0; i < CELL; i++) {
      const bool there = first + i < g->tokens;
      x[i] = there ? cell_load_first(g->k + (first + i) * g->stride + d, n) : (cell_row){0};
    }
    cell_transpose(x);
    for (size_t i = 0; i < n; i++) cell_store(panel + (d + i) * TILE_PANEL, x[i]);
  }
}

static void pack_values(const plan *p) {
  const alb_attention *g = p->g;
  for (size_t d = 0; d < p->columns; d += VEC_LANES) {
    float *part = p->v + d / TILE_PANEL * TILE_PANEL * g->tokens + d % TILE_PANEL;
    const size_t n = d < g->width ? g->width - d : 0;
    for (size_t j = 0; j < g->tokens; j++) {
      vec_store(part + j * TILE_PANEL, n ? vec_load_first(g->v + j * g->stride + d, n) : vec_zero());
    }
  }
}

/* c[R rows][P panels] = a[R][k] * panels[P][k][16] */
ALB_INLINE void product(const int R, const int P, const float *a, size_t lda, const float *panels, size_t k, float *c,
                        size_t ldc) {
  const int V = P * PANEL_VECS;
  vec sum[TILE_SUMS];
  ALB_UNROLL
  for (int i = 0; i < V * R; i++) sum[i] = vec_zero();
  tile_f32(R, P, false, a, lda, panels, k * TILE_PANEL, k, (fetch){0}, sum);
  ALB_UNROLL
  for (int i = 0; i < V * R; i++) vec_store(c + (size_t)(i / V) * ldc + (size_t)(i % V) * VEC_LANES, sum[i]);
}

/* c[R rows][columns] = a[R][k] * panels, columns a multiple of 16. */
ALB_INLINE void product_rows(const int R, const float *a, size_t lda, const float *panels, size_t k, float *c,
                             size_t columns) {
  const size_t wide = columns / (TILE_PANELS * TILE_PANEL) * (TILE_PANELS * TILE_PANEL);
  for (size_t n = 0; n < wide; n += TILE_PANELS * TILE_PANEL) {
    product(R, TILE_PANELS, a, lda, panels + n * k, k, c + n, columns);
  }
  size_t n = wide;
  if (TILE_PANELS > 2 && columns - n == 2 * TILE_PANEL) {
    product(R, 2, a, lda, panels + n * k, k, c + n, columns);
    return;
  }
  for (; TILE_PANELS > 1 && n < columns; n += TILE_PANEL) {
    product(R, 1, a, lda, panels + n * k, k, c + n, columns);
  }
}

static float largest(const float *x, size_t n) {
  vec most = vec_load(x); /* n: whole panels, at least one */
  for (size_t j = VEC_LANES; j < n; j += VEC_LANES) most = vec_max(most, vec_load(x + j));
  return vec_largest(most);
}

/* x = e^((x - most) * scale); returns the sum of all. c = scale * log2(e); what lies below 2^-126 stays there. */
ALB_INLINE float exponentials(float *x, size_t n, float most, float c) {
  const vec m = vec_set(most), by = vec_set(c), least = vec_set(-126.0f / c);
  vec sum[PANEL_VECS];
  for (int v = 0; v < PANEL_VECS; v++) sum[v] = vec_zero();
  for (size_t j = 0; j < n; j += TILE_PANEL) {
    ALB_UNROLL
    for (size_t v = 0; v < PANEL_VECS; v++) {
      float *at = x + j + v * VEC_LANES;
      const vec e = exp2_of_product(vec_max(least, vec_sub(vec_load(at), m)), by);
      vec_store(at, e);
      sum[v] = vec_add(sum[v], e);
    }
  }
  for (int v = 1; v < PANEL_VECS; v++) sum[0] = vec_add(sum[0], sum[v]);
  return vec_sum(sum[0]);
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
    const vec by = vec_set(inverse[r]);
    for (size_t d = 0; d < g->width; d += VEC_LANES) {
      vec_store_first(out + d, g->width - d, vec_mul(vec_load(p->out + r * p->columns + d), by));
    }
  }
}

#define ROW_COUNT(R)                                    \
  static void attend_##R(const plan *p, size_t first) { \
    attend(R, p, first);                                \
  }
ALB_TILE_ROWS(ROW_COUNT)
#undef ROW_COUNT

void VEC_NAME(attention)(const alb_attention *g) {
#define ROW_COUNT(R) attend_##R,
  static void (*const attend_rows[])(const plan *, size_t) = {NULL, ALB_TILE_ROWS(ROW_COUNT)};
#undef ROW_COUNT
  const plan p = plan_of(g);
  for (size_t j = 0; j < p.keys; j += CELL) pack_keys(&p, j);
  pack_values(&p);
  for (size_t i = 0, rows; i < g->tokens; i += rows) {
    rows = next_rows(g->tokens - i);
    attend_rows[rows](&p, i);
  }
}

#endif
