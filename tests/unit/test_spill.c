/* Memory in an unnamed file: aligned, zeroed, and its bytes stay when their pages are given back. */
#include "base/file.h"
#include "base/spill.h"
#include "tests/support/check.h"

static void test_pages_come_back(void **state) {
  alb_diag diag = {0};
  alb_spill spill = {0};
  uint8_t *small, *large, *next;
  (void)state;
  assert_ok(&diag, alb_spill_alloc(&diag, &spill, 5, &small));
  assert_ok(&diag, alb_spill_alloc(&diag, &spill, 3 << 20, &large));
  assert_true((uintptr_t)small % 64 == 0 && (uintptr_t)large % 64 == 0);
  memcpy(small, "hello", 5);
  for (size_t i = 0; i < 3 << 20; i++) {
    assert_int_equal(large[i], 0);
    large[i] = (uint8_t)(i * 7);
  }
  alb_file_release((alb_span){large, 3 << 20});
  for (size_t i = 0; i < 3 << 20; i++) assert_int_equal(large[i], (uint8_t)(i * 7));
  assert_memory_equal(small, "hello", 5);
  assert_ok(&diag, alb_spill_alloc(&diag, &spill, 0, &next));
  assert_non_null(next);
  alb_spill_free(&spill);
  alb_spill_free(&spill);
}

static void test_too_much(void **state) {
  alb_diag diag = {0};
  alb_spill spill = {0};
  uint8_t *out;
  (void)state;
  assert_refused(&diag, alb_spill_alloc(&diag, &spill, SIZE_MAX, &out), ALB_MEMORY, "out of memory");
  assert_refused(&diag, alb_spill_alloc(&diag, &spill, SIZE_MAX / 2 + 1, &out), ALB_MEMORY, "out of memory");
  assert_refused(&diag, alb_spill_alloc(&diag, &spill, (size_t)1 << 50, &out), ALB_MEMORY, "out of memory");
  alb_spill_free(&spill);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pages_come_back),
      cmocka_unit_test(test_too_much),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
