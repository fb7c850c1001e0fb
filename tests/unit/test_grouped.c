/* Numbers as people read them. */
#include "cli/convert_cli.h"
#include "tests/support/check.h"

static void test_grouped(void **state) {
  (void)state;
  static const struct {
    uint64_t n;
    const char *text;
  } cases[] = {{0, "0"},
               {7, "7"},
               {999, "999"},
               {1000, "1,000"},
               {12345, "12,345"},
               {100000, "100,000"},
               {1234567, "1,234,567"},
               {UINT64_MAX, "18,446,744,073,709,551,615"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[32];
    assert_ptr_equal(alb_grouped(cases[i].n, text), text);
    assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_grouped)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
