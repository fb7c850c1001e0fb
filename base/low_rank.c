/* Adding a product of two factors, some columns at a time: their sums stay in registers. */
#include "base/low_rank.h"

enum { TILE = 16 };

/* Inlined with a constant n where a tile is whole. */
static inline void add_part(const float *left, const float *right, size_t rank, size_t columns, size_t n, float *out) {
  double sums[TILE];
  for (size_t c = 0; c < n; c++) sums[c] = (double)out[c];
  for (size_t k = 0; k < rank; k++) {
    const double scale = (double)left[k];
    for (size_t c = 0; c < n; c++) sums[c] += scale * (double)right[k * columns + c];
  }
  for (size_t c = 0; c < n; c++) out[c] = (float)sums[c];
}

void alb_low_rank_add(const float *left, const float *right, size_t rows, size_t rank, size_t columns, float *out) {
  const size_t whole = columns - columns % TILE;
  for (size_t c = 0; c < whole; c += TILE) {
    for (size_t r = 0; r < rows; r++) add_part(left + r * rank, right + c, rank, columns, TILE, out + r * columns + c);
  }
  for (size_t r = 0; r < rows && whole < columns; r++) {
    add_part(left + r * rank, right + whole, rank, columns, columns - whole, out + r * columns + whole);
  }
}
