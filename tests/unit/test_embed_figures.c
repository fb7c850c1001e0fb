/* How near the embeddings of two models are: by hand, and where numbers are none. */
#include <math.h>

#include "cli/embed_figures.h"
#include "tests/support/check.h"

enum { ROWS = 4, WIDTH = 2 };

static const float corners[ROWS * WIDTH] = {1, 0, 0.9F, 0.1F, 0, 1, 0.2F, 0.8F};

static void test_equal(void **state) {
  (void)state;
  alb_embed_figures f;
  assert_true(alb_embed_figures_of(corners, corners, ROWS, WIDTH, &f));
  assert_true(fabs(f.mean - 1) < 1e-12 && fabs(f.least - 1) < 1e-12 && f.nearest == 1);
  assert_true(fabs(f.from - 1) < 1e-12 && fabs(f.to - 1) < 1e-12);
  assert_true(fabs(f.correlation - 1) < 1e-9);
}

/* Turning all embeddings by a right angle keeps the space, and no text's embedding. */
static void test_turned(void **state) {
  (void)state;
  float turned[ROWS * WIDTH];
  alb_embed_figures f;
  for (size_t r = 0; r < ROWS; r++) {
    turned[2 * r] = -corners[2 * r + 1];
    turned[2 * r + 1] = corners[2 * r];
  }
  assert_true(alb_embed_figures_of(corners, turned, ROWS, WIDTH, &f));
  assert_true(fabs(f.mean) < 1e-6 && fabs(f.least) < 1e-6 && f.nearest == 1);
  assert_true(fabs(f.correlation - 1) < 1e-6);
}

/* The two middle texts change places: no nearest text stays, and similarities correlate by hand's -0.5. */
static void test_swapped(void **state) {
  (void)state;
  static const float before[ROWS * WIDTH] = {1, 0, 1, 0, 0, 1, 0, 1}, after[ROWS * WIDTH] = {1, 0, 0, 1, 1, 0, 0, 1};
  alb_embed_figures f;
  assert_true(alb_embed_figures_of(before, after, ROWS, WIDTH, &f));
  assert_true(f.from >= 0 && f.from < 0.5 && f.to > 0.5 && f.to <= 1); /* half are 1, half are 0 */
  assert_true(f.mean == 0.5 && f.least == 0 && f.low == 0 && f.nearest == 0);
  assert_true(fabs(f.correlation + 0.5) < 1e-12);
}

static void test_no_numbers(void **state) {
  (void)state;
  float broken[ROWS * WIDTH] = {NAN, 0, INFINITY, 1, 0, 0, 1, 1};
  alb_embed_figures f;
  assert_true(alb_embed_figures_of(corners, broken, ROWS, WIDTH, &f));
  assert_true(f.least == -1 && f.mean < 0.5 && f.correlation >= -1 && f.correlation <= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal), cmocka_unit_test(test_turned),
                                     cmocka_unit_test(test_swapped), cmocka_unit_test(test_no_numbers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
