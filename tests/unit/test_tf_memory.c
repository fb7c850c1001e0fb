/* Lack of memory at every place while a TensorFlow checkpoint is read is an error, with nothing left behind. */
#include "converter/model_load.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"

static alb_status load(const char *path, long failing) {
  alb_loaded loaded = {0};
  alb_diag diag = {0};
  atomic_store(&taken, 0);
  atomic_store(&fail_at, failing);
  const alb_status status = alb_model_load(&diag, path, &loaded);
  alb_model_unload(&loaded);
  atomic_store(&fail_at, 0);
  alb_diag_free(&diag);
  return status;
}

static void test_load(void **state) {
  static const char *const paths[] = {"tests/e2e/tensorflow/bert-partitioned", "tests/e2e/tensorflow/bert-keras",
                                      "tests/e2e/tensorflow/bert-paths", "tests/e2e/tensorflow/bert-sharded",
                                      "tests/e2e/tensorflow/bert-saved-model/variables/variables"};
  (void)state;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_int_equal(load(paths[i], 0), ALB_OK);
    const long count = atomic_load(&taken);
    assert_true(count > 20);
    long memory = 0;
    for (long k = 1; k <= count; k++) {
      const alb_status status = load(paths[i], k);
      if (status == ALB_OK) fail_msg("%s: allocation %ld of %ld", paths[i], k, count);
      memory += status == ALB_MEMORY; /* not so within the JSON library, which says that it is malformed */
    }
    assert_true(memory > count / 2);
    assert_int_equal(load(paths[i], 0), ALB_OK);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_load)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
