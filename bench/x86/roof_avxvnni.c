/* AVX-VNNI: multiply-adds of bytes in one instruction, 32 at once. */
#include <immintrin.h>

#include "bench/roofs.h"

int roof_madd_avxvnni(void) {
  __m256i sum[ROOF_CHAINS_AVXVNNI];
  const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(1);
  for (int i = 0; i < ROOF_CHAINS_AVXVNNI; i++) {
    sum[i] = _mm256_set1_epi32(i);
    __asm__ volatile("" : "+x"(sum[i])); /* numbers nobody knows, so that no chain is left out */
  }
  for (int r = 0; r < ROOF_ROUNDS; r++) {
#pragma GCC unroll 14
    for (int i = 0; i < ROOF_CHAINS_AVXVNNI; i++) sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b);
  }
  for (int i = 0; i < ROOF_CHAINS_AVXVNNI; i++) __asm__ volatile("" : "+x"(sum[i]));
  return _mm256_cvtsi256_si32(sum[0]);
}
