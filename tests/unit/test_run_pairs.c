/* Input lines with two texts: what is read, and what is refused. */
#include "cli/run_pairs.h"

#include "tests/support/check.h"

static const alb_pair_keys keys = {.first = "question", .second = "context"};
static const alb_pair_keys optional = {.first = "text", .second = "text_pair", .second_optional = true};

static void check(const char *line, const alb_pair_keys *k, alb_str first, alb_str second) {
  alb_diag diag = {0};
  alb_pair pair;
  assert_ok(&diag, alb_pair_parse(&diag, alb_str_of(line), k, &pair));
  assert_true(alb_str_equal(pair.first, first));
  assert_true(alb_str_equal(pair.second, second));
  alb_pair_free(&pair);
  alb_diag_free(&diag);
}

static void test_read(void **state) {
  (void)state;
  check("{\"question\":\"a\",\"context\":\"b\"}", &keys, ALB_STR("a"), ALB_STR("b"));
  check(" { \"context\" : \"b\" , \"question\" : \"\" } \r", &keys, ALB_STR(""), ALB_STR("b"));
  check("{\"text\":\"a\"}", &optional, ALB_STR("a"), (alb_str){0});
  check("{\"te\\u0078t\":\"x\"}", &optional, ALB_STR("x"), (alb_str){0});
  check("{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", &optional, ALB_STR("\"\\/\b\f\n\r\t"), (alb_str){0});
  check("{\"text\":\"\\u0000|\\u00E9|\\u65e5|\\ud83d\\ude00\"}", &optional,
        ALB_STR("\0|\xc3\xa9|\xe6\x97\xa5|\xf0\x9f\x98\x80"), (alb_str){0});
  check("{\"text\":\"\xff\xc3\"}", &optional, ALB_STR("\xff\xc3"), (alb_str){0});
}

static void test_refused(void **state) {
  static const struct {
    const char *line, *message;
  } cases[] = {
      {"", "expected { at byte 0"},
      {"the cat", "expected { at byte 0"},
      {"{", "expected \" at byte 1"},
      {"{}", "expected \" at byte 1"},
      {"{\"question\"", "expected : at byte 11"},
      {"{\"question\":3}", "expected \" at byte 12"},
      {"{\"question\":\"a\"", "expected , or } at byte 15"},
      {"{\"question\":\"a\"}", "\"context\" is missing"},
      {"{\"context\":\"a\"}", "\"question\" is missing"},
      {"{\"question\":\"a\",\"question\":\"b\"}", "each once, found \"question\""},
      {"{\"question\":\"a\",\"extra\":\"b\"}", "found \"extra\" before byte 23"},
      {"{\"question\":\"a\",\"context\":\"b\"}x", "expected the end of the line at byte 30"},
      {"{\"question\":\"a", "expected the end of the string at byte 14"},
      {"{\"question\":\"a\\", "expected a known escape at byte 15"},
      {"{\"question\":\"a\\x\"", "expected a known escape at byte 15"},
      {"{\"question\":\"\\u12", "expected four hexadecimal digits at byte 17"},
      {"{\"question\":\"\\u12g4\"", "expected four hexadecimal digits at byte 17"},
      {"{\"question\":\"\\ud800\"", "expected a whole pair of surrogates"},
      {"{\"question\":\"\\ud800\\n1234\"", "expected a whole pair of surrogates"},
      {"{\"question\":\"\\ud800\\u0041\"", "expected a whole pair of surrogates"},
      {"{\"question\":\"\\udc00\"", "expected a whole pair of surrogates"},
      {"{\"question\":\"a\tb\"", "expected an escaped control character at byte 14"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    alb_diag diag = {0};
    alb_pair pair;
    assert_refused(&diag, alb_pair_parse(&diag, alb_str_of(cases[i].line), &keys, &pair), ALB_MALFORMED,
                   cases[i].message);
    alb_pair_free(&pair);
    alb_diag_free(&diag);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
