/* The small containers: checked sizes, spans, arenas, growable arrays, string maps. */
#include <stdio.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "tests/support/check.h"

static void test_checked(void **state) {
  (void)state;
  size_t n;
  assert_true(alb_add_ok(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
  assert_false(alb_add_ok(SIZE_MAX, 1, &n));
  assert_true(alb_mul_ok(SIZE_MAX / 2, 2, &n) && n == SIZE_MAX - 1);
  assert_false(alb_mul_ok(SIZE_MAX / 2 + 1, 2, &n));
  assert_false(alb_mul_ok((size_t)1 << 32, (size_t)1 << 32, &n));
  assert_true(alb_align_ok(0, 64, &n) && n == 0);
  assert_true(alb_align_ok(1, 64, &n) && n == 64);
  assert_true(alb_align_ok(64, 64, &n) && n == 64);
  assert_true(alb_align_ok(SIZE_MAX - 63, 64, &n) && n == SIZE_MAX - 63);
  assert_false(alb_align_ok(SIZE_MAX - 62, 64, &n));
}

static void test_span(void **state) {
  (void)state;
  const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
  alb_span all = {bytes, 8}, part;
  assert_true(alb_span_take(&all, 3, &part));
  assert_true(part.p == bytes && part.n == 3 && all.p == bytes + 3 && all.n == 5);
  assert_false(alb_span_take(&all, 6, &part));
  assert_false(alb_span_take(&all, SIZE_MAX, &part));
  assert_true(alb_span_take(&all, 5, &part) && all.n == 0);
  assert_int_equal(alb_load_u16(bytes + 1), 0x0302);
  assert_int_equal(alb_load_u32(bytes + 1), 0x05040302);
  assert_true(alb_load_u64(bytes) == 0x0807060504030201);
  uint8_t out[8];
  alb_store_u64(out, 0x0807060504030201);
  assert_memory_equal(out, bytes, 8);
  alb_store_u32(out, 0xfffefdfc);
  assert_int_equal(alb_load_u32(out), 0xfffefdfc);
}

static void test_str(void **state) {
  (void)state;
  const alb_str text = ALB_STR("layer.0.weight");
  assert_true(alb_str_is(text, "layer.0.weight") && !alb_str_is(text, "layer.0"));
  assert_true(alb_str_starts(text, ALB_STR("layer.")) && !alb_str_starts(text, ALB_STR("layer.1")));
  assert_true(alb_str_ends(text, ALB_STR(".weight")) && !alb_str_ends(ALB_STR("t"), text));
  assert_true(alb_str_equal((alb_str){NULL, 0}, ALB_STR("")));
  assert_true(alb_str_starts(text, (alb_str){NULL, 0}) && alb_str_ends(text, (alb_str){NULL, 0}));
}

static void test_arena(void **state) {
  (void)state;
  alb_arena arena = {0};
  for (size_t n = 0; n < 3000; n += 7) {
    uint8_t *p = alb_arena_alloc(&arena, n);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
    memset(p, 0xff, n);
  }
  assert_non_null(alb_arena_alloc(&arena, 1 << 20)); /* larger than a block */
  assert_null(alb_arena_alloc(&arena, SIZE_MAX));
  assert_null(alb_arena_alloc(&arena, SIZE_MAX - 64));
  assert_null(alb_arena_array(&arena, SIZE_MAX / 2, 3));
  assert_string_equal(alb_arena_strdup(&arena, (alb_str){"abcdef", 3}), "abc");
  assert_string_equal(alb_arena_strdup(&arena, (alb_str){NULL, 0}), "");
  assert_string_equal(alb_arena_printf(&arena, "%s-%d", "x", 5), "x-5");
  assert_true(arena.used > 1 << 20);
  alb_arena_free(&arena);
  assert_null(arena.blocks);
}

static void test_vec(void **state) {
  (void)state;
  ALB_VEC(int) v = {0};
  for (int i = 0; i < 1000; i++) assert_true(alb_vec_push(&v, i));
  for (int i = 0; i < 1000; i++) assert_int_equal(v.items[i], i);
  const size_t capacity = v.capacity;
  assert_false(alb_vec_reserve(&v, SIZE_MAX));
  assert_false(alb_vec_reserve(&v, SIZE_MAX / 4));
  assert_true(v.count == 1000 && v.capacity == capacity && v.items[999] == 999);
  alb_vec_free(&v);
  assert_true(v.items == NULL && v.count == 0 && v.capacity == 0);
}

enum { KEYS = 20000 };

static void test_strmap(void **state) {
  (void)state;
  static char names[KEYS][12];
  alb_strmap map = {0};
  size_t index;
  bool inserted;
  assert_int_equal(alb_strmap_find(&map, ALB_STR("x")), ALB_STRMAP_NONE);
  for (size_t i = 0; i < KEYS; i++) {
    (void)snprintf(names[i], sizeof names[i], "key-%zu", i);
    assert_true(alb_strmap_add(&map, alb_str_of(names[i]), &index, &inserted) && inserted && index == i);
  }
  for (size_t i = 0; i < KEYS; i++) {
    assert_int_equal(alb_strmap_find(&map, alb_str_of(names[i])), i);
    assert_true(alb_str_is(map.keys[i], names[i]));
  }
  assert_true(alb_strmap_add(&map, ALB_STR("key-77"), &index, &inserted) && !inserted && index == 77);
  assert_int_equal(map.count, KEYS);
  assert_int_equal(alb_strmap_find(&map, ALB_STR("key-")), ALB_STRMAP_NONE);
  assert_true(alb_strmap_add(&map, (alb_str){"", 0}, &index, &inserted) && inserted && index == KEYS);
  assert_int_equal(alb_strmap_find(&map, (alb_str){"", 0}), KEYS);
  alb_strmap_free(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_checked), cmocka_unit_test(test_span),
                                     cmocka_unit_test(test_str),     cmocka_unit_test(test_arena),
                                     cmocka_unit_test(test_vec),     cmocka_unit_test(test_strmap)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
