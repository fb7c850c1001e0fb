/* Tests of tune/train_curve: the first measurement stays, and the others are evenly spread however many come. */
#include "tests/support/check.h"
#include "tune/train.h"

static void test_curve(void **state) {
  (void)state;
  for (size_t n = 1; n <= 5 * ALB_TRAIN_POINTS; n++) {
    alb_train_curve curve = {0};
    for (size_t i = 0; i < n; i++) alb_train_curve_add(&curve, &(alb_train_point){(double)i, 1, 0});
    assert_true(curve.count <= ALB_TRAIN_POINTS && 2 * curve.count > (n < ALB_TRAIN_POINTS ? n : ALB_TRAIN_POINTS) - 1);
    const double step = n <= ALB_TRAIN_POINTS ? 1 : (double)curve.every;
    for (size_t i = 0; i < curve.count; i++) assert_true(curve.points[i].step == step * (double)i);
    assert_true(curve.points[curve.count - 1].step + step > (double)(n - 1));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_curve)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
