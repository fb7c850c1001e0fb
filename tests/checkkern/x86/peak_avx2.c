/* Twelve independent chains of AVX2 fused multiply-adds. */
#include <immintrin.h>

#include "peak.h"

float fma_loop_avx2(void) {
  __m256 x[12];
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int i = 0; i < 12; i++) {
    x[i] = _mm256_set1_ps((float)i);
    __asm__ volatile("" : "+x"(x[i])); /* twelve numbers nobody knows, so that no chain is left out */
  }
  for (int r = 0; r < FMA_LOOP_ROUNDS; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) x[i] = _mm256_fmadd_ps(x[i], a, b);
  }
  for (int i = 0; i < 12; i++) __asm__ volatile("" : "+x"(x[i]));
  return _mm256_cvtss_f32(x[0]);
}
