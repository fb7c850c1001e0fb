/* Layer norm with AVX2: sum, squares, result; sums in four vectors, added in one fixed order. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/x86/lanes_avx2.h"
#include "runtime/kernels/x86/math_avx2.h"

enum { SUMS = 4, STEP = SUMS * 8 };

static float total(const __m256 sum[SUMS]) {
  return sum_lanes(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
}

ALB_INLINE void add_vector(const float *x, const float *y, float *out, size_t n, __m256 *sum) {
  __m256 s = load_first(x, n);
  if (y) s = _mm256_add_ps(s, load_first(y, n));
  store_first(out, n, s);
  *sum = _mm256_add_ps(*sum, s);
}

/* out = x (+ y); returns the sum. */
ALB_INLINE float add_rows(const float *x, const float *y, float *out, size_t width) {
  __m256 sum[SUMS];
  size_t i = 0;
  for (int j = 0; j < SUMS; j++) sum[j] = _mm256_setzero_ps();
  for (; width - i >= STEP; i += STEP) {
    ALB_UNROLL
    for (size_t j = 0; j < SUMS; j++) add_vector(x + i + j * 8, y ? y + i + j * 8 : NULL, out + i + j * 8, 8, &sum[j]);
  }
  ALB_UNROLL
  for (size_t j = 0; j < SUMS; j++, i += 8) {
    if (i < width) add_vector(x + i, y ? y + i : NULL, out + i, width - i, &sum[j]);
  }
  return total(sum);
}

/* The lanes past n count nothing. */
ALB_INLINE void square_vector(const float *x, size_t n, __m256 mean, __m256 *sum) {
  __m256 d = _mm256_sub_ps(load_first(x, n), mean);
  if (n < 8) d = _mm256_and_ps(d, _mm256_castsi256_ps(first_lanes(n)));
  *sum = _mm256_fmadd_ps(d, d, *sum);
}

/* The sum of (x - mean)^2. */
ALB_INLINE float squares(const float *x, float mean, size_t width) {
  const __m256 m = _mm256_set1_ps(mean);
  __m256 sum[SUMS];
  size_t i = 0;
  for (int j = 0; j < SUMS; j++) sum[j] = _mm256_setzero_ps();
  for (; width - i >= STEP; i += STEP) {
    ALB_UNROLL
    for (size_t j = 0; j < SUMS; j++) square_vector(x + i + j * 8, 8, m, &sum[j]);
  }
  ALB_UNROLL
  for (size_t j = 0; j < SUMS; j++, i += 8) {
    if (i < width) square_vector(x + i, width - i, m, &sum[j]);
  }
  return total(sum);
}

static void norm_row(const alb_layer_norm *g, size_t row) {
  const size_t width = g->width;
  float *out = g->out + row * width;
  const float *y = g->residual ? g->residual + row * width : NULL;
  const float mean = add_rows(g->x + row * width, y, out, width) / (float)width;
  const __m128 variance = _mm_set_ss(squares(out, mean, width) / (float)width + g->eps);
  const __m256 scale = _mm256_set1_ps(1.0f / _mm_cvtss_f32(_mm_sqrt_ss(variance))), m = _mm256_set1_ps(mean);
  for (size_t i = 0; i < width; i += 8) {
    const __m256 d = _mm256_mul_ps(_mm256_sub_ps(load_first(out + i, width - i), m), scale);
    const __m256 gamma = load_first(g->gamma + i, width - i), beta = load_first(g->beta + i, width - i);
    store_first(out + i, width - i, _mm256_fmadd_ps(d, gamma, beta));
  }
}

void alb_layer_norm_avx2(const alb_layer_norm *g) {
  for (size_t r = 0; r < g->rows; r++) norm_row(g, r);
}
