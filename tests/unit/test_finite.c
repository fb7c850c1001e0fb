/* Looking for NaN and infinity: every 16-bit value, edges of the wider types, every place and alignment. */
#include "converter/finite.h"

#include <math.h>
#include <stdio.h>

#include "base/half.h"
#include "tests/support/check.h"

static alb_status check(alb_diag *diag, alb_dtype dtype, const void *bytes, size_t n) {
  return alb_check_finite(diag, ALB_STR("w"), dtype, (alb_span){bytes, n});
}

static void test_every_half(void **state) {
  (void)state;
  for (uint32_t bits = 0; bits < 0x10000; bits++) {
    const uint16_t value = (uint16_t)bits;
    assert_int_equal(check(NULL, ALB_F16, &value, 2) == ALB_OK, isfinite(alb_f16_to_f32(value)) != 0);
    assert_int_equal(check(NULL, ALB_BF16, &value, 2) == ALB_OK, isfinite(alb_bf16_to_f32(value)) != 0);
  }
}

/* Bits next to the edge: an f64 is bad from where it is infinite as f32. */
static void test_edges(void **state) {
  static const uint32_t f32[] = {0, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fffffff, 1};
  static const double f64[] = {0, 0x1.fffffep127, 0x1.fffffefffffffp127, 0x1.ffffffp127, 1e300, 5e-324, NAN, INFINITY};
  (void)state;
  for (size_t i = 0; i < sizeof f32 / sizeof *f32; i++) {
    for (uint32_t sign = 0; sign <= 1; sign++) {
      const uint32_t bits = f32[i] | sign << 31;
      float value;
      memcpy(&value, &bits, sizeof value);
      assert_int_equal(check(NULL, ALB_F32, &bits, 4) == ALB_OK, isfinite(value) != 0);
    }
  }
  for (size_t i = 0; i < sizeof f64 / sizeof *f64; i++) {
    const double values[] = {f64[i], -f64[i]};
    for (int k = 0; k < 2; k++) {
      const bool finite = isfinite(values[k]) && fabs(values[k]) < 0x1.ffffffp127;
      assert_int_equal(check(NULL, ALB_F64, &values[k], 8) == ALB_OK, finite);
    }
  }
}

static void test_every_place(void **state) {
  static const alb_dtype types[] = {ALB_F16, ALB_BF16, ALB_F32, ALB_F64};
  enum { COUNT = 70 };
  (void)state;
  for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
    const size_t width = alb_dtype_bytes(types[t]);
    for (size_t shift = 0; shift < 3; shift++) {
      uint8_t bytes[8 * COUNT + 8] = {0};
      for (size_t i = 0; i < COUNT; i++) {
        char message[100];
        alb_diag diag = {0};
        memset(bytes + shift + i * width, 0xff, width);
        memset(bytes + shift + (COUNT - 1) * width, 0xff, width);
        (void)snprintf(message, sizeof message, "\"w\": %d of %d values are NaN or infinite, the first at index %zu",
                       i == COUNT - 1 ? 1 : 2, COUNT, i);
        assert_refused(&diag, check(&diag, types[t], bytes + shift, COUNT * width), ALB_NONFINITE, message);
        memset(bytes, 0, sizeof bytes);
        assert_ok(&diag, check(&diag, types[t], bytes + shift, COUNT * width));
      }
    }
  }
}

static void test_other_types(void **state) {
  static const uint8_t ones[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  (void)state;
  assert_int_equal(check(NULL, ALB_I32, ones, 16), ALB_OK);
  assert_int_equal(check(NULL, ALB_I8, ones, 16), ALB_OK);
  assert_int_equal(check(NULL, ALB_F32, NULL, 0), ALB_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_half),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_every_place),
      cmocka_unit_test(test_other_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
