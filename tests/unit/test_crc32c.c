/* CRC32C: the examples of RFC 3720 (B.4), pieces, every alignment and length. */
#include "base/crc32c.h"

#include "tests/support/check.h"

static uint32_t crc_of(const void *p, size_t n) {
  return alb_crc32c(0, (alb_span){p, n});
}

static void test_examples(void **state) {
  uint8_t bytes[32] = {0};
  (void)state;
  assert_int_equal(crc_of(bytes, 0), 0);
  assert_int_equal(crc_of(bytes, 32), 0x8a9136aa);
  memset(bytes, 255, 32);
  assert_int_equal(crc_of(bytes, 32), 0x62a8ab43);
  for (uint8_t i = 0; i < 32; i++) bytes[i] = i;
  assert_int_equal(crc_of(bytes, 32), 0x46dd794e);
  for (uint8_t i = 0; i < 32; i++) bytes[i] = (uint8_t)(31 - i);
  assert_int_equal(crc_of(bytes, 32), 0x113fdb5c);
  assert_int_equal(crc_of("123456789", 9), 0xe3069283);
}

/* A bit at a time, as the definition has it. */
static uint32_t slow(const uint8_t *p, size_t n) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < 8 * n; i++) {
    const uint32_t bit = (crc ^ (uint32_t)p[i / 8] >> i % 8) & 1;
    crc = crc >> 1 ^ (bit ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static void test_pieces(void **state) {
  uint8_t bytes[64];
  (void)state;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 37 + 11);
  for (size_t from = 0; from < 9; from++) {
    for (size_t n = 0; n < 40; n++) {
      const uint32_t whole = crc_of(bytes + from, n);
      assert_int_equal(whole, slow(bytes + from, n));
      const uint32_t first = crc_of(bytes + from, n / 3);
      assert_int_equal(alb_crc32c(first, (alb_span){bytes + from + n / 3, n - n / 3}), whole);
    }
  }
}

static void test_mask(void **state) {
  (void)state;
  assert_int_equal(alb_crc32c_mask(0), 0xa282ead8);
  assert_int_equal(alb_crc32c_mask(0x00008000), 0xa282ead9);
  assert_int_equal(alb_crc32c_mask(1), 0xa284ead8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_examples),
      cmocka_unit_test(test_pieces),
      cmocka_unit_test(test_mask),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
