/* Rows of f32 to bytes with AVX-512; the same operations as the reference, so the same numbers. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/group_range.h"
#include "runtime/kernels/vec/vec.h"

enum { PARTS = ALB_S8_DEPTH / VEC_LANES };

/* How many of a group's `width` elements part i has. */
ALB_INLINE size_t part_width(size_t width, size_t i) {
  return width > i * VEC_LANES ? width - i * VEC_LANES : 0;
}

/* False when the group holds an infinity or NaN: its difference to itself is not zero. */
ALB_INLINE bool find_limits(const float *x, size_t width, float *low, float *high) {
  const vec first = vec_set(x[0]);
  vec least = first, most = first;
  __mmask16 odd = 0;
  ALB_UNROLL
  for (size_t i = 0; i < PARTS; i++) {
    const vec v = _mm512_mask_loadu_ps(first, first_mask(part_width(width, i)), x + i * VEC_LANES);
    least = vec_min(least, v);
    most = vec_max(most, v);
    odd = (__mmask16)(odd | _mm512_cmp_ps_mask(vec_sub(v, v), vec_zero(), _CMP_NEQ_UQ));
  }
  *low = -vec_largest(vec_negate(least));
  *high = vec_largest(most);
  return odd == 0;
}

/* q = 128 + round((x - middle) * inverse), 128 from `width` on. */
ALB_INLINE void write_group(const float *x, size_t width, float middle, float inverse, uint8_t *q) {
  const vec m = vec_set(middle), by = vec_set(inverse);
  ALB_UNROLL
  for (size_t i = 0; i < PARTS; i++) {
    const __mmask16 there = first_mask(part_width(width, i));
    const vec v = vec_mul(vec_sub(_mm512_maskz_loadu_ps(there, x + i * VEC_LANES), m), by);
    const __m128i bytes = _mm512_maskz_cvtsepi32_epi8(there, _mm512_cvtps_epi32(v));
    _mm_storeu_si128((__m128i *)(q + i * VEC_LANES), _mm_xor_si128(bytes, _mm_set1_epi8(-128)));
  }
}

ALB_INLINE void quantize_group(const float *x, size_t width, uint8_t *q, alb_range *range) {
  float low, high, middle;
  const bool finite = find_limits(x, width, &low, &high);
  const float inverse = group_range(finite, low, high, range, &middle);
  write_group(x, inverse > 0 ? width : 0, middle, inverse, q);
}

void alb_quantize_s8_avx512(const alb_quantize_s8 *g) {
  const size_t groups = alb_s8_groups(g->width);
  for (size_t r = 0; r < g->rows; r++) {
    for (size_t i = 0; i < groups; i++) {
      const size_t at = i * ALB_S8_DEPTH, left = g->width - at < ALB_S8_DEPTH ? g->width - at : ALB_S8_DEPTH;
      quantize_group(g->x + r * g->ldx + at, left, g->q + r * g->ldq + at, g->range + r * groups + i);
    }
  }
}
