/* Sums of products in f64, once for each width of vectors; what is added in which order is the same for all, so the
 * sums are the same bit for bit. */
#ifndef ALB_GRAPH_PRODUCTS_H
#define ALB_GRAPH_PRODUCTS_H

#include <stddef.h>

#include "base/wide.h"

enum { ALB_PRODUCT_LANES = 8, ALB_PRODUCT_DEPTH = 8 };

typedef struct alb_products {
  /* out[r * out_step + c] = sum of a[r * n + i] * b[c * n + i]: eight sums, of the i that are equal modulo 8, which are
   * then added in pairs. */
  void (*dots)(const double *a, size_t rows, const double *b, size_t columns, size_t n, double *out, size_t out_step);
  /* sums[r * sums_step + c] += a[r * depth + k] * b[k * b_step + c], first k = 0, then 1 ... depth - 1;
   * depth <= ALB_PRODUCT_DEPTH. */
  void (*add)(const double *a, size_t rows, const double *b, size_t b_step, size_t depth, size_t columns, double *sums,
              size_t sums_step);
} alb_products;

extern const alb_products alb_products_ref;
#if defined(__x86_64__)
extern const alb_products alb_products_avx2, alb_products_avx512;
#endif

/* Those of a width that alb_wide_best allows. */
const alb_products *alb_products_of(alb_wide wide);

#endif
