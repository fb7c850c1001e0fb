/* Statuses and diagnostics: names, exit codes, one clean line. */
#include "base/status.h"
#include "tests/support/check.h"

static void test_names(void **state) {
  (void)state;
#define ALB_STATUS(name, value, text)                      \
  assert_string_equal(alb_status_name(ALB_##name), #name); \
  assert_string_equal(alb_status_text(ALB_##name), text);  \
  assert_int_equal(alb_status_exit_code(ALB_##name), (value) / 10);
#include "albert_status.def"
#undef ALB_STATUS
  assert_string_equal(alb_status_name((alb_status)999), "UNKNOWN");
  assert_int_equal(alb_status_exit_code(ALB_OK), 0);
  assert_int_equal(alb_status_exit_code(ALB_MALFORMED), 3);
  assert_int_equal(alb_status_exit_code(ALB_MEMORY), 6);
}

static void test_first_wins(void **state) {
  (void)state;
  alb_diag diag = {0};
  assert_string_equal(alb_diag_text(&diag, ALB_IO), "input/output error");
  assert_int_equal(alb_fail(&diag, ALB_SHAPE, "tensor %d", 7), ALB_SHAPE);
  assert_int_equal(alb_fail(&diag, ALB_IO, "later"), ALB_IO);
  assert_string_equal(alb_diag_text(&diag, ALB_SHAPE), "tensor 7");
  alb_diag_prefix(&diag, "%s", "file");
  assert_string_equal(diag.text, "file: tensor 7");
  alb_diag_free(&diag);
  assert_null(diag.text);
  assert_int_equal(alb_fail(&diag, ALB_IO, "new"), ALB_IO);
  assert_string_equal(diag.text, "new");
  alb_diag_free(&diag);
}

static void test_no_diag(void **state) {
  (void)state;
  assert_int_equal(alb_fail(NULL, ALB_LIMIT, "x"), ALB_LIMIT);
  assert_int_equal(alb_fail_memory(NULL, 1, "x"), ALB_MEMORY);
  alb_diag_prefix(NULL, "x");
  assert_string_equal(alb_diag_text(NULL, ALB_LIMIT), "limit exceeded");
}

/* Names from files can't drive a terminal. */
static void test_escapes(void **state) {
  (void)state;
  static const struct {
    const char *raw, *clean;
  } cases[] = {
      {"plain", "plain"},
      {"a\nb\tc", "a\\x0ab\\x09c"},
      {"\x1b[31m", "\\x1b[31m"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b", "\\xc2\\x9b"},          /* C1: CSI */
      {"\xe2\x80\xae", "\\xe2\\x80\\xae"}, /* right-to-left override */
      {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"}, /* isolate */
      {"\xe2\x80", "\xe2\x80"},            /* cut short */
      {"\xc3\xa9 \xe2\x82\xac", "\xc3\xa9 \xe2\x82\xac"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    alb_diag diag = {0};
    (void)alb_fail(&diag, ALB_IO, "%s", cases[i].raw);
    assert_string_equal(diag.text, cases[i].clean);
    alb_diag_free(&diag);
  }
}

static void test_memory(void **state) {
  (void)state;
  alb_diag diag = {0};
  assert_int_equal(alb_fail_memory(&diag, 123, "a thing"), ALB_MEMORY);
  assert_string_equal(diag.text, "out of memory (123 bytes for a thing)");
  alb_diag_prefix(&diag, "p");
  assert_string_equal(diag.text, "p: out of memory (123 bytes for a thing)");
  alb_diag_free(&diag);
}

static alb_status tried(alb_status inner) {
  ALB_TRY(inner);
  return ALB_DIFFERS;
}

static void test_try(void **state) {
  (void)state;
  assert_int_equal(tried(ALB_OK), ALB_DIFFERS);
  assert_int_equal(tried(ALB_IO), ALB_IO);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),   cmocka_unit_test(test_first_wins),
                                     cmocka_unit_test(test_no_diag), cmocka_unit_test(test_escapes),
                                     cmocka_unit_test(test_memory),  cmocka_unit_test(test_try)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
