/* Products of columns against plain loops in f64, and products of rows against alb_rows_linear: the same bits on any
 * number of threads. */
#include <math.h>

#include "base/parallel.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tune/gram.h"
#include "tune/panels.h"
#include "tune/rows.h"

enum { ROWS = 1100, WIDE = 250, NARROW = 37 };

static uint64_t state = 7;
static float x[ROWS * WIDE], y[ROWS * NARROW];
static double x_mean[WIDE], y_mean[NARROW];

static void fill(float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = graph_text_random(&state);
}

static void make(float *out, size_t n, double *mean) {
  fill(out, ROWS * n);
  for (size_t i = 0; i < n; i++) mean[i] = (double)graph_text_random(&state);
}

static double right(const alb_columns *a, size_t i, const alb_columns *b, size_t j) {
  double sum = 1; /* what the sums hold before */
  for (size_t r = 0; r < ROWS; r++) {
    sum += ((double)a->x[r * a->n + i] - a->mean[i]) * ((double)b->x[r * b->n + j] - b->mean[j]);
  }
  return sum;
}

static void check(const alb_columns *a, const alb_columns *b) {
  static double sum[WIDE * WIDE], again[WIDE * WIDE];
  for (size_t i = 0; i < a->n * b->n; i++) sum[i] = again[i] = 1;
  assert_ok(NULL, alb_gram_add(NULL, a, b, ROWS, sum));
  alb_parallel_limit(3);
  assert_ok(NULL, alb_gram_add(NULL, a, b, ROWS, again));
  alb_parallel_limit(0);
  assert_memory_equal(sum, again, a->n * b->n * sizeof *sum);
  for (size_t i = 0; i < a->n; i++) {
    for (size_t j = a == b ? i : 0; j < b->n; j++) {
      assert_true(fabs(sum[i * b->n + j] - right(a, i, b, j)) < 1e-5 * ROWS);
    }
  }
}

static void test_gram(void **unused) {
  (void)unused;
  make(x, WIDE, x_mean);
  make(y, NARROW, y_mean);
  const alb_columns a = {x, WIDE, x_mean}, b = {y, NARROW, y_mean};
  check(&a, &a);
  check(&b, &b);
  check(&a, &b);
  check(&b, &a);
}

/* y = x w^T + bias */
static void test_rows(void **unused) {
  (void)unused;
  static float w[NARROW * WIDE], bias[NARROW], want[ROWS * NARROW], got[ROWS * NARROW];
  float *panels = test_malloc(alb_panels_room(WIDE, NARROW) * sizeof *panels);
  float *scratch = test_malloc(alb_panels_rows_room(WIDE) * sizeof *scratch);
  fill(x, ROWS * WIDE);
  fill(w, NARROW * WIDE);
  fill(bias, NARROW);
  alb_panels_pack((alb_grid){w, 1, WIDE}, WIDE, NARROW, panels);
  for (size_t threads = 0; threads < 4; threads++) {
    const float *b = threads % 2 ? bias : NULL;
    alb_parallel_limit(threads);
    alb_rows_linear(x, ROWS, WIDE, w, b, NARROW, want);
    alb_panels_rows(x, ROWS, WIDE, panels, b, NARROW, scratch, got);
    assert_memory_equal(got, want, sizeof got);
  }
  alb_parallel_limit(0);
  test_free(panels);
  test_free(scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_gram), cmocka_unit_test(test_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
