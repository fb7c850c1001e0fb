/* Dot products of bytes with AVX-512 VNNI.
 *
 * The instruction multiplies unsigned by signed bytes and adds four products to an int32, without saturation: what the
 * product is defined by. Included by dot_vec.h; dot_avx2.h and dot_avxvnni.h are its likes. */
#ifndef ALB_KERNELS_DOT_VNNI_H
#define ALB_KERNELS_DOT_VNNI_H

#include <stdint.h>

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/vec/vec.h"

#define DOT_NAME(slot) alb_##slot##_vnni

/* 24 sums leave 8 of the 32 registers for operands. Tiles: rows, vectors of 16 columns. */
enum { S8_ROWS = 8, S8_SUMS = 24, S8_VECTORS = 8 };
#define S8_TILES(X) X(1, 8) X(2, 8) X(3, 8) X(4, 6) X(5, 4) X(6, 4) X(7, 3) X(8, 3)

typedef __m512i ivec, dot_weights;

ALB_INLINE ivec ivec_load(const int8_t *x) {
  return _mm512_load_si512(x);
}

ALB_INLINE vec ivec_floats(ivec x) {
  return _mm512_cvtepi32_ps(x);
}

/* What the sums of a group start at. */
ALB_INLINE ivec dot_start(const int8_t *negative, const int8_t *all) {
  (void)negative, (void)all;
  return _mm512_setzero_si512();
}

ALB_INLINE dot_weights dot_load(const int8_t *w) {
  return _mm512_load_si512(w);
}

/* A quad of a row in every lane. */
ALB_INLINE ivec dot_broadcast(const uint8_t *a) {
  return _mm512_set1_epi32(*(const int32_t *)(const void *)a);
}

/* Left to itself the compiler moves sums about and spills some: the asm keeps them in place. */
ALB_INLINE void dot_add(ivec *sum, ivec quad, const dot_weights *w) {
  *sum = _mm512_dpbusd_epi32(*sum, quad, *w);
  __asm__ volatile("" : "+v"(*sum));
}

#endif
