/* Adding a product of two factors: every width of the last tile, one rounding at the end. */
#include "base/low_rank.h"
#include "tests/support/check.h"

static float number(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(int)(*state >> 8 & 0xffff) / 65536.0f - 0.5f;
}

/* The definition of docs/format.md, element by element. */
static float sum_of(float base, const float *left, const float *right, size_t rank, size_t columns) {
  double sum = (double)base;
  for (size_t k = 0; k < rank; k++) sum += (double)left[k] * (double)right[k * columns];
  return (float)sum;
}

static void check_shape(size_t rows, size_t rank, size_t columns) {
  float *left = malloc((rows * rank + 1) * sizeof *left), *right = malloc((rank * columns + 1) * sizeof *right);
  float *out = malloc((rows * columns + 1) * sizeof *out), *expected = malloc((rows * columns + 1) * sizeof *expected);
  unsigned state = (unsigned)(rows * 1000 + rank * 100 + columns);
  for (size_t i = 0; i < rows * rank; i++) left[i] = number(&state);
  for (size_t i = 0; i < rank * columns; i++) right[i] = number(&state);
  for (size_t i = 0; i < rows * columns; i++) out[i] = number(&state);
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      expected[r * columns + c] = sum_of(out[r * columns + c], left + r * rank, right + c, rank, columns);
    }
  }
  out[rows * columns] = 77;
  alb_low_rank_add(left, right, rows, rank, columns, out);
  assert_memory_equal(out, expected, rows * columns * sizeof *out);
  assert_true(out[rows * columns] == 77);
  free(left);
  free(right);
  free(out);
  free(expected);
}

static void test_shapes(void **state) {
  (void)state;
  for (size_t columns = 1; columns < 40; columns++) check_shape(3, 5, columns);
  check_shape(1, 1, 1);
  check_shape(70, 17, 64);
  check_shape(2, 3, 0);
}

/* In f32 step by step, 1 would be lost in 2^24; in f64 all parts count. */
static void test_one_rounding(void **state) {
  (void)state;
  const float left[3] = {1, 1, -1}, right[3] = {0x1p24f, 1, 0x1p24f};
  float out = 0.5f;
  alb_low_rank_add(left, right, 1, 3, 1, &out);
  assert_true(out == 1.5f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_one_rounding)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
