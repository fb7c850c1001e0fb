/* Sums of products in f64 in plain C: what those with vectors have to give. */
#include "graph/products.h"

/* Eight partial sums, so that a compiler may use what vectors there are without changing the order it was given. */
static double dot(const double *a, const double *b, size_t n) {
  double sums[ALB_PRODUCT_LANES] = {0};
  size_t i = 0;
  for (; i + ALB_PRODUCT_LANES <= n; i += ALB_PRODUCT_LANES) {
    for (size_t k = 0; k < ALB_PRODUCT_LANES; k++) sums[k] += a[i + k] * b[i + k];
  }
  for (; i < n; i++) sums[i % ALB_PRODUCT_LANES] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void dots(const double *a, size_t rows, const double *b, size_t columns, size_t n, double *out,
                 size_t out_step) {
  for (size_t c = 0; c < columns; c++) {
    for (size_t r = 0; r < rows; r++) out[r * out_step + c] = dot(a + r * n, b + c * n, n);
  }
}

static void add(const double *a, size_t rows, const double *b, size_t b_step, size_t depth, size_t columns,
                double *sums, size_t sums_step) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t k = 0; k < depth; k++) {
      for (size_t c = 0; c < columns; c++) sums[r * sums_step + c] += a[r * depth + k] * b[k * b_step + c];
    }
  }
}

const alb_products alb_products_ref = {dots, add};

const alb_products *alb_products_of(alb_wide wide) {
#if defined(__x86_64__)
  if (wide >= ALB_WIDE_AVX512) return &alb_products_avx512;
  if (wide >= ALB_WIDE_AVX2) return &alb_products_avx2;
#endif
  (void)wide;
  return &alb_products_ref;
}
