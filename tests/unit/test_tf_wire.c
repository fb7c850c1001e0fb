/* The wire format of protocol buffers: varints at their limits, every type of field, and what is cut short. */
#include "converter/tf_wire.h"

#include "tests/support/check.h"

static bool varint(const char *bytes, size_t n, uint64_t *value, size_t *left) {
  alb_span span = {(const uint8_t *)bytes, n};
  const bool good = alb_tf_wire_varint(&span, value);
  *left = span.n;
  return good;
}

static void test_varints(void **state) {
  static const struct {
    const char *bytes;
    size_t n;
    bool good;
    uint64_t value;
  } cases[] = {
      {"\0", 1, true, 0},
      {"\x7f", 1, true, 127},
      {"\x80\x01", 2, true, 128},
      {"\x80\x00", 2, true, 0}, /* longer than needed, but sound */
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX},
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0},
      {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, false, 0},
      {"\x80", 1, false, 0},
      {"", 0, false, 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t value;
    size_t left;
    assert_int_equal(varint(cases[i].bytes, cases[i].n, &value, &left), cases[i].good);
    if (!cases[i].good) continue;
    assert_true(value == cases[i].value);
    assert_int_equal(left, 0);
  }
}

static void test_fields(void **state) {
  alb_span rest = {(const uint8_t *)"\x08\x96\x01\x15\1\0\0\x80\x19\2\0\0\0\0\0\0\x80\x22\3abc\x2a\0", 24};
  alb_tf_wire_field f;
  (void)state;
  assert_true(alb_tf_wire_next(&rest, &f) && f.number == 1 && f.type == ALB_TF_WIRE_VARINT && f.value == 150);
  assert_true(alb_tf_wire_next(&rest, &f) && f.number == 2 && f.type == ALB_TF_WIRE_32 && f.value == 0x80000001);
  assert_true(alb_tf_wire_next(&rest, &f) && f.number == 3 && f.type == ALB_TF_WIRE_64 &&
              f.value == 0x8000000000000002);
  assert_true(alb_tf_wire_next(&rest, &f) && f.number == 4 && f.type == ALB_TF_WIRE_BYTES && f.bytes.n == 3);
  assert_memory_equal(f.bytes.p, "abc", 3);
  assert_true(alb_tf_wire_next(&rest, &f) && f.number == 5 && f.bytes.n == 0);
  assert_int_equal(rest.n, 0);
}

static void test_refused(void **state) {
  static const char *const cases[] = {"\x02x",
                                      "\x0b",
                                      "\x0c",
                                      "\x0e",
                                      "\x0f",
                                      "\x0a\x05"
                                      "abcd",
                                      "\x0d"
                                      "abc",
                                      "\x09"
                                      "abcdefg",
                                      "\x08",
                                      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                      "\x88\x80\x80\x80\x80\x01\1"};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    alb_span rest = {(const uint8_t *)cases[i], strlen(cases[i])};
    alb_tf_wire_field f;
    assert_false(alb_tf_wire_next(&rest, &f));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_varints),
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
