/* AVX-512: loads of 64 bytes. */
#include <immintrin.h>

#include "bench/roofs.h"

uint64_t roof_read_avx512(const void *p, size_t bytes) {
  const size_t part = bytes / ROOF_STREAMS;
  const char *at = p;
  __m512i x[ROOF_STREAMS], all = _mm512_setzero_si512();
  for (int s = 0; s < ROOF_STREAMS; s++) x[s] = _mm512_setzero_si512();
  for (size_t i = 0; i < part; i += ROOF_STEP) {
#pragma GCC unroll 8
    for (int s = 0; s < ROOF_STREAMS; s++) {
#pragma GCC unroll 2
      for (size_t j = 0; j < ROOF_STEP; j += 64) {
        x[s] = _mm512_or_si512(x[s], _mm512_loadu_si512(at + (size_t)s * part + i + j));
      }
    }
  }
  for (int s = 0; s < ROOF_STREAMS; s++) all = _mm512_or_si512(all, x[s]);
  return (uint64_t)_mm512_reduce_or_epi64(all);
}
