/* Twelve independent chains of AVX-512 fused multiply-adds. */
#include <immintrin.h>

#include "peak.h"

float fma_loop_avx512(void) {
  __m512 x[12];
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int i = 0; i < 12; i++) {
    x[i] = _mm512_set1_ps((float)i);
    __asm__ volatile("" : "+v"(x[i])); /* twelve numbers nobody knows, so that no chain is left out */
  }
  for (int r = 0; r < FMA_LOOP_ROUNDS; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) x[i] = _mm512_fmadd_ps(x[i], a, b);
  }
  for (int i = 0; i < 12; i++) __asm__ volatile("" : "+v"(x[i]));
  return _mm512_cvtss_f32(x[0]);
}
