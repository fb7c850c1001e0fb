/* Large memory: aligned, whole, and there for sizes that are no multiple of a large page. */
#include "base/pages.h"
#include "tests/support/check.h"

static void test_sizes(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 63, 64, 4096, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 4274176, 5 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    unsigned char *p = alb_pages_new(sizes[i]);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % ALB_PAGES_ALIGN, 0);
    if (sizes[i]) p[0] = p[sizes[i] - 1] = 1;
    free(p);
  }
  assert_null(alb_pages_new(SIZE_MAX));
  assert_null(alb_pages_new(SIZE_MAX - ALB_PAGES_ALIGN));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
