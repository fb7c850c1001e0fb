/* Bytes from outside: hashes, UTF-8, files, and the tables of operators, activations, poolings. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/hash_kernel.h"
#include "base/utf8.h"
#include "base/vocabulary.h"
#include "format/planes.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

/* The values that xxHash publishes for the empty input, and that pieces don't matter. */
static void test_hash(void **state) {
  (void)state;
  char hex[33];
  const alb_hash128 empty = alb_hash_bytes((alb_span){NULL, 0});
  alb_hash_hex(&empty, hex);
  assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
  assert_true(alb_hash64_bytes((alb_span){NULL, 0}) == 0x2d06800538d394c2);
  uint8_t bytes[3000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
  const alb_hash128 whole = alb_hash_bytes((alb_span){bytes, sizeof bytes});
  for (size_t cut = 0; cut <= sizeof bytes; cut += 33) {
    const alb_span pieces[] = {{bytes, cut}, {NULL, 0}, {bytes + cut, sizeof bytes - cut}};
    const alb_hash128 same = alb_hash_pieces(pieces, 3);
    assert_true(alb_hash_equal(&whole, &same));
  }
  assert_false(alb_hash_equal(&whole, &empty));
}

/* Every width of vectors gives the hashes of the library's own code. */
static void test_hash_widths(void **state) {
  (void)state;
  static uint8_t bytes[5000];
  const alb_hash_kernel *plain = alb_hash_kernel_of(ALB_WIDE_NONE);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * i >> 3);
  for (int wide = ALB_WIDE_NONE; wide <= (int)alb_wide_best(); wide++) {
    const alb_hash_kernel *kernel = alb_hash_kernel_of((alb_wide)wide);
    for (size_t n = 0; n + 1 < sizeof bytes; n += n < 600 ? 1 : 97) {
      uint8_t expected[16], got[16];
      assert_true(plain->hash64(bytes + 1, n) == kernel->hash64(bytes + 1, n));
      plain->hash128(bytes + 1, n, expected);
      kernel->hash128(bytes + 1, n, got);
      assert_memory_equal(expected, got, sizeof got);
      const alb_span pieces[] = {{bytes + 1, n / 3}, {bytes + 1 + n / 3, n - n / 3}};
      const alb_hash128 joined = alb_hash_pieces(pieces, 2);
      assert_memory_equal(expected, joined.bytes, sizeof expected);
    }
  }
}

/* Every sequence of up to 3 bytes, and the borders of those of 4, against the definition. */
static bool defined(uint32_t c, const uint8_t *p, size_t n) {
  if (c < 0x80) return n == 1 && p[0] == c;
  if (c < 0x800) return n == 2 && p[0] == (0xc0 | c >> 6) && p[1] == (0x80 | (c & 63));
  if (c >= 0xd800 && c < 0xe000) return false;
  return n == 3 && p[0] == (0xe0 | c >> 12) && p[1] == (0x80 | (c >> 6 & 63)) && p[2] == (0x80 | (c & 63));
}

