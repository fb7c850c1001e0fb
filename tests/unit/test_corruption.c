/* Damage to a whole file: every flipped bit, every truncation, extensions, and an attacker who
 * repairs the checksums after his change. */
#include <sys/mman.h>
#include <unistd.h>

#include "format/reader.h"
#include "tests/support/assemble.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

static alb_arena arena;
static image raw, packed; /* the tiny model */

static int setup(void **state) {
  (void)state;
  char *folder = tiny_folder(), *path = tiny_path(&arena, folder, "m.alb");
  const Alb__Manifest *manifest = tiny_manifest(&arena);
  if (tiny_file(NULL, path, manifest, false) == ALB_OK) raw = image_load(&arena, path);
  if (tiny_file(NULL, path, manifest, true) == ALB_OK) packed = image_load(&arena, path);
  tiny_remove_folder(folder);
  return raw.p && packed.p ? 0 : -1;
}

static int teardown(void **state) {
  (void)state;
  alb_arena_free(&arena);
  return 0;
}

/* Opens and, on success, looks at everything the way a runtime does. */
static alb_status open_bytes(const uint8_t *p, size_t n) {
  alb_reader *reader = NULL;
  unsigned sum = 0;
  const alb_status status = alb_reader_open_bytes(NULL, (alb_span){p, n}, NULL, &reader);
  if (status != ALB_OK) return status;
  for (size_t i = 0; i < alb_reader_blob_count(reader); i++) {
    const alb_span bytes = alb_reader_blob(reader, i).bytes;
    for (size_t k = 0; k < bytes.n; k++) sum += bytes.p[k];
  }
  for (size_t i = 0; i < alb_reader_token_count(reader); i++) sum += (unsigned)alb_reader_token(reader, i).n;
  alb_reader_close(reader);
  return sum == 0x12345678 ? ALB_INTERNAL : ALB_OK;
}

static void check_flips(image sound) {
  const image file = image_copy(&arena, sound, 0);
  for (size_t bit = 0; bit < 8 * file.n; bit++) {
    file.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (open_bytes(file.p, file.n) == ALB_OK) fail_msg("bit %zu of byte %zu: not detected", bit % 8, bit / 8);
    file.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_int_equal(open_bytes(file.p, file.n), ALB_OK);
}

static void test_flips(void **state) {
  (void)state;
  check_flips(raw);
  check_flips(packed);
}

/* The file ends at an inaccessible page, so that one byte read too much is a crash. */
static void test_truncations(void **state) {
  (void)state;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (raw.n + page - 1) / page * page;
  uint8_t *p = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(p != MAP_FAILED);
  assert_int_equal(mprotect(p + room, page, PROT_NONE), 0);
  for (size_t n = 0; n < raw.n; n++) {
    uint8_t *at = p + room - n;
    memcpy(at, raw.p, n);
    alb_reader *reader = NULL;
    if (alb_reader_open_bytes(NULL, (alb_span){at, n}, NULL, &reader) == ALB_OK) fail_msg("length %zu: accepted", n);
  }
  memcpy(p + room - raw.n, raw.p, raw.n);
  assert_int_equal(open_bytes(p + room - raw.n, raw.n), ALB_OK);
  munmap(p, room + page);
}

/* The same with a prefix that says that the file is as long as it is. */
static void test_repaired_truncations(void **state) {
  (void)state;
  for (size_t n = 128; n < raw.n; n++) {
    const image file = image_copy(&arena, (image){raw.p, n}, 0);
    alb_store_u64(file.p + ALB_PREFIX_FILE_SIZE, n);
    image_repair(file.p, n);
    if (open_bytes(file.p, n) == ALB_OK) fail_msg("length %zu: accepted", n);
  }
}

static void test_extensions(void **state) {
  (void)state;
  const image file = image_copy(&arena, raw, 4096);
  for (size_t more = 1; more <= 4096; more++) assert_int_not_equal(open_bytes(file.p, raw.n + more), ALB_OK);
  for (size_t more = 1; more <= 256; more++) {
    alb_store_u64(file.p + ALB_PREFIX_FILE_SIZE, raw.n + more);
    image_repair(file.p, raw.n + more);
    if (open_bytes(file.p, raw.n + more) == ALB_OK) fail_msg("%zu more bytes: accepted", more);
  }
}

/* Every byte set to odd values, checksums repaired: any answer, but no crash (run it under ASan). */
static void check_attacks(image sound) {
  const image file = image_copy(&arena, sound, 0);
  const uint64_t table = alb_load_u64(sound.p + ALB_PREFIX_TABLE_OFFSET);
  size_t accepted = 0;
  for (size_t at = 8; at < table + 4 * ALB_SECTION_RECORD_BYTES; at++) {
    const uint8_t old = sound.p[at], values[] = {0, 0xff, 0x7f, 0x80, (uint8_t)(old + 1), (uint8_t)(old - 1)};
    for (size_t i = 0; i < sizeof values; i++) {
      file.p[at] = values[i];
      image_repair(file.p, file.n);
      accepted += open_bytes(file.p, file.n) == ALB_OK;
      memcpy(file.p, sound.p, file.n);
    }
  }
  assert_true(accepted > 0); /* weights and names may be anything */
}

static void test_attacks(void **state) {
  (void)state;
  check_attacks(raw);
  check_attacks(packed);
}

static void store(uint8_t *p, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; i++) p[i] = (uint8_t)(value >> (8 * i));
}

