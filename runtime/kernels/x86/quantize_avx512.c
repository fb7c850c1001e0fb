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

/* ---- whole groups, many at a time ----
 * The range of a group is a long chain of short steps, so those of BATCH groups are computed side by side. */

enum { BATCH = VEC_LANES, QUARTER = VEC_LANES / 4 };

/* Of each group of a batch: the least of every fourth element, negated, and the largest. NaN when the group holds an
 * infinity or NaN. */
typedef struct limits {
  float low[BATCH][QUARTER], high[BATCH][QUARTER];
} limits;

ALB_INLINE __m128 largest_quarter(vec x) {
  const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  return _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* A sum of v * 0 is 0 as long as all v are finite. */
ALB_INLINE void find_group_limits(const float *x, float low[QUARTER], float high[QUARTER]) {
  vec least[2], most[2], odd[2];
  ALB_UNROLL
  for (size_t i = 0; i < 2; i++) {
    least[i] = most[i] = vec_load(x + i * VEC_LANES);
    odd[i] = vec_mul(least[i], vec_zero());
  }
  ALB_UNROLL
  for (size_t i = 2; i < PARTS; i++) {
    const vec v = vec_load(x + i * VEC_LANES);
    least[i % 2] = vec_min(least[i % 2], v);
    most[i % 2] = vec_max(most[i % 2], v);
    odd[i % 2] = vec_fma(v, vec_zero(), odd[i % 2]);
  }
  _mm_storeu_ps(low, largest_quarter(vec_negate(vec_min(least[0], least[1]))));
  _mm_storeu_ps(high, largest_quarter(vec_max(most[0], most[1])));
  const vec any = vec_add(odd[0], odd[1]);
  if (_mm512_cmp_ps_mask(any, any, _CMP_UNORD_Q)) _mm_storeu_ps(low, _mm_set1_ps(__builtin_nanf("")));
}

/* The largest of each quarter; NaN where its first is NaN. */
ALB_INLINE vec largest_of_quarters(float x[BATCH][QUARTER]) {
  const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
  vec largest[QUARTER];
  ALB_UNROLL
  for (size_t i = 0; i < QUARTER; i++) {
    const vec v = vec_load(x[QUARTER * i]), pairs = vec_max(_mm512_permute_ps(v, 0x4e), v);
    largest[i] = vec_max(_mm512_permute_ps(pairs, 0xb1), pairs);
  }
  const vec low = _mm512_permutex2var_ps(largest[0], firsts, largest[1]);
  const vec high = _mm512_permutex2var_ps(largest[2], firsts, largest[3]);
  return _mm512_insertf32x8(low, _mm512_castps512_ps256(high), 1);
}

/* What write_group takes, of a batch. */
typedef struct factors {
  float middle[BATCH], inverse[BATCH];
} factors;

/* group_range for a batch, of which `count` are there. */
ALB_INLINE void batch_ranges(limits *x, size_t count, alb_range *range, factors *out) {
  const vec half_of = vec_set(0.5f), nan = vec_set(__builtin_nanf(""));
  const vec low = vec_mul(vec_negate(largest_of_quarters(x->low)), half_of);
  const vec high = vec_mul(largest_of_quarters(x->high), half_of);
  const __mmask16 odd = _mm512_cmp_ps_mask(low, low, _CMP_UNORD_Q);
  const vec half = vec_sub(high, low), middle = vec_add(vec_add(low, high), vec_zero());
  const __mmask16 wide = _mm512_cmp_ps_mask(half, vec_set(1e-30f), _CMP_GE_OQ);
  const vec scale = _mm512_maskz_div_ps(wide, half, vec_set(127.0f));
  const vec zero = vec_sub(middle, vec_mul(vec_set(128.0f), scale));
  vec_store(out->middle, middle);
  vec_store(out->inverse, _mm512_maskz_div_ps(wide, vec_set(127.0f), half));
  const vec scales = _mm512_mask_mov_ps(scale, odd, nan), lows = _mm512_mask_mov_ps(zero, odd, nan);
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i second = _mm512_or_si512(first, _mm512_set1_epi32(8));
  vec_store_first(&range->scale, 2 * count, _mm512_permutex2var_ps(scales, first, lows));
  if (count > BATCH / 2) {
    vec_store_first(&range[BATCH / 2].scale, 2 * count - BATCH, _mm512_permutex2var_ps(scales, second, lows));
  }
}

/* 64 bytes: round((x - middle) * inverse) + 128. Packing works within quarters of a vector; the last step puts the
 * quads in order. */
ALB_INLINE void write_64(const float *x, vec middle, vec inverse, uint8_t *q) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i part[4];
  ALB_UNROLL
  for (size_t i = 0; i < 4; i++) {
    part[i] = _mm512_cvtps_epi32(vec_mul(vec_sub(vec_load(x + i * VEC_LANES), middle), inverse));
  }
  const __m512i low = _mm512_packs_epi32(part[0], part[1]), high = _mm512_packs_epi32(part[2], part[3]);
  const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high));
  _mm512_storeu_si512(q, _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)));
}

ALB_INLINE void write_whole_group(const float *x, float middle, float inverse, uint8_t *q) {
  if (inverse > 0) {
    ALB_UNROLL
    for (size_t i = 0; i < ALB_S8_DEPTH; i += 64) write_64(x + i, vec_set(middle), vec_set(inverse), q + i);
  } else {
    write_group(x, 0, middle, inverse, q);
  }
}

/* The groups of a batch. */
typedef struct batch {
  size_t count;
  const float *x[BATCH];
  uint8_t *q[BATCH];
} batch;

static void quantize_batch(const batch *g, alb_range *range) {
  limits found = {0};
  factors by;
  for (size_t i = 0; i < g->count; i++) find_group_limits(g->x[i], found.low[i], found.high[i]);
  batch_ranges(&found, g->count, range, &by);
  for (size_t i = 0; i < g->count; i++) write_whole_group(g->x[i], by.middle[i], by.inverse[i], g->q[i]);
}

/* Rows of whole groups only. Ranges of all groups lie one behind the other. */
static void quantize_whole(const alb_quantize_s8 *g) {
  alb_range *range = g->range;
  batch next = {0};
  for (size_t r = 0; r < g->rows; r++) {
    for (size_t k = 0; k < g->width; k += ALB_S8_DEPTH) {
      next.x[next.count] = g->x + r * g->ldx + k;
      next.q[next.count++] = g->q + r * g->ldq + k;
      if (next.count < BATCH) continue;
      quantize_batch(&next, range);
      range += BATCH;
      next.count = 0;
    }
  }
  quantize_batch(&next, range);
}

void alb_quantize_s8_avx512(const alb_quantize_s8 *g) {
  if (g->width % ALB_S8_DEPTH)
    each_group(g, quantize_group); /* with groups that are not whole */
  else
    quantize_whole(g);
}
