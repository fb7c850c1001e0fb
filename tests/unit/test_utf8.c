/* UTF-8 against the definition: every code point, every sequence of two and three bytes, and edges of four. */
#include "base/utf8.h"

#include "tests/support/check.h"

/* Decodes the sequence of n bytes by arithmetic alone; false when it is not the shortest form of a scalar value. */
static bool is_scalar(const uint8_t *p, size_t n) {
  static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000}, lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  if (n == 1) return p[0] < 0x80;
  uint32_t c = p[0] - lead[n];
  if (p[0] < lead[n] || c >= 1u << (7 - n)) return false;
  for (size_t i = 1; i < n; i++) {
    if (p[i] >> 6 != 2) return false;
    c = c << 6 | (p[i] & 0x3f);
  }
  return c >= lowest[n] && c < 0x110000 && (c < 0xd800 || c > 0xdfff);
}

static void test_every_code_point(void **state) {
  (void)state;
  char text[4];
  for (uint32_t c = 0; c < 0x110000; c++) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    const size_t n = alb_utf8_encode(c, text);
    assert_int_equal(n, c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
    assert_true(is_scalar((const uint8_t *)text, n));
    assert_int_equal(alb_utf8_length((const uint8_t *)text, n), n);
    if (n > 1) assert_int_equal(alb_utf8_length((const uint8_t *)text, n - 1), 0);
  }
}

static size_t expected_length(const uint8_t *p, size_t n) {
  for (size_t length = 1; length <= n; length++) {
    if (is_scalar(p, length)) return length;
  }
  return 0;
}

static void test_every_sequence(void **state) {
  static const uint8_t fourth[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
  (void)state;
  for (uint32_t bits = 0; bits < 1u << 24; bits++) {
    const uint8_t p[4] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits, fourth[bits % sizeof fourth]};
    if (alb_utf8_length(p, 3) != expected_length(p, 3)) fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
    if (p[0] >= 0xf0 && alb_utf8_length(p, 4) != expected_length(p, 4)) {
      fail_msg("%02x %02x %02x %02x", p[0], p[1], p[2], p[3]);
    }
  }
}

/* A bad byte is found at every place, whatever stands around it. */
static void test_first_invalid(void **state) {
  (void)state;
  for (size_t n = 1; n < 40; n++) {
    uint8_t *text = malloc(n);
    memset(text, 'a', n);
    assert_int_equal(alb_utf8_first_invalid((alb_span){text, n}), n);
    for (size_t i = 0; i < n; i++) {
      text[i] = 0xc0;
      assert_int_equal(alb_utf8_first_invalid((alb_span){text, n}), i);
      text[i] = 0xc3; /* the first of two */
      if (i + 1 < n) text[i + 1] = 0xa9;
      assert_int_equal(alb_utf8_first_invalid((alb_span){text, n}), i + 1 < n ? n : i);
      text[i] = 'a';
      if (i + 1 < n) text[i + 1] = 'a';
    }
    free(text);
  }
  assert_int_equal(alb_utf8_first_invalid((alb_span){NULL, 0}), 0);
  assert_true(alb_utf8_valid(ALB_STR("na\xc3\xafve \xf0\x9f\x98\x80")));
  assert_false(alb_utf8_valid(ALB_STR("\xed\xa0\x80")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_code_point),
      cmocka_unit_test(test_every_sequence),
      cmocka_unit_test(test_first_invalid),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
