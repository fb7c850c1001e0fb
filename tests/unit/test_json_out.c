/* Tests of cli/json_out. */
#include "cli/json_out.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/half.h"

static void check_float(float value, const char *expected) {
  char text[25];
  text[alb_float_text(value, text)] = '\0';
  assert_string_equal(text, expected);
}

static void test_float_text(void **state) {
  (void)state;
  check_float(0.0f, "0");
  check_float(-0.0f, "-0");
  check_float(1.0f, "1");
  check_float(-2.5f, "-2.5");
  check_float(0.1f, "0.1");
  check_float(0.0001f, "0.0001");
  check_float(1e-5f, "1e-05");
  check_float(16777216.0f, "16777216");
  check_float(1e9f, "1e+09");
  check_float(0x1p-149f, "1e-45");
  check_float(3.40282347e38f, "3.4028235e+38");
}

static void test_floats_read_back(void **state) {
  (void)state;
  char text[25];
  for (uint32_t bits = 1; bits < 0x7f800000u; bits += 200003) {
    const float value = alb_f32_of_bits(bits);
    text[alb_float_text(value, text)] = '\0';
    assert_true(strtof(text, NULL) == value);
  }
}

static void test_document(void **state) {
  (void)state;
  char *text = NULL;
  size_t n = 0;
  alb_json json = {.file = open_memstream(&text, &n)};
  const float values[] = {1, NAN, -INFINITY, 0.25f};
  alb_json_open(&json, '{');
  alb_json_key(&json, "a\n");
  alb_json_floats(&json, values, 4);
  alb_json_key(&json, "t");
  alb_json_text(&json, ALB_STR("\"\\\x01\x7f\xc3\xa9\xff\xed\xa0\x80\xc0\x80\xf0\x9f\x98"));
  alb_json_key(&json, "n");
  alb_json_int(&json, INT64_MIN);
  alb_json_key(&json, "o");
  alb_json_open(&json, '[');
  alb_json_close(&json, ']');
  alb_json_key(&json, "d");
  alb_json_double(&json, -1.005, 2);
  alb_json_bool(&json, true); /* not valid JSON here, but shows the comma */
  alb_json_close(&json, '}');
  alb_json_line(&json);
  assert_int_equal(fclose(json.file), 0);
  assert_string_equal(text,
                      "{\"a\\n\":[1,null,null,0.25],"
                      "\"t\":\"\\\"\\\\\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                      "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
                      "\"n\":-9223372036854775808,\"o\":[],\"d\":-1.00,true}\n");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_float_text), cmocka_unit_test(test_floats_read_back),
                                     cmocka_unit_test(test_document)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
