/* Parts of vectors: loads and stores of fewer than 8 floats, sums and maxima over the lanes, squares of vectors. */
#ifndef ALB_KERNELS_LANES_AVX2_H
#define ALB_KERNELS_LANES_AVX2_H

#include <immintrin.h>
#include <stddef.h>

/* All bits set in the first n of 8 lanes; all lanes for n >= 8. */
static inline __m256i first_lanes(size_t n) {
  const int count = n < 8 ? (int)n : 8;
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* x[0..n) and zeros, for n < 8; 8 floats otherwise. */
static inline __m256 load_first(const float *x, size_t n) {
  return n < 8 ? _mm256_maskload_ps(x, first_lanes(n)) : _mm256_loadu_ps(x);
}

static inline void store_first(float *x, size_t n, __m256 value) {
  if (n < 8) {
    _mm256_maskstore_ps(x, first_lanes(n), value);
  } else {
    _mm256_storeu_ps(x, value);
  }
}

static inline float sum_lanes(__m256 x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float max_lanes(__m256 x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

static inline float square_root(float x) {
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}

/* A square of CELL x CELL floats, a vector each row: what attention turns keys with. */
enum { CELL = 8 };
typedef __m256 cell_row;

static inline cell_row cell_load_first(const float *x, size_t n) {
  return load_first(x, n);
}

static inline void cell_store(float *x, cell_row y) {
  _mm256_store_ps(x, y);
}

/* Rows become columns. */
static inline void cell_transpose(cell_row x[CELL]) {
  cell_row t[CELL];
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    x[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    x[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    x[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    x[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
  }
  for (int i = 0; i < CELL; i++) x[i] = t[i];
}

#endif
