/* The protobuf writer: every kind of field against bytes worked out by hand from the encoding's description. */
#include "converter/onnx/proto_out.h"
#include "tests/support/check.h"

static void check(const alb_proto *p, const char *bytes, size_t n) {
  assert_false(p->failed);
  assert_int_equal(p->bytes.count, n);
  assert_memory_equal(p->bytes.items, bytes, n);
}

static void test_numbers(void **state) {
  (void)state;
  static const struct {
    int64_t value;
    const char *bytes;
    size_t n;
  } cases[] = {
      {0, "\x08\x00", 2},
      {1, "\x08\x01", 2},
      {127, "\x08\x7f", 2},
      {128, "\x08\x80\x01", 3},
      {300, "\x08\xac\x02", 3},
      {-1, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
      {INT64_MAX, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    alb_proto p = {0};
    alb_proto_int(&p, 1, cases[i].value);
    check(&p, cases[i].bytes, cases[i].n);
    alb_proto_free(&p);
  }
}

static void test_other_fields(void **state) {
  (void)state;
  alb_proto p = {0};
  alb_proto_float(&p, 2, 1.0f);
  alb_proto_text(&p, 16, "ab"); /* a key of two bytes */
  alb_proto_bytes(&p, 3, "", 0);
  alb_proto_head(&p, 9, 1000);
  check(&p, "\x15\x00\x00\x80\x3f\x82\x01\x02\x61\x62\x1a\x00\x4a\xe8\x07", 15);
  alb_proto_free(&p);
}

static void test_nested(void **state) {
  (void)state;
  alb_proto p = {0};
  const size_t outer = alb_proto_begin(&p, 1), inner = alb_proto_begin(&p, 2);
  alb_proto_int(&p, 3, 5);
  alb_proto_end(&p, inner);
  const size_t empty = alb_proto_begin(&p, 4);
  alb_proto_end(&p, empty);
  alb_proto_end(&p, outer);
  check(&p, "\x0a\x06\x12\x02\x18\x05\x22\x00", 8);
  alb_proto_free(&p);
}

/* A message whose length takes two bytes is moved by two. */
static void test_long_message(void **state) {
  (void)state;
  alb_proto p = {0};
  uint8_t bytes[200];
  memset(bytes, 'x', sizeof bytes);
  const size_t begin = alb_proto_begin(&p, 1);
  alb_proto_bytes(&p, 1, bytes, sizeof bytes);
  alb_proto_end(&p, begin);
  assert_int_equal(p.bytes.count, 1 + 2 + 1 + 2 + sizeof bytes);
  assert_memory_equal(p.bytes.items, "\x0a\xcb\x01\x0a\xc8\x01", 6);
  assert_memory_equal(p.bytes.items + 6, bytes, sizeof bytes);
  alb_proto_free(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_other_fields),
                                     cmocka_unit_test(test_nested), cmocka_unit_test(test_long_message)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
