/* Dot products of bytes with AVX2.
 *
 * The one byte multiply there is takes unsigned times signed bytes and saturates pairs of products at 32767.
 * So the weights go in as |w| <= 127, and the bytes u of a row as a = u - 128; where w is negative as ~a = -a - 1:
 *   |w| * ~a = w * a - |w|,   which is too small by |w|.
 * The sum of those |w| and 128 times the sum of all w depend on the weights alone and are packed behind each group:
 * there the sums start. A pair is at most 2 * 127 * 128 = 32512 in magnitude: nothing saturates. */
#ifndef ALB_KERNELS_DOT_AVX2_H
#define ALB_KERNELS_DOT_AVX2_H

#include <string.h>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/vec/vec.h"

#define DOT_NAME(slot) alb_##slot##_avx2

/* What is made of the weights is worth the more, the more rows use it; 8 sums leave room for it. Tiles: rows,
 * vectors of 8 columns. */
enum { S8_ROWS = 8, S8_SUMS = 8, S8_VECTORS = 2 };
#define S8_TILES(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 1) X(6, 1) X(7, 1) X(8, 1)

typedef __m256i ivec;
typedef struct dot_weights {
  __m256i size, flip; /* |w|; the bits of u that turn: the upper one, where w < 0 the others */
} dot_weights;

ALB_INLINE ivec ivec_load(const int8_t *x) {
  return _mm256_load_si256((const __m256i *)(const void *)x);
}

ALB_INLINE vec ivec_floats(ivec x) {
  return _mm256_cvtepi32_ps(x);
}

ALB_INLINE ivec dot_start(const int8_t *negative, const int8_t *all) {
  return _mm256_add_epi32(ivec_load(negative), _mm256_slli_epi32(ivec_load(all), 7));
}

ALB_INLINE dot_weights dot_load(const int8_t *w) {
  const __m256i bytes = ivec_load(w);
  const __m256i negative = _mm256_cmpgt_epi8(_mm256_setzero_si256(), bytes);
  return (dot_weights){_mm256_abs_epi8(bytes), _mm256_xor_si256(negative, _mm256_set1_epi8(-128))};
}

ALB_INLINE ivec dot_broadcast(const uint8_t *a) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  __m256i x = _mm256_set1_epi32(quad);
  __asm__ volatile("" : "+x"(x)); /* one row after the other: all at once are more than the registers hold */
  return x;
}

ALB_INLINE void dot_add(ivec *sum, ivec quad, const dot_weights *w) {
  const __m256i pairs = _mm256_maddubs_epi16(w->size, _mm256_xor_si256(quad, w->flip));
  *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  __asm__ volatile("" : "+x"(*sum));
}

#endif
