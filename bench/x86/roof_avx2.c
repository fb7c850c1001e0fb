/* AVX2: multiply-adds of bytes in three instructions; loads of 32 bytes. */
#include <immintrin.h>

#include "bench/roofs.h"

int roof_madd_avx2(void) {
  __m256i sum[ROOF_CHAINS_AVX2], a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(1);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int i = 0; i < ROOF_CHAINS_AVX2; i++) sum[i] = _mm256_setzero_si256();
  for (int r = 0; r < ROOF_ROUNDS; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < ROOF_CHAINS_AVX2; i++) {
      __asm__("" : "+x"(a)); /* nobody knows it, so that no product is computed only once */
      sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    }
  }
  for (int i = 0; i < ROOF_CHAINS_AVX2; i++) __asm__ volatile("" : "+x"(sum[i]));
  return _mm256_cvtsi256_si32(sum[0]);
}

uint64_t roof_read_avx2(const void *p, size_t bytes) {
  const size_t part = bytes / ROOF_STREAMS;
  const char *at = p;
  __m256i x[ROOF_STREAMS], all = _mm256_setzero_si256();
  for (int s = 0; s < ROOF_STREAMS; s++) x[s] = _mm256_setzero_si256();
  for (size_t i = 0; i < part; i += ROOF_STEP) {
#pragma GCC unroll 8
    for (int s = 0; s < ROOF_STREAMS; s++) {
#pragma GCC unroll 4
      for (size_t j = 0; j < ROOF_STEP; j += 32) {
        x[s] =
            _mm256_or_si256(x[s], _mm256_loadu_si256((const __m256i *)(const void *)(at + (size_t)s * part + i + j)));
      }
    }
  }
  for (int s = 0; s < ROOF_STREAMS; s++) all = _mm256_or_si256(all, x[s]);
  return (uint64_t)_mm256_extract_epi64(all, 0);
}
