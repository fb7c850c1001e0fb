/* Dot products of bytes with AVX-VNNI: as dot_vnni.h, with half the registers and of half the width. */
#ifndef ALB_KERNELS_DOT_AVXVNNI_H
#define ALB_KERNELS_DOT_AVXVNNI_H

#include <string.h>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/vec/vec.h"

#define DOT_NAME(slot) alb_##slot##_avxvnni

/* 12 sums leave 4 of the 16 registers for operands. Tiles: rows, vectors of 8 columns. */
enum { S8_ROWS = 6, S8_SUMS = 12, S8_VECTORS = 8 };
#define S8_TILES(X) X(1, 8) X(2, 4) X(3, 4) X(4, 2) X(5, 2) X(6, 2)

typedef __m256i ivec, dot_weights;

ALB_INLINE ivec ivec_load(const int8_t *x) {
  return _mm256_load_si256((const __m256i *)(const void *)x);
}

ALB_INLINE vec ivec_floats(ivec x) {
  return _mm256_cvtepi32_ps(x);
}

ALB_INLINE ivec dot_start(const int8_t *negative, const int8_t *all) {
  (void)negative, (void)all;
  return _mm256_setzero_si256();
}

ALB_INLINE dot_weights dot_load(const int8_t *w) {
  return ivec_load(w);
}

ALB_INLINE ivec dot_broadcast(const uint8_t *a) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  return _mm256_set1_epi32(quad);
}

ALB_INLINE void dot_add(ivec *sum, ivec quad, const dot_weights *w) {
  *sum = _mm256_dpbusd_avx_epi32(*sum, quad, *w);
  __asm__ volatile("" : "+x"(*sum));
}

#endif
