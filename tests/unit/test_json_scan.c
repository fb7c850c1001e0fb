/* The strict JSON scanner: what it takes, what it refuses and where, and that it never reads past the end. */
#include "converter/json_scan.h"

#include "tests/support/check.h"

typedef struct fixture {
  alb_diag diag;
  alb_arena arena;
  uint8_t *text; /* of the exact size, so that a sanitizer sees one byte too much */
  alb_json_scan scan;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_diag_free(&f->diag);
  alb_arena_free(&f->arena);
  free(f->text);
  free(f);
  return 0;
}

static alb_json_scan *scan(fixture *f, alb_str text) {
  free(f->text);
  f->text = malloc(text.n ? text.n : 1);
  if (text.n) memcpy(f->text, text.p, text.n);
  f->scan = alb_scan_start(&f->diag, (alb_span){f->text, text.n}, "test", 100);
  return &f->scan;
}

static void test_strings(void **state) {
  static const struct {
    const char *json;
    alb_str value;
  } good[] = {
      {"\"\"", {"", 0}},
      {" \t\r\n\"plain \xc3\xa9\"", {"plain \xc3\xa9", 8}},
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", {"\"\\/\b\f\n\r\t", 8}},
      {"\"\\u0041\\u00e9\\u20AC\"", {"A\xc3\xa9\xe2\x82\xac", 6}},
      {"\"\\ud83d\\ude00!\"", {"\xf0\x9f\x98\x80!", 5}},
      {"\"a\\u0000b\"", {"a\0b", 3}},
  };
  fixture *f = *state;
  alb_str value;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_ok(&f->diag, alb_scan_string(scan(f, alb_str_of(good[i].json)), &f->arena, &value));
    assert_int_equal(value.n, good[i].value.n);
    assert_memory_equal(value.p, good[i].value.p, value.n);
    assert_ok(&f->diag, alb_scan_end(&f->scan));
    assert_ok(&f->diag, alb_scan_skip(scan(f, alb_str_of(good[i].json))));
    assert_ok(&f->diag, alb_scan_end(&f->scan));
  }
}

/* The same texts are refused when the string is wanted and when it is passed over. */
static void test_bad_strings(void **state) {
  static const struct {
    const char *json, *message;
  } bad[] = {
      {"\"a", "string does not end"},
      {"\"a\\", "string does not end"},
      {"\"a\\\"", "string does not end"},
      {"\"a\nb\"", "control byte in a string (offset 102)"},
      {"\"\\q\"", "unknown escape"},
      {"\"\\\n\"", "unknown escape"},
      {"\"\\u12\"", "four hexadecimal"},
      {"\"\\u12g4\"", "four hexadecimal"},
      {"\"\\ud800\"", "surrogate stands alone"},
      {"\"\\ud800\\n\"", "surrogate stands alone"},
      {"\"\\ud800\\u0041\"", "surrogate stands alone"},
      {"\"\\udc00\\ud800\"", "surrogate stands alone"},
  };
  fixture *f = *state;
  alb_str value;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const alb_str text = alb_str_of(bad[i].json);
    assert_refused(&f->diag, alb_scan_string(scan(f, text), &f->arena, &value), ALB_MALFORMED, bad[i].message);
    assert_refused(&f->diag, alb_scan_skip(scan(f, text)), ALB_MALFORMED, bad[i].message);
  }
  assert_refused(&f->diag, alb_scan_string(scan(f, ALB_STR("x")), &f->arena, &value), ALB_MALFORMED, "expected \"");
}

static void test_numbers(void **state) {
  static const char *const bad[] = {"",
                                    "-1",
                                    "-0",
                                    "0.0",
                                    "1e2",
                                    "1E2",
                                    "00",
                                    "01",
                                    "null",
                                    "\"0\"",
                                    "true",
                                    "18446744073709551616",
                                    "99999999999999999999999"};
  fixture *f = *state;
  uint64_t value;
  assert_ok(&f->diag, alb_scan_uint(scan(f, ALB_STR(" 0,")), &value));
  assert_int_equal(value, 0);
  assert_true(alb_scan_take(&f->scan, ','));
  assert_ok(&f->diag, alb_scan_uint(scan(f, ALB_STR("18446744073709551615")), &value));
  assert_true(value == UINT64_MAX);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_refused(&f->diag, alb_scan_uint(scan(f, alb_str_of(bad[i])), &value), ALB_MALFORMED, "number");
  }
}

static void test_skip(void **state) {
  static const char *const good[] = {"0",
                                     "-0.5e+10",
                                     "1E-2",
                                     "true",
                                     "false",
                                     "null",
                                     "[]",
                                     "{}",
                                     "[[],{}]",
                                     "[1,2]",
                                     "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"}\"}"};
  static const char *const bad[] = {"",     "+1",   ".5",    "1.",      "1e",       "-",     "01",         "nul",
                                    "True", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[}",
                                    "{]",   "[1",   "{",     "NaN",     "Infinity", "'a'"};
  fixture *f = *state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_ok(&f->diag, alb_scan_skip(scan(f, alb_str_of(good[i]))));
    assert_ok(&f->diag, alb_scan_end(&f->scan));
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    alb_status status = alb_scan_skip(scan(f, alb_str_of(bad[i])));
    if (status == ALB_OK) status = alb_scan_end(&f->scan);
    if (status != ALB_MALFORMED) fail_msg("%s: %s", bad[i], alb_status_name(status));
    alb_diag_free(&f->diag);
  }
}

static void test_depth(void **state) {
  fixture *f = *state;
  char text[200000];
  memset(text, '[', 64);
  memset(text + 64, ']', 64);
  assert_ok(&f->diag, alb_scan_skip(scan(f, (alb_str){text, 128})));
  memset(text, '[', sizeof text);
  assert_refused(&f->diag, alb_scan_skip(scan(f, (alb_str){text, sizeof text})), ALB_LIMIT, "deeper than 64");
  for (size_t i = 0; i + 5 <= sizeof text; i += 5) memcpy(text + i, "{\"a\":", 5);
  assert_refused(&f->diag, alb_scan_skip(scan(f, (alb_str){text, sizeof text})), ALB_LIMIT, "deeper than 64");
}

static void test_end(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, alb_scan_end(scan(f, ALB_STR(" \n\r\t"))));
  assert_refused(&f->diag, alb_scan_end(scan(f, ALB_STR("  x"))), ALB_MALFORMED, "(offset 102)");
  assert_refused(&f->diag, alb_scan_end(scan(f, ALB_STR("\0"))), ALB_MALFORMED, "something follows");
  assert_false(alb_scan_take(scan(f, ALB_STR("")), '\0'));
}

/* Every prefix of a text is refused or taken without a look beyond its end. */
static void test_prefixes(void **state) {
  static const char text[] = "{\"a\\n\\u00e9\\ud83d\\ude00\":[-1.5e+3,true,{\"b\":null}],\"c\":\"d\"}";
  fixture *f = *state;
  for (size_t n = 0; n < sizeof text - 1; n++) {
    assert_int_not_equal(alb_scan_skip(scan(f, (alb_str){text, n})), ALB_OK);
    alb_diag_free(&f->diag);
  }
  assert_ok(&f->diag, alb_scan_skip(scan(f, ALB_STR(text))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bad_strings, setup, teardown),
      cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_skip, setup, teardown),
      cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
      cmocka_unit_test_setup_teardown(test_end, setup, teardown),
      cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
