/* The int8 product, exact. dot_*.h has the dot product that an instruction set offers.
 *
 * Rows go past panel after panel of the weights in tiles of R rows and V vectors of columns. The sums of one group of
 * k fill the registers; what the groups before it came to waits in the first-level cache. How rows are cut changes
 * nothing in any number: every sum of a group is exact, and groups follow each other in order. */
#ifndef ALB_KERNELS_GEMM_S8_VEC_H
#define ALB_KERNELS_GEMM_S8_VEC_H

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/fetch.h"
#include "runtime/kernels/vec/math_vec.h"
#include "runtime/kernels/x86/dot_vec.h"

/* BLOCK_ROWS: rows that stay in the second-level cache while all panels pass.
 * dot_*.h: S8_ROWS, the rows of the largest tile; S8_SUMS and S8_VECTORS, what any tile has at most. */
enum { BLOCK_ROWS = S8_ROWS * 16, PARTS = ALB_PANEL / VEC_LANES };

/* Rows m0..m1 of g, which pass panel after panel together; those of one size fetch `share` bytes a row of what stands
 * behind their own panels, `step` bytes a quad and tile. */
typedef struct block {
  const alb_gemm_s8 *g;
  size_t m0, m1, share, step;
} block;

/* What one tile reads of one group. */
typedef struct group {
  const uint8_t *a; /* the first row's */
  size_t lda;
  const int8_t *w; /* the first panel's */
  size_t panel_bytes;
  const alb_range *range; /* the first row's; rows are `groups` apart */
  size_t groups;
  size_t depth;  /* k of the group that are there */
  size_t column; /* of the first panel, where the tile's columns start */
} group;

/* Where vector v of the tile's columns stands among things of `size` bytes a column, from `offset` on in a panel. */
ALB_INLINE const int8_t *vector_place(const group *x, int v, size_t offset, size_t size) {
  const size_t column = x->column + (size_t)v * VEC_LANES;
  return x->w + column / ALB_PANEL * x->panel_bytes + offset + column % ALB_PANEL * size;
}

/* Behind a panel's group: the sums of |w| over the negative w, then of all w. */
enum { NEGATIVE_SUMS = ALB_S8_DEPTH * ALB_PANEL, ALL_SUMS = NEGATIVE_SUMS + ALB_PANEL * sizeof(int32_t) };

/* Fetches the share of f of the next `quads` quads. */
ALB_INLINE void fetch_lines(const size_t quads, const fetch *f) {
  const char *line = f->ahead;
  do {
    _mm_prefetch(line, _MM_HINT_T0);
    line += 64;
  } while (line < f->ahead + f->step * quads);
}

/* Tiles that most rows run in, which are worth more code. */
ALB_INLINE bool is_large(const int R, const int V) {
  return R >= S8_ROWS - 2 && V > PARTS;
}

/* Adds the products of one quad. */
ALB_INLINE void multiply_quad(const int R, const int V, const group *x, size_t k, ivec sum[S8_SUMS]) {
  dot_weights w[S8_VECTORS];
  ALB_UNROLL
  for (int v = 0; v < V; v++) w[v] = dot_load(vector_place(x, v, k * ALB_PANEL, DOT_QUAD));
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    const ivec quad = dot_broadcast(x->a + (size_t)r * x->lda + k);
    ALB_UNROLL
    for (int v = 0; v < V; v++) dot_add(&sum[r * V + v], quad, &w[v]);
  }
}

/* sum[r][v] of the products of one group, Q quads at a time: what a group has less of rows is padding, times weights of
 * zero. Fetches f for later. */
ALB_INLINE void multiply_group(const int R, const int V, const group *x, fetch f, ivec sum[S8_SUMS]) {
  const size_t Q = is_large(R, V) ? 4 : 1;
  ALB_UNROLL
  for (int v = 0; v < V; v++) {
    const ivec start = dot_start(vector_place(x, v, NEGATIVE_SUMS, 4), vector_place(x, v, ALL_SUMS, 4));
    ALB_UNROLL
    for (int r = 0; r < R; r++) sum[r * V + v] = start;
  }
  for (size_t k = 0; k < x->depth; k += Q * DOT_QUAD, f.ahead += f.step * Q) {
    fetch_lines(Q, &f);
    ALB_UNROLL
    for (size_t q = 0; q < Q; q++) multiply_quad(R, V, x, k + q * DOT_QUAD, sum);
  }
}

/* A tile whose sums are complete: rows m .., columns n .., those past n1 left out. */
typedef struct done {
  const alb_gemm_s8 *g;
  size_t m, n, rows, vectors;
} done;

