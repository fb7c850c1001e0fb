/* AVX512-VNNI: multiply-adds of bytes in one instruction, 64 at once. */
#include <immintrin.h>

#include "bench/roofs.h"

int roof_madd_vnni(void) {
  __m512i sum[ROOF_CHAINS_VNNI];
  const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(1);
  for (int i = 0; i < ROOF_CHAINS_VNNI; i++) {
    sum[i] = _mm512_set1_epi32(i);
    __asm__ volatile("" : "+v"(sum[i])); /* numbers nobody knows, so that no chain is left out */
  }
  for (int r = 0; r < ROOF_ROUNDS; r++) {
#pragma GCC unroll 16
    for (int i = 0; i < ROOF_CHAINS_VNNI; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
  }
  for (int i = 0; i < ROOF_CHAINS_VNNI; i++) __asm__ volatile("" : "+v"(sum[i]));
  return _mm512_cvtsi512_si32(sum[0]);
}
