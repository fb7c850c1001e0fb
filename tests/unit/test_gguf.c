/* GGUF: blocks of quantised elements, by hand-made numbers, and looking into an index. */
#include <math.h>

#include "base/half.h"
#include "converter/gguf.h"
#include "tests/support/check.h"

static void put_half(uint8_t *p, float value) {
  const uint16_t half = alb_f32_to_f16(value);
  p[0] = (uint8_t)half;
  p[1] = (uint8_t)(half >> 8);
}

static void test_from_q8_0(void **state) {
  uint8_t blocks[2][34];
  float out[64];
  (void)state;
  put_half(blocks[0], 0.5f);
  put_half(blocks[1], -2.0f);
  for (int i = 0; i < 32; i++) blocks[0][2 + i] = blocks[1][2 + i] = (uint8_t)(int8_t)(i * 8 - 128);
  alb_gguf_from_q8_0(blocks[0], 64, out);
  for (int i = 0; i < 32; i++) {
    assert_true(out[i] == 0.5f * (float)(i * 8 - 128));
    assert_true(out[32 + i] == -2.0f * (float)(i * 8 - 128));
  }
}

/* Low halves first, 8 is zero. */
static void test_from_q4_0(void **state) {
  uint8_t block[18];
  float out[32];
  (void)state;
  put_half(block, 0.25f);
  for (int i = 0; i < 16; i++) block[2 + i] = (uint8_t)(i | (15 - i) << 4);
  alb_gguf_from_q4_0(block, 32, out);
  for (int i = 0; i < 16; i++) {
    assert_true(out[i] == 0.25f * (float)(i - 8));
    assert_true(out[16 + i] == 0.25f * (float)(7 - i));
  }
}

/* The fifth bits of all elements stand before the halves, 16 is zero. */
static void test_from_q5_0(void **state) {
  uint8_t block[22];
  float out[32];
  (void)state;
  put_half(block, -0.5f);
  for (int i = 0; i < 16; i++) block[6 + i] = (uint8_t)(i | (15 - i) << 4);
  memcpy(block + 2, (const uint8_t[]){0x01, 0x80, 0x02, 0xc0}, 4);
  alb_gguf_from_q5_0(block, 32, out);
  for (int i = 0; i < 16; i++) {
    const int low = i + (i == 0 || i == 15 ? 16 : 0), high = 15 - i + (i == 1 || i >= 14 ? 16 : 0);
    assert_true(out[i] == -0.5f * (float)(low - 16));
    assert_true(out[16 + i] == -0.5f * (float)(high - 16));
  }
}

static void test_to_q8_0(void **state) {
  float values[64] = {0}, back[64];
  uint8_t blocks[68];
  (void)state;
  for (int i = 0; i < 32; i++) values[i] = sinf((float)i) * 3;
  alb_gguf_to_q8_0(values, 64, blocks);
  alb_gguf_from_q8_0(blocks, 64, back);
  for (int i = 0; i < 32; i++) assert_true(fabsf(back[i] - values[i]) <= 3.0f / 127 * 0.51f);
  for (int i = 32; i < 64; i++) assert_true(back[i] == 0.0f);
}

/* Numbers that are multiples of the scale come back as they are. */
static void test_q8_0_exact(void **state) {
  float values[32], back[32];
  uint8_t blocks[34];
  (void)state;
  for (int i = 0; i < 32; i++) values[i] = (float)(i * 8 - 121) / 64;
  alb_gguf_to_q8_0(values, 32, blocks);
  alb_gguf_from_q8_0(blocks, 32, back);
  assert_memory_equal(values, back, sizeof values);
}

static void test_types(void **state) {
  (void)state;
  assert_string_equal(alb_gguf_type_info(8)->name, "Q8_0");
  assert_int_equal(alb_gguf_type_info(8)->bytes, 34);
  assert_null(alb_gguf_type_info(4));
  assert_null(alb_gguf_type_info(UINT32_MAX));
}

/* A file with two values and no tensors. */
static void test_index(void **state) {
  static const uint8_t file[] =
      "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
      "\1\0\0\0\0\0\0\0a\5\0\0\0\xfe\xff\xff\xff"
      "\1\0\0\0\0\0\0\0b\11\0\0\0\10\0\0\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0xy\0\0\0\0\0\0\0\0";
  alb_gguf gguf = {0};
  alb_diag diag = {0};
  bool found;
  uint32_t number = 7;
  (void)state;
  assert_ok(&diag, alb_gguf_index(&diag, (alb_span){file, sizeof file - 1}, &gguf));
  assert_int_equal(alb_gguf_uint(NULL, &gguf, "a", &found, &number), ALB_MALFORMED); /* -2 */
  assert_int_equal(alb_gguf_uint(NULL, &gguf, "b", &found, &number), ALB_MALFORMED);
  assert_ok(&diag, alb_gguf_uint(&diag, &gguf, "c", &found, &number));
  assert_false(found);
  alb_span texts = alb_gguf_find(&gguf, "b")->bytes;
  assert_true(alb_str_is(alb_gguf_next_string(&texts), "xy"));
  assert_int_equal(alb_gguf_next_string(&texts).n, 0);
  assert_int_equal(texts.n, 0);
  alb_gguf_free(&gguf);
  alb_diag_free(&diag);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_from_q8_0), cmocka_unit_test(test_from_q4_0),  cmocka_unit_test(test_from_q5_0),
      cmocka_unit_test(test_to_q8_0),   cmocka_unit_test(test_q8_0_exact), cmocka_unit_test(test_types),
      cmocka_unit_test(test_index),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
