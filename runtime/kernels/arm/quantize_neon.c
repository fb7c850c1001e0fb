/* Rows of f32 to bytes with NEON; the same operations as the reference, so the same numbers. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/group_range.h"
#include "runtime/kernels/vec/vec.h"

enum { STEP = 4 * VEC_LANES };

/* False when the group holds an infinity or NaN: its difference to itself is not zero. */
static bool find_limits(const float *x, size_t width, float *low, float *high) {
  const vec first = vec_set(x[0]);
  vec least = first, most = first;
  uint32x4_t finite = vdupq_n_u32(UINT32_MAX);
  for (size_t i = 0; i < width; i += VEC_LANES) {
    const vec v = vbslq_f32(first_lanes(width - i), vec_load_first(x + i, width - i), first);
    least = vec_min(least, v);
    most = vec_max(most, v);
    finite = vandq_u32(finite, vceqzq_f32(vec_sub(v, v)));
  }
  *low = vminvq_f32(least);
  *high = vmaxvq_f32(most);
  return vminvq_u32(finite) != 0;
}

/* Four elements from x[at], zeros from `width` on, as int16. */
ALB_INLINE int16x4_t rounded(const float *x, size_t at, size_t width, vec middle, vec inverse) {
  if (at >= width) return vdup_n_s16(0);
  const vec v = vec_mul(vec_sub(vec_load_first(x + at, width - at), middle), inverse);
  return vqmovn_s32(vandq_s32(vcvtnq_s32_f32(v), vreinterpretq_s32_u32(first_lanes(width - at))));
}

/* q = 128 + round((x - middle) * inverse), 128 from `width` on. */
static void write_group(const float *x, size_t width, float middle, float inverse, uint8_t *q) {
  const vec m = vec_set(middle), by = vec_set(inverse);
  for (size_t i = 0; i < ALB_S8_DEPTH; i += STEP) {
    const int16x8_t a = vcombine_s16(rounded(x, i, width, m, by), rounded(x, i + 4, width, m, by));
    const int16x8_t b = vcombine_s16(rounded(x, i + 8, width, m, by), rounded(x, i + 12, width, m, by));
    const uint8x16_t bytes = vreinterpretq_u8_s8(vcombine_s8(vqmovn_s16(a), vqmovn_s16(b)));
    vst1q_u8(q + i, veorq_u8(bytes, vdupq_n_u8(128)));
  }
}

static void quantize_group(const float *x, size_t width, uint8_t *q, alb_range *range) {
  float low, high, middle;
  const bool finite = find_limits(x, width, &low, &high);
  const float inverse = group_range(finite, low, high, range, &middle);
  write_group(x, inverse > 0 ? width : 0, middle, inverse, q);
}

void alb_quantize_s8_neon(const alb_quantize_s8 *g) {
  each_group(g, quantize_group);
}
