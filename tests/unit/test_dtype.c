/* Element types: the table, and the conversions of all 65536 halves, with every rounding boundary. */
#include <math.h>

#include "base/dtype.h"
#include "base/half.h"
#include "tests/support/check.h"

static void test_table(void **state) {
  (void)state;
  static const alb_dtype all[] = {
#define ALB_DTYPE(id, value, name, st_name, bytes, bits) ALB_##id,
#include "base/dtype.def"
#undef ALB_DTYPE
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    assert_int_equal(alb_dtype_by_name(alb_str_of(alb_dtype_name(all[i]))), all[i]);
    assert_true(alb_dtype_bytes(all[i]) >= 1 && alb_dtype_bytes(all[i]) <= 8);
  }
  assert_int_equal(alb_dtype_by_safetensors(ALB_STR("BF16")), ALB_BF16);
  assert_int_equal(alb_dtype_by_safetensors(ALB_STR("bf16")), ALB_DTYPE_NONE);
  assert_int_equal(alb_dtype_by_name(ALB_STR("")), ALB_DTYPE_NONE);
  assert_int_equal(alb_dtype_by_safetensors(ALB_STR("")), ALB_DTYPE_NONE);
  assert_int_equal(alb_dtype_by_safetensors(ALB_STR("int4")), ALB_DTYPE_NONE);
  assert_int_equal(alb_dtype_bytes(ALB_DTYPE_NONE), 0);
  assert_string_equal(alb_dtype_name((alb_dtype)99), "?");
  assert_true(alb_dtype_is_float(ALB_F64));
  assert_false(alb_dtype_is_float(ALB_I8));
  assert_int_equal(alb_intn_bits(ALB_I4), 4);
  assert_int_equal(alb_intn_bits(ALB_I5), 5);
  assert_int_equal(alb_intn_bits(ALB_I6), 6);
  assert_int_equal(alb_intn_bits(ALB_I8), 0);
  assert_int_equal(alb_intn_bits((alb_dtype)99), 0);
  assert_true(alb_dtype_is_quantised(ALB_I8) && alb_dtype_is_quantised(ALB_I5));
  assert_false(alb_dtype_is_quantised(ALB_U8) || alb_dtype_is_quantised(ALB_F16));
}

/* The value of a half with the given number of mantissa bits, by its definition. */
static double half_value(unsigned h, int mantissa_bits, int bias) {
  const int exponent = (int)(h & 0x7fffu) >> mantissa_bits;
  const double mantissa = h & ((1u << mantissa_bits) - 1), one = 1u << mantissa_bits;
  const double magnitude = exponent ? ldexp(1 + mantissa / one, exponent - bias) : ldexp(mantissa / one, 1 - bias);
  return h & 0x8000u ? -magnitude : magnitude;
}

typedef struct half_type {
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
  int mantissa_bits, bias;
  uint16_t infinity;
} half_type;

static const half_type types[] = {{alb_f16_to_f32, alb_f32_to_f16, 10, 15, 0x7c00},
                                  {alb_bf16_to_f32, alb_f32_to_bf16, 7, 127, 0x7f80}};

static void test_all_halves(void **state) {
  (void)state;
  for (size_t t = 0; t < 2; t++) {
    for (unsigned h = 0; h < 0x10000; h++) {
      const float f = types[t].widen((uint16_t)h);
      if ((h & 0x7fff) > types[t].infinity) {
        assert_true(isnan(f) && isnan(types[t].widen(types[t].narrow(f))));
        continue;
      }
      if ((h & 0x7fff) == types[t].infinity)
        assert_true(isinf(f));
      else
        assert_true((double)f == half_value(h, types[t].mantissa_bits, types[t].bias));
      assert_int_equal(signbit(f) != 0, h >> 15);
      assert_int_equal(types[t].narrow(f), h);
    }
  }
}

/* Between neighbours: below the middle down, above it up, in the middle to the even one. */
static void test_rounding(void **state) {
  (void)state;
  for (size_t t = 0; t < 2; t++) {
    for (unsigned h = 0; h < types[t].infinity; h++) {
      const double low = half_value(h, types[t].mantissa_bits, types[t].bias);
      const double high = half_value(h + 1, types[t].mantissa_bits, types[t].bias);
      const float middle = (float)((low + high) / 2); /* exact: one bit more than a half has */
      const unsigned even = h % 2 ? h + 1 : h;
      assert_int_equal(types[t].narrow(middle), even);
      assert_int_equal(types[t].narrow(-middle), even | 0x8000);
      assert_int_equal(types[t].narrow(nextafterf(middle, 0)), h);
      assert_int_equal(types[t].narrow(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_int_equal(types[t].narrow(INFINITY), types[t].infinity);
    assert_int_equal(types[t].narrow(3.4028235e38f), types[t].infinity);
    assert_true(isnan(types[t].widen(types[t].narrow(NAN))));
  }
}

static void test_arrays(void **state) {
  (void)state;
  const float in[3] = {1, -2.5f, 0.1f};
  uint16_t halves[3];
  float out[3];
  assert_true(alb_from_f32(ALB_F16, in, 3, halves));
  assert_int_equal(halves[0], 0x3c00);
  assert_true(alb_to_f32(ALB_F16, halves, 3, out));
  assert_true(out[1] == -2.5f && fabsf(out[2] - 0.1f) < 1e-4f);
  assert_true(alb_from_f32(ALB_BF16, in, 3, halves));
  assert_int_equal(halves[1], 0xc020);
  assert_true(alb_from_f32(ALB_F32, in, 3, out));
  assert_memory_equal(in, out, sizeof in);
  uint8_t unaligned[1 + 2 * sizeof(double)];
  memcpy(unaligned + 1, (const double[]){1.5, 1e300}, 2 * sizeof(double));
  assert_true(alb_to_f32(ALB_F64, unaligned + 1, 2, out));
  assert_true(out[0] == 1.5f && isinf(out[1]));
  assert_false(alb_to_f32(ALB_I32, in, 3, out));
  assert_false(alb_from_f32(ALB_I8, in, 3, out));
  assert_true(alb_to_f32(ALB_F32, NULL, 0, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_all_halves),
                                     cmocka_unit_test(test_rounding), cmocka_unit_test(test_arrays)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