/* Vector v of the tile: to[r * step] = total * w_scale + bias. */
static inline void scale_vector(const done *x, size_t v, const float *total, float *to, size_t step) {
  const alb_gemm_s8 *g = x->g;
  const size_t at = x->n + v * VEC_LANES, columns = at < g->n1 ? g->n1 - at : 0;
  const vec w_scale = vec_load_first(g->w_scale + at, columns);
  const vec bias = g->bias ? vec_load_first(g->bias + at, columns) : vec_set(-0.0f);
  for (size_t r = 0; r < x->rows; r++, to += step, total += x->vectors * VEC_LANES) {
    vec_store_first(to, columns, vec_fma(vec_load(total), w_scale, bias));
  }
}

static inline void copy_vector(const done *x, size_t v, const float *total) {
  const size_t at = x->n + v * VEC_LANES, columns = at < x->g->n1 ? x->g->n1 - at : 0;
  for (size_t r = 0; r < x->rows; r++, total += x->vectors * VEC_LANES) {
    vec_store_first(x->g->c + (x->m + r) * x->g->ldc + at, columns, vec_load(total));
  }
}

/* c = act(total * w_scale + bias) */
static __attribute__((noinline)) void finish(const done *x, float total[S8_SUMS][VEC_LANES]) {
  const alb_gemm_s8 *g = x->g;
  const bool plain = g->activation == ALB_ACT_NONE;
  for (size_t v = 0; v < x->vectors; v++) {
    float *c = g->c + x->m * g->ldc + x->n + v * VEC_LANES;
    scale_vector(x, v, total[v], plain ? c : total[v], plain ? g->ldc : x->vectors * VEC_LANES);
  }
  if (plain) return;
  activate_vectors(g->activation, total[0], total[0], x->rows * x->vectors * VEC_LANES);
  for (size_t v = 0; v < x->vectors; v++) copy_vector(x, v, total[v]);
}

/* Adds the sums of one group of k in its range to total[r][v]. Compilers that know where the totals are keep copies of
 * some and store those twice. */
ALB_INLINE void add_sums(const int R, const int V, const group *x, const ivec sum[S8_SUMS],
                         float total[S8_SUMS][VEC_LANES]) {
  vec columns[S8_VECTORS];
  ALB_UNROLL
  for (int v = 0; v < V; v++) columns[v] = ivec_floats(ivec_load(vector_place(x, v, ALL_SUMS, 4)));
  ALB_UNROLL
  for (int r = 0; r < R; r++) {
    const alb_range *of = &x->range[(size_t)r * x->groups];
    const vec scale = vec_broadcast(&of->scale), low = vec_broadcast(&of->low);
    ALB_UNROLL
    for (int v = 0; v < V; v++) {
      const vec scaled = vec_fma(ivec_floats(sum[r * V + v]), scale, vec_load(total[r * V + v]));
      vec_store(total[r * V + v], vec_fma(columns[v], low, scaled));
    }
  }
  __asm__ volatile("" : : "r"(total) : "memory");
}

/* Instead, of the last group: the results, before any activation, of a tile that has all of its columns. */
ALB_INLINE void write_sums(const int R, const int V, const group *x, const ivec sum[S8_SUMS], const done *to,
                           const float total[S8_SUMS][VEC_LANES]) {
  const alb_gemm_s8 *g = to->g;
  ALB_UNROLL
  for (int v = 0; v < V; v++) {
    const size_t at = to->n + (size_t)v * VEC_LANES;
    const vec columns = ivec_floats(ivec_load(vector_place(x, v, ALL_SUMS, 4)));
    const vec w_scale = vec_load(g->w_scale + at), bias = g->bias ? vec_load(g->bias + at) : vec_set(-0.0f);
    ALB_UNROLL
    for (int r = 0; r < R; r++) {
      const alb_range *of = &x->range[(size_t)r * x->groups];
      const vec scaled = vec_fma(ivec_floats(sum[r * V + v]), vec_broadcast(&of->scale), vec_load(total[r * V + v]));
      const vec y = vec_fma(columns, vec_broadcast(&of->low), scaled);
      vec_store(g->c + (to->m + (size_t)r) * g->ldc + at, vec_fma(y, w_scale, bias));
    }
  }
}

/* One group of k; behind the last one the tile's results are written. */
ALB_INLINE void run_group(const int R, const int V, const group *x, fetch f, const done *to, bool last,
                          float total[S8_SUMS][VEC_LANES]) {
  ivec sum[S8_SUMS];
  multiply_group(R, V, x, f, sum);
  if (is_large(R, V) && last && to->g->n1 - to->n >= (size_t)V * VEC_LANES) {
    write_sums(R, V, x, sum, to, total);
    if (to->g->activation != ALB_ACT_NONE) {
      float *c = to->g->c + to->m * to->g->ldc + to->n; /* still in the nearest cache */
      activate_rows(to->g->activation, c, c, to->g->ldc, (size_t)R, (size_t)V * VEC_LANES);
    }
    return;
  }
  add_sums(R, V, x, sum, total);
  if (last) finish(to, total);
}

