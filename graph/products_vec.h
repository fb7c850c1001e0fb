/* Sums of products in f64 with vectors of eight, compiled with the flags of the file that includes them. Each product
 * is rounded before it is added, as in plain C. */
#ifndef ALB_GRAPH_PRODUCTS_VEC_H
#define ALB_GRAPH_PRODUCTS_VEC_H

#include <string.h>

#include "graph/products.h"

#ifndef ALB_PRODUCT_TILE
#define ALB_PRODUCT_TILE 2 /* rows and columns whose sums fit into the registers */
#endif

typedef double alb_lanes __attribute__((vector_size(ALB_PRODUCT_LANES * sizeof(double))));

static inline void alb_lanes_load(alb_lanes *v, const double *p) {
  memcpy(v, p, sizeof *v);
}

/* The last n % 8 products, and the sum of all. */
static inline double alb_lanes_finish(const alb_lanes *v, const double *a, const double *b, size_t n) {
  double s[ALB_PRODUCT_LANES];
  memcpy(s, v, sizeof s);
  for (size_t i = n - n % ALB_PRODUCT_LANES; i < n; i++) s[i % ALB_PRODUCT_LANES] += a[i] * b[i];
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* Inlined where rows and columns are constants. */
static inline __attribute__((always_inline)) void alb_dots_tile(const double *a, size_t rows, const double *b,
                                                                size_t columns, size_t n, double *out,
                                                                size_t out_step) {
  alb_lanes sums[ALB_PRODUCT_TILE][ALB_PRODUCT_TILE] = {0}, x[ALB_PRODUCT_TILE], y;
  for (size_t i = 0; i + ALB_PRODUCT_LANES <= n; i += ALB_PRODUCT_LANES) {
    for (size_t r = 0; r < rows; r++) alb_lanes_load(&x[r], a + r * n + i);
    for (size_t c = 0; c < columns; c++) {
      alb_lanes_load(&y, b + c * n + i);
      for (size_t r = 0; r < rows; r++) sums[r][c] += x[r] * y;
    }
  }
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      out[r * out_step + c] = alb_lanes_finish(&sums[r][c], a + r * n, b + c * n, n);
    }
  }
}

static void alb_dots(const double *a, size_t rows, const double *b, size_t columns, size_t n, double *out,
                     size_t out_step) {
  enum { TILE = ALB_PRODUCT_TILE };
  for (size_t c = 0; c < columns; c += TILE) {
    const size_t wide = columns - c < TILE ? columns - c : TILE;
    for (size_t r = 0; r < rows; r += TILE) {
      const size_t high = rows - r < TILE ? rows - r : TILE;
      const double *x = a + r * n, *y = b + c * n;
      double *sums = out + r * out_step + c;
      if (wide == TILE && high == TILE) {
        alb_dots_tile(x, TILE, y, TILE, n, sums, out_step);
        continue;
      }
      for (size_t i = 0; i < high; i++) {
        for (size_t k = 0; k < wide; k++) alb_dots_tile(x + i * n, 1, y + k * n, 1, n, sums + i * out_step + k, 0);
      }
    }
  }
}

/* Eight columns of all rows. Inlined for the usual depth, which is then a constant. */
static inline __attribute__((always_inline)) void alb_add_lanes(const double *a, size_t rows, const double *b,
                                                                size_t b_step, size_t depth, double *sums,
                                                                size_t sums_step) {
  alb_lanes y[ALB_PRODUCT_DEPTH], sum;
  for (size_t k = 0; k < depth; k++) alb_lanes_load(&y[k], b + k * b_step);
  for (size_t r = 0; r < rows; r++) {
    alb_lanes_load(&sum, sums + r * sums_step);
    for (size_t k = 0; k < depth; k++) sum += a[r * depth + k] * y[k];
    memcpy(sums + r * sums_step, &sum, sizeof sum);
  }
}

static void alb_add(const double *a, size_t rows, const double *b, size_t b_step, size_t depth, size_t columns,
                    double *sums, size_t sums_step) {
  size_t c = 0;
  for (; c + ALB_PRODUCT_LANES <= columns; c += ALB_PRODUCT_LANES) {
    if (depth == ALB_PRODUCT_DEPTH) {
      alb_add_lanes(a, rows, b + c, b_step, ALB_PRODUCT_DEPTH, sums + c, sums_step);
    } else {
      alb_add_lanes(a, rows, b + c, b_step, depth, sums + c, sums_step);
    }
  }
  if (c < columns) alb_products_ref.add(a, rows, b + c, b_step, depth, columns - c, sums + c, sums_step);
}

#define ALB_PRODUCTS \
  { alb_dots, alb_add }

#endif