static void test_utf8(void **state) {
  (void)state;
  for (uint32_t i = 0; i < 1u << 24; i++) { /* as one character of three bytes */
    const uint8_t p[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    if (p[0] < 0xe0 || p[0] >= 0xf0) continue;
    const uint32_t c = (uint32_t)(p[0] & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63);
    assert_int_equal(alb_utf8_valid((alb_str){(const char *)p, 3}), c >= 0x800 && defined(c, p, 3));
  }
  for (uint32_t i = 0; i < 1u << 16; i++) {
    const uint8_t p[2] = {(uint8_t)(i >> 8), (uint8_t)i};
    const bool ascii = p[0] < 0x80 && p[1] < 0x80, two = defined((uint32_t)(p[0] & 31) << 6 | (p[1] & 63), p, 2);
    assert_int_equal(alb_utf8_valid((alb_str){(const char *)p, 2}), ascii || two);
  }
  static const struct {
    const char *text;
    bool valid;
  } cases[] = {{"", true},
               {"\xf0\x90\x80\x80", true},
               {"\xf4\x8f\xbf\xbf", true},
               {"\xf0\x8f\xbf\xbf", false},
               {"\xf4\x90\x80\x80", false},
               {"\xf5\x80\x80\x80", false},
               {"\xf0\x90\x80", false},
               {"\xf0\x90\x80\xc0", false},
               {"\x80", false},
               {"a\xc3\xa9z", true},
               {"a\xc3", false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(alb_utf8_valid(alb_str_of(cases[i].text)), cases[i].valid);
  }
  assert_true(alb_utf8_valid((alb_str){"a\0b", 3}));
}

static void test_file(void **state) {
  (void)state;
  alb_arena arena = {0};
  alb_diag diag = {0};
  alb_file file;
  alb_span bytes;
  uint8_t *owned;
  char *folder = tiny_folder(), *path = tiny_path(&arena, folder, "f"), *fifo = tiny_path(&arena, folder, "fifo");
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fclose(out);
  assert_ok(&diag, alb_file_map(&diag, path, &file));
  assert_true(file.bytes.n == 0 && file.bytes.p == NULL);
  alb_file_unmap(&file);
  assert_ok(&diag, alb_file_read(&diag, path, 64, &owned, &bytes));
  assert_int_equal(bytes.n, 0);
  free(owned);
  out = fopen(path, "w");
  fputs("hello", out);
  fclose(out);
  assert_ok(&diag, alb_file_map(&diag, path, &file));
  assert_memory_equal(file.bytes.p, "hello", 5);
  alb_file_release(file.bytes);
  assert_memory_equal(file.bytes.p, "hello", 5);
  alb_file_unmap(&file);
  assert_ok(&diag, alb_file_read(&diag, path, 64, &owned, &bytes));
  assert_true(bytes.n == 5 && (uintptr_t)owned % 64 == 0);
  free(owned);
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_refused(&diag, alb_file_map(&diag, fifo, &file), ALB_IO, "not a regular file"); /* and does not hang */
  assert_refused(&diag, alb_file_read(&diag, folder, 64, &owned, &bytes), ALB_IO, "not a regular file");
  assert_refused(&diag, alb_file_map(&diag, "", &file), ALB_IO, "cannot be opened");
  assert_true(alb_path_exists(fifo) && alb_path_is_dir(folder) && !alb_path_is_dir(path));
  tiny_remove_folder(folder);
  alb_arena_free(&arena);
}

static void test_tables(void **state) {
  (void)state;
  size_t fewest, most;
#define ALB_OP(id, value, name, low, high)                      \
  assert_int_equal(alb_op_by_name(ALB_STR(name)), ALB_OP_##id); \
  assert_string_equal(alb_op_name(ALB_OP_##id), name);          \
  assert_true(alb_op_arity(ALB_OP_##id, &fewest, &most));       \
  assert_true(fewest == (low) && most == (high));
#include "base/op.def"
#undef ALB_OP
#define ALB_ACTIVATION(id, value, name)                                  \
  assert_int_equal(alb_activation_by_name(ALB_STR(name)), ALB_ACT_##id); \
  assert_string_equal(alb_activation_name(ALB_ACT_##id), name);
#include "base/activation.def"
#undef ALB_ACTIVATION
#define ALB_POOLING(id, value, name)                                   \
  assert_int_equal(alb_pooling_by_name(ALB_STR(name)), ALB_POOL_##id); \
  assert_string_equal(alb_pooling_name(ALB_POOL_##id), name);
#include "base/pooling.def"
#undef ALB_POOLING
  assert_int_equal(alb_op_by_name(ALB_STR("nothing")), ALB_OP_NONE);
  assert_false(alb_op_arity(0, &fewest, &most));
  assert_false(alb_op_arity(ALB_OP_COUNT, &fewest, &most));
  assert_false(alb_op_arity(UINT32_MAX, &fewest, &most));
  assert_string_equal(alb_op_name((alb_op)1000), "?");
  assert_int_equal(alb_activation_by_name(ALB_STR("x")), ALB_ACT_COUNT);
  assert_int_equal(alb_pooling_by_name(ALB_STR("x")), ALB_POOL_COUNT);
}

static void test_planes(void **state) {
  (void)state;
  uint8_t out[8], back[8];
  alb_planes_split((const uint8_t *)"aAbBcCdD", 8, 2, out);
  assert_memory_equal(out, "abcdABCD", 8);
  alb_planes_join(out, 8, 2, back);
  assert_memory_equal(back, "aAbBcCdD", 8);
  alb_planes_split((const uint8_t *)"aAxXbByY", 8, 4, out);
  assert_memory_equal(out, "abABxyXY", 8);
  alb_planes_split((const uint8_t *)"abcdefgh", 8, 1, out);
  assert_memory_equal(out, "abcdefgh", 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_hash),   cmocka_unit_test(test_hash_widths),
                                     cmocka_unit_test(test_utf8),   cmocka_unit_test(test_file),
                                     cmocka_unit_test(test_tables), cmocka_unit_test(test_planes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
