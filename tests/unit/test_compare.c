/* How far two arrays are from each other: by hand, and where numbers are none. */
#include <math.h>

#include "cli/compare.h"
#include "tests/support/check.h"

static void test_distance(void **state) {
  (void)state;
  static const float reference[] = {3, 4, 0, 1}, got[] = {3, 4, 1, 0};
  alb_comparison c = {0};
  assert_true(alb_comparison_add(&c, reference, got, 2, 2));
  assert_int_equal(c.rows, 2);
  assert_int_equal(c.numbers, 4);
  assert_int_equal(c.agree, 1);
  assert_true(c.max_abs == 1 && c.magnitude == 4);
  assert_true(alb_comparison_mean_abs(&c) == 0.5);
  assert_true(alb_comparison_relative(&c) == 0.25);
  assert_true(alb_comparison_min_cosine(&c) == 0);
  assert_true(alb_comparison_median_cosine(&c) == 1);
  assert_true(alb_comparison_low_cosine(&c) == 0 && alb_comparison_mean_cosine(&c) == 0.5);
  alb_comparison_free(&c);
}

static void test_nothing(void **state) {
  (void)state;
  static const float zeros[3] = {0}, ones[3] = {1, 1, 1};
  alb_comparison c = {0};
  assert_true(alb_comparison_mean_abs(&c) == 0 && alb_comparison_relative(&c) == 0);
  assert_true(alb_comparison_min_cosine(&c) == 1 && alb_comparison_median_cosine(&c) == 1);
  assert_true(alb_comparison_add(&c, zeros, zeros, 1, 3));
  assert_true(alb_comparison_min_cosine(&c) == 1);
  assert_true(alb_comparison_add(&c, zeros, ones, 1, 3));
  assert_true(alb_comparison_min_cosine(&c) == 0);
  assert_true(alb_comparison_relative(&c) == 1); /* no magnitude: the difference itself */
  alb_comparison_free(&c);
}

/* Of 40 rows, the third worst: one in twenty is below. */
static void test_low(void **state) {
  (void)state;
  alb_comparison c = {0};
  for (int i = 0; i < 40; i++) {
    const float a[] = {1, 0}, b[] = {1, i < 5 ? (float)(5 - i) : 0};
    assert_true(alb_comparison_add(&c, a, b, 1, 2));
  }
  assert_true(fabs(alb_comparison_low_cosine(&c) - 1 / sqrt(1 + 9)) < 1e-6);
  assert_true(alb_comparison_mean_cosine(&c) < 1 && alb_comparison_mean_cosine(&c) > 0.9);
  alb_comparison_free(&c);
}

static void check_far(float reference, float got) {
  const float a[] = {1, reference, 2}, b[] = {1, got, 2}, same[] = {1, 2, 3};
  alb_comparison c = {0};
  assert_true(alb_comparison_add(&c, same, same, 1, 3));
  assert_true(alb_comparison_add(&c, a, b, 1, 3));
  assert_true(alb_comparison_add(&c, same, same, 1, 3));
  assert_true(isinf(c.max_abs));
  assert_true(alb_comparison_min_cosine(&c) <= 0);
  assert_true(alb_comparison_median_cosine(&c) > 0.999);
  alb_comparison_free(&c);
}

static void test_not_numbers(void **state) {
  (void)state;
  check_far(1, NAN);
  check_far(NAN, 1);
  check_far(INFINITY, INFINITY);
  check_far(1, -INFINITY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_distance),
      cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_low),
      cmocka_unit_test(test_not_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
