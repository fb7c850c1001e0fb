/* Layer norm: sum, squares, result; sums in four vectors, added in one fixed order. */
#ifndef ALB_KERNELS_NORM_VEC_H
#define ALB_KERNELS_NORM_VEC_H

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/vec.h"

enum { SUMS = 4, STEP = SUMS * VEC_LANES };

static float total(const vec sum[SUMS]) {
  return vec_sum(vec_add(vec_add(sum[0], sum[1]), vec_add(sum[2], sum[3])));
}

ALB_INLINE void add_vector(const float *x, const float *y, float *out, size_t n, vec *sum) {
  vec s = vec_load_first(x, n);
  if (y) s = vec_add(s, vec_load_first(y, n));
  vec_store_first(out, n, s);
  *sum = vec_add(*sum, s);
}

/* out = x (+ y); returns the sum. */
ALB_INLINE float add_rows(const float *x, const float *y, float *out, size_t width) {
  vec sum[SUMS];
  size_t i = 0;
  for (int j = 0; j < SUMS; j++) sum[j] = vec_zero();
  for (; width - i >= STEP; i += STEP) {
    ALB_UNROLL
    for (size_t j = 0; j < SUMS; j++)
      add_vector(x + i + j * VEC_LANES, y ? y + i + j * VEC_LANES : NULL, out + i + j * VEC_LANES, VEC_LANES, &sum[j]);
  }
  ALB_UNROLL
  for (size_t j = 0; j < SUMS; j++, i += VEC_LANES) {
    if (i < width) add_vector(x + i, y ? y + i : NULL, out + i, width - i, &sum[j]);
  }
  return total(sum);
}

/* The lanes past n count nothing. */
ALB_INLINE void square_vector(const float *x, size_t n, vec mean, vec *sum) {
  const vec d = vec_keep_first(vec_sub(vec_load_first(x, n), mean), n);
  *sum = vec_fma(d, d, *sum);
}

/* The sum of (x - mean)^2. */
ALB_INLINE float squares(const float *x, float mean, size_t width) {
  const vec m = vec_set(mean);
  vec sum[SUMS];
  size_t i = 0;
  for (int j = 0; j < SUMS; j++) sum[j] = vec_zero();
  for (; width - i >= STEP; i += STEP) {
    ALB_UNROLL
    for (size_t j = 0; j < SUMS; j++) square_vector(x + i + j * VEC_LANES, VEC_LANES, m, &sum[j]);
  }
  ALB_UNROLL
  for (size_t j = 0; j < SUMS; j++, i += VEC_LANES) {
    if (i < width) square_vector(x + i, width - i, m, &sum[j]);
  }
  return total(sum);
}

ALB_INLINE void scale_vector(const alb_layer_norm *g, size_t i, size_t n, vec mean, vec scale, float *out) {
  const vec d = vec_mul(vec_sub(vec_load_first(out + i, n), mean), scale);
  vec_store_first(out + i, n, vec_fma(d, vec_load_first(g->gamma + i, n), vec_load_first(g->beta + i, n)));
}

static void norm_row(const alb_layer_norm *g, size_t row) {
  const size_t width = g->width;
  float *out = g->out + row * width;
  const float *y = g->residual ? g->residual + row * width : NULL;
  const float mean = add_rows(g->x + row * width, y, out, width) / (float)width;
  const float variance = squares(out, mean, width) / (float)width + g->eps;
  const vec scale = vec_set(1.0f / square_root(variance)), m = vec_set(mean);
  size_t i = 0;
  for (; width - i >= VEC_LANES; i += VEC_LANES) scale_vector(g, i, VEC_LANES, m, scale, out);
  if (i < width) scale_vector(g, i, width - i, m, scale, out);
}

void VEC_NAME(layer_norm)(const alb_layer_norm *g) {
  for (size_t r = 0; r < g->rows; r++) norm_row(g, r);
}

#endif