/* Every aligned u32 and u64 of prefix, tables and vocabulary, alone and in pairs of u64. */
static void test_fields(void **state) {
  (void)state;
  static const uint64_t values[] = {0,  1,   UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 31, (uint64_t)1 << 32, 63,
                                    64, 127, 128};
  enum { COUNT = sizeof values / sizeof values[0] };
  image_section all[ALB_MAX_SECTIONS];
  image_sections(raw, all);
  const size_t table = (size_t)alb_load_u64(raw.p + ALB_PREFIX_TABLE_OFFSET);
  const size_t ranges[][2] = {{8, 48},
                              {(size_t)(all[1].bytes.p - raw.p), all[1].bytes.n},
                              {(size_t)(all[3].bytes.p - raw.p), 40},
                              {table, 4 * ALB_SECTION_RECORD_BYTES}};
  const image file = image_copy(&arena, raw, 0);
  for (size_t r = 0; r < 4; r++) {
    for (size_t at = ranges[r][0]; at + 8 <= ranges[r][0] + ranges[r][1]; at += 4) {
      for (size_t i = 0; i < COUNT * (COUNT + 2); i++) {
        const bool pair = i < COUNT * COUNT;
        store(file.p + at, !pair && i >= COUNT * (COUNT + 1) ? 8 : pair ? 8 : 4, values[i % COUNT]);
        if (pair && at + 16 <= ranges[r][0] + ranges[r][1]) store(file.p + at + 8, 8, values[i / COUNT]);
        image_repair(file.p, file.n);
        (void)open_bytes(file.p, file.n);
        memcpy(file.p, raw.p, file.n);
      }
    }
  }
}

/* Two files' sections exchanged, each sound in itself. */
static void test_mixed(void **state) {
  (void)state;
  assert_true(raw.n > packed.n);
  const image file = image_copy(&arena, raw, 0);
  memcpy(file.p, packed.p, ALB_PREFIX_BYTES);
  assert_int_not_equal(open_bytes(file.p, file.n), ALB_OK);
  memcpy(file.p, raw.p, file.n);
  memcpy(file.p + ALB_PREFIX_BYTES, packed.p + ALB_PREFIX_BYTES, 1000);
  assert_int_not_equal(open_bytes(file.p, file.n), ALB_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_flips),
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_repaired_truncations),
      cmocka_unit_test(test_extensions),
      cmocka_unit_test(test_attacks),
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_mixed),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
