/* Sums of products with vectors of each width: bit for bit those of plain C, and nothing written beside them. */
#include <string.h>

#include "graph/products.h"
#include "tests/support/check.h"

enum { ROOM = 4096, MARK = -7 };

/* Numbers of very different sizes, so that another order of adding gives another sum. */
static void fill(double *out, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    out[i] = ((double)(seed >> 11) - 4503599627370496.0) / (double)((uint64_t)1 << (seed >> 3 & 63));
  }
}

static double a[ROOM], b[ROOM], expected[ROOM], got[ROOM];

static void check_dots(const alb_products *products, size_t rows, size_t columns, size_t n) {
  const size_t step = columns + 1;
  for (size_t i = 0; i < ROOM; i++) expected[i] = got[i] = MARK;
  fill(a, rows * n, 1 + rows);
  fill(b, columns * n, 2 + columns);
  alb_products_ref.dots(a, rows, b, columns, n, expected, step);
  products->dots(a, rows, b, columns, n, got, step);
  assert_memory_equal(expected, got, sizeof got);
  assert_true(got[columns] == MARK && (rows == 0 || got[0] != MARK));
}

static void check_add(const alb_products *products, size_t rows, size_t columns, size_t depth) {
  const size_t step = columns + 2, b_step = columns + 3;
  fill(a, rows * depth, 3 + rows);
  fill(b, depth * b_step, 4 + columns);
  fill(expected, ROOM, 5);
  memcpy(got, expected, sizeof got);
  alb_products_ref.add(a, rows, b, b_step, depth, columns, expected, step);
  assert_true(memcmp(expected, got, sizeof got) != 0);
  products->add(a, rows, b, b_step, depth, columns, got, step);
  assert_memory_equal(expected, got, sizeof got);
}

static void test_products(void **state) {
  (void)state;
  for (int wide = 0; wide <= (int)alb_wide_best(); wide++) {
    const alb_products *products = alb_products_of((alb_wide)wide);
    for (size_t rows = 1; rows <= 9; rows++) {
      for (size_t columns = 1; columns <= 19; columns++) {
        for (size_t n = 1; n <= 34; n++) check_dots(products, rows, columns, n);
        for (size_t depth = 1; depth <= ALB_PRODUCT_DEPTH; depth++) check_add(products, rows, columns, depth);
      }
    }
  }
  print_message("widths checked: %d of %d\n", (int)alb_wide_best() + 1, (int)ALB_WIDE_COUNT);
}

/* The order is the one that is stated: eight sums, added in pairs. */
static void test_order(void **state) {
  (void)state;
  double sums[8] = {0}, sum;
  fill(a, 21, 6);
  fill(b, 21, 7);
  for (size_t i = 0; i < 21; i++) sums[i % 8] += a[i] * b[i];
  alb_products_ref.dots(a, 1, b, 1, 21, &sum, 1);
  const double pairs = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  assert_true(sum == pairs);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_order)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
