/* Rows of f32 to bytes with AVX2; the same operations as the reference, so the same numbers. */
#include "base/half.h"
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/group_range.h"
#include "runtime/kernels/x86/lanes_avx2.h"

enum { STEP = 32 };

/* False when the group holds an infinity or NaN: its difference to itself is not zero. */
static bool find_limits(const float *x, size_t n, float *low, float *high) {
  const __m256 first = _mm256_set1_ps(x[0]);
  __m256 least = first, most = first, odd = _mm256_setzero_ps();
  for (size_t i = 0; i < n; i += 8) {
    const __m256 there = _mm256_castsi256_ps(first_lanes(n - i));
    const __m256 v = _mm256_blendv_ps(first, load_first(x + i, n - i), there);
    least = _mm256_min_ps(least, v);
    most = _mm256_max_ps(most, v);
    odd = _mm256_or_ps(odd, _mm256_cmp_ps(_mm256_sub_ps(v, v), _mm256_setzero_ps(), _CMP_NEQ_UQ));
  }
  *low = -max_lanes(_mm256_sub_ps(_mm256_setzero_ps(), least));
  *high = max_lanes(most);
  return _mm256_movemask_ps(odd) == 0;
}

/* Eight elements from x[at], zeros from `width` on, as int32. */
static inline __m256i rounded(const float *x, size_t at, size_t width, __m256 middle, __m256 inverse) {
  if (at >= width) return _mm256_setzero_si256();
  const __m256 v = _mm256_mul_ps(_mm256_sub_ps(load_first(x + at, width - at), middle), inverse);
  return _mm256_and_si256(_mm256_cvtps_epi32(v), first_lanes(width - at));
}

static void write_group(const float *x, size_t width, float middle, float inverse, uint8_t *q) {
  const __m256 m = _mm256_set1_ps(middle), by = _mm256_set1_ps(inverse);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing works within halves */
  for (size_t i = 0; i < ALB_S8_DEPTH; i += STEP) {
    const __m256i a = _mm256_packs_epi32(rounded(x, i, width, m, by), rounded(x, i + 8, width, m, by));
    const __m256i b = _mm256_packs_epi32(rounded(x, i + 16, width, m, by), rounded(x, i + 24, width, m, by));
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(a, b), order);
    _mm256_storeu_si256((__m256i *)(q + i), _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)));
  }
}

static void quantize_group(const float *x, size_t width, uint8_t *q, alb_range *range) {
  float low, high, middle;
  const bool finite = find_limits(x, width, &low, &high);
  const float inverse = group_range(finite, low, high, range, &middle);
  write_group(x, inverse > 0 ? width : 0, middle, inverse, q);
}

void alb_quantize_s8_avx2(const alb_quantize_s8 *g) {
  each_group(g, quantize_group);
}