/* Vector by vector: a call of memset, or what compilers have in its place, takes longer to begin than this does. */
ALB_INLINE void clear(const int count, float total[S8_SUMS][VEC_LANES]) {
  ALB_UNROLL
  for (int i = 0; i < count; i++) {
    vec_store(total[i], vec_zero());
    __asm__ volatile("" : : "r"(total) : "memory");
  }
}

/* Rows m .. m+R-1, columns from n on. */
ALB_INLINE void run_tile(const int R, const int V, const block *x, size_t m, size_t n) {
  const alb_gemm_s8 *g = x->g;
  const size_t groups = alb_s8_groups(g->k), panel_bytes = alb_s8_panel_bytes(g->k);
  const int8_t *w = (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes;
  fetch f = {(const char *)w + (size_t)V * panel_bytes / PARTS + (m - x->m0) * x->share, x->step};
  _Alignas(64) float total[S8_SUMS][VEC_LANES];
  const done all = {g, m, n, (size_t)R, (size_t)V};
  clear(R * V, total);
  for (size_t i = 0; i < groups; i++) {
    const size_t k = i * ALB_S8_DEPTH, depth = g->k - k < ALB_S8_DEPTH ? g->k - k : ALB_S8_DEPTH;
    const group part = {.a = g->a + m * g->lda + k,
                        .lda = g->lda,
                        .w = w + i * ALB_S8_GROUP_BYTES,
                        .panel_bytes = panel_bytes,
                        .range = g->a_range + m * groups + i,
                        .groups = groups,
                        .depth = depth,
                        .column = V % PARTS ? n % ALB_PANEL : 0};
    run_group(R, V, &part, f, &all, i + 1 == groups, total);
    f.ahead += f.step * (ALB_S8_DEPTH / DOT_QUAD);
  }
  if (groups == 0) finish(&all, total);
}

/* Tiles by rows, each with as many vectors as the sums allow, for the more products share a load; and with
 * those of one panel, for what is left. */
#define TILE(R, V)                                             \
  static void narrow_##R(const block *x, size_t m, size_t n) { \
    run_tile(R, PARTS < V ? PARTS : V, x, m, n);               \
  }                                                            \
  static void wide_##R(const block *x, size_t m, size_t n) {   \
    run_tile(R, V, x, m, n);                                   \
  }
S8_TILES(TILE)
#undef TILE

typedef void (*tile)(const block *, size_t, size_t);
static const struct {
  tile narrow, wide;
  size_t narrow_columns, wide_columns;
} tiles[] = {{NULL, NULL, 0, 0},
#define TILE(R, V) {narrow_##R, wide_##R, (PARTS < V ? PARTS : V) * VEC_LANES, V * VEC_LANES},
             S8_TILES(TILE)
#undef TILE
};

/* One tile at [m][n]; returns its columns. The last wide one may go on into columns that are not there, as long as
 * their panels are. */
static size_t run_columns(const block *x, size_t m, size_t n, size_t rows) {
  const size_t wide = tiles[rows].wide_columns, left = x->g->n1 - n;
  const bool fits = left + ALB_PANEL > wide;
  (fits ? tiles[rows].wide : tiles[rows].narrow)(x, m, n);
  return fits ? wide : tiles[rows].narrow_columns;
}

/* Rows m0..m1 in tiles of `rows`. */
static void run_rows(block *x, size_t m0, size_t m1, size_t rows) {
  if (m0 == m1) return;
  x->share = tiles[rows].wide_columns * alb_s8_panel_bytes(x->g->k) / ALB_PANEL / (x->m1 - x->m0);
  x->step = x->share * rows / (x->g->k / DOT_QUAD + 1) + 1;
  for (size_t n = x->g->n0, columns = 0; n < x->g->n1; n += columns) {
    for (size_t m = m0; m < m1; m += rows) columns = run_columns(x, m, n, rows);
  }
}

/* Tiles as even as can be. */
static void run_block(block *x) {
  const size_t all = x->m1 - x->m0, count = (all + S8_ROWS - 1) / S8_ROWS, rows = (all + count - 1) / count;
  const size_t larger = count - (rows * count - all); /* tiles of `rows`; the others have one row less */
  run_rows(x, x->m0, x->m0 + larger * rows, rows);
  run_rows(x, x->m0 + larger * rows, x->m1, rows - 1);
}

void DOT_NAME(gemm_s8)(const alb_gemm_s8 *g) {
  for (size_t m = 0; m < g->m; m += BLOCK_ROWS) {
    block x = {.g = g, .m0 = m, .m1 = g->m - m < BLOCK_ROWS ? g->m : m + BLOCK_ROWS};
    run_block(&x);
  }
}

#endif
