/* The reader: a bad file for every rule of the frame, the blob table and the vocabulary. */
#include <stdio.h>
#include <zlib.h>

#include "format/reader.h"
#include "tests/support/assemble.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  image sound, packed; /* the tiny model, raw and compressed */
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  char *folder = tiny_folder(), *path = tiny_path(&f->arena, folder, "m.alb");
  const Alb__Manifest *manifest = tiny_manifest(&f->arena);
  if (tiny_file(&f->diag, path, manifest, false) == ALB_OK) f->sound = image_load(&f->arena, path);
  if (tiny_file(&f->diag, path, manifest, true) == ALB_OK) f->packed = image_load(&f->arena, path);
  tiny_remove_folder(folder);
  *state = f;
  return f->sound.p && f->packed.p ? 0 : -1;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static alb_status open_image(fixture *f, image i) {
  alb_reader *reader = NULL;
  const alb_status status = alb_reader_open_bytes(&f->diag, (alb_span){i.p, i.n}, NULL, &reader);
  alb_reader_close(reader);
  return status;
}

static uint8_t *table_of(image i) {
  return i.p + alb_load_u64(i.p + ALB_PREFIX_TABLE_OFFSET);
}

/* ---- prefix ---- */

typedef struct patch {
  size_t offset, width;
  uint64_t value;
  alb_status status;
  const char *message;
} patch;

static void store(uint8_t *p, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; i++) p[i] = (uint8_t)(value >> (8 * i));
}

static void check_patches(fixture *f, image from, size_t base, const patch *patches, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const image bad = image_copy(&f->arena, from, 0);
    store(bad.p + base + patches[i].offset, patches[i].width, patches[i].value);
    image_repair(bad.p, bad.n);
    assert_refused(&f->diag, open_image(f, bad), patches[i].status, patches[i].message);
  }
}
#define CHECK_PATCHES(f, from, base, patches) \
  check_patches((f), (from), (base), (patches), sizeof(patches) / sizeof((patches)[0]))

static void test_prefix(void **state) {
  fixture *f = *state;
  const uint64_t table = alb_load_u64(f->sound.p + ALB_PREFIX_TABLE_OFFSET);
  const patch patches[] = {
      {0, 1, 'x', ALB_MALFORMED, "not an .alb file"},
      {4, 4, 0x0a1a0a0a, ALB_MALFORMED, "transferred as text"},
      {ALB_PREFIX_MAJOR, 2, 2, ALB_VERSION, "format version is 2."},
      {ALB_PREFIX_MAJOR, 2, 0, ALB_MALFORMED, "format version is 0."},
      {ALB_PREFIX_SIZE, 4, 64, ALB_MALFORMED, "prefix: size is 64"},
      {ALB_PREFIX_FILE_SIZE, 8, f->sound.n + 1, ALB_TRUNCATED, "file has"},
      {ALB_PREFIX_FILE_SIZE, 8, f->sound.n - 1, ALB_MALFORMED, "after its end"},
      {ALB_PREFIX_FILE_SIZE, 8, UINT64_MAX, ALB_TRUNCATED, "file has"},
      {ALB_PREFIX_TABLE_OFFSET, 8, table + 64, ALB_MALFORMED, "tables do not end"},
      {ALB_PREFIX_TABLE_OFFSET, 8, table + 8, ALB_MALFORMED, "section table at"},
      {ALB_PREFIX_TABLE_OFFSET, 8, 0, ALB_MALFORMED, "section table at"},
      {ALB_PREFIX_TABLE_OFFSET, 8, UINT64_MAX - 63, ALB_MALFORMED, "section table at"},
      {ALB_PREFIX_SECTION_COUNT, 4, 5, ALB_MALFORMED, "tables do not end"},
      {ALB_PREFIX_SECTION_COUNT, 4, 65, ALB_LIMIT, "65 sections"},
      {ALB_PREFIX_SECTION_COUNT, 4, UINT32_MAX, ALB_LIMIT, "sections"},
      {ALB_PREFIX_CHUNK_LOG2, 4, 12, ALB_MALFORMED, "chunk size is 2^12"},
      {ALB_PREFIX_CHUNK_LOG2, 4, 64, ALB_MALFORMED, "chunk size is 2^64"},
      {ALB_PREFIX_FLAGS, 4, 1, ALB_VERSION, "flags 0x1"},
      {44, 1, 1, ALB_MALFORMED, "reserved"},
      {64, 1, 1, ALB_MALFORMED, "reserved"},
      {127, 1, 1, ALB_MALFORMED, "reserved"},
  };
  CHECK_PATCHES(f, f->sound, 0, patches);
}

static void test_short(void **state) {
  fixture *f = *state;
  assert_refused(&f->diag, open_image(f, (image){f->sound.p, 0}), ALB_TRUNCATED, "empty");
  assert_refused(&f->diag, open_image(f, (image){f->sound.p, 1}), ALB_TRUNCATED, "1 of 128");
  assert_refused(&f->diag, open_image(f, (image){f->sound.p, 127}), ALB_TRUNCATED, "127 of 128");
  assert_refused(&f->diag, open_image(f, (image){f->sound.p, 128}), ALB_TRUNCATED, "file has 128 of");
}

static void test_checksums(void **state) {
  fixture *f = *state;
  image bad = image_copy(&f->arena, f->sound, 0);
  bad.p[130] ^= 1;
  assert_refused(&f->diag, open_image(f, bad), ALB_CHECKSUM, "chunk 0 (offset 128)");
  bad = image_copy(&f->arena, f->sound, 0);
  bad.p[bad.n - 1] ^= 1;
  assert_refused(&f->diag, open_image(f, bad), ALB_CHECKSUM, "root hash");
  bad = image_copy(&f->arena, f->sound, 0);
  bad.p[ALB_PREFIX_ROOT] ^= 1;
  assert_refused(&f->diag, open_image(f, bad), ALB_CHECKSUM, "root hash");
}

/* ---- sections ---- */

static void test_section_table(void **state) {
  fixture *f = *state;
  const size_t base = (size_t)(table_of(f->sound) - f->sound.p);
  const uint64_t second = alb_load_u64(f->sound.p + base + 24 + 8), size = alb_load_u64(f->sound.p + base + 24 + 16);
  const patch patches[] = {
      {0, 4, 2, ALB_MALFORMED, "id 2 after 2"},                      /* twice */
      {0, 4, 3, ALB_MALFORMED, "id 2 after 3"},                      /* out of order */
      {0, 4, 0, ALB_MALFORMED, "section 0: flags"},                  /* no such id */
      {4, 4, 0, ALB_MALFORMED, "section 1: flags are 0x0"},          /* known, but not required */
      {4, 4, 3, ALB_MALFORMED, "section 1: unknown flags"},          /* unknown flag */
      {8, 8, 192, ALB_MALFORMED, "section 1: offset 192"},           /* a hole */
      {8, 8, 64, ALB_MALFORMED, "section 1: offset 64"},             /* in the prefix */
      {16, 8, UINT64_MAX, ALB_MALFORMED, "section 1: offset"},       /* past the end */
      {16, 8, UINT64_MAX - 127, ALB_MALFORMED, "section 1: offset"}, /* offset + size is 0 */
      {24 + 8, 8, second - 64, ALB_MALFORMED, "section 2: offset"},  /* overlap */
      {24 + 8, 8, second + 1, ALB_MALFORMED, "section 2: offset"},   /* unaligned */
      {24 + 8, 8, UINT64_MAX - 63, ALB_MALFORMED, "section 2: offset"},
      {24 + 16, 8, size - 1, ALB_MALFORMED, "blob table: 191 bytes"},
      {24 + 16, 8, size + 64, ALB_MALFORMED, "section 3: offset"},
      {3 * 24, 4, 5, ALB_VERSION, "needs section 5"},
      {3 * 24 + 16, 8, 1, ALB_MALFORMED, "does not follow"}, /* short: a hole before the table */
  };
  CHECK_PATCHES(f, f->sound, base, patches);
}

static void test_missing_section(void **state) {
  fixture *f = *state;
  image_section all[ALB_MAX_SECTIONS], rest[ALB_MAX_SECTIONS];
  const size_t count = image_sections(f->sound, all);
  for (size_t gone = 0; gone < 3; gone++) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
      if (i != gone) rest[n++] = all[i];
    }
    assert_refused(&f->diag, open_image(f, image_make(&f->arena, rest, n)), ALB_MISSING, "is missing");
  }
  assert_refused(&f->diag, open_image(f, image_make(&f->arena, all, 0)), ALB_MISSING, "section 1 is missing");
  assert_refused(&f->diag, open_image(f, image_make(&f->arena, all, 3)), ALB_MALFORMED, "without a vocabulary");
  assert_ok(&f->diag, open_image(f, image_make(&f->arena, all, 4)));
}

/* What a newer minor version may add is skipped. */
static void test_unknown_section(void **state) {
  fixture *f = *state;
  image_section all[ALB_MAX_SECTIONS];
  const size_t count = image_sections(f->sound, all);
  all[count] = (image_section){.id = 77, .flags = 0, .bytes = {(const uint8_t *)"new", 3}};
  assert_ok(&f->diag, open_image(f, image_make(&f->arena, all, count + 1)));
  all[count].flags = ALB_SECTION_REQUIRED;
  assert_refused(&f->diag, open_image(f, image_make(&f->arena, all, count + 1)), ALB_VERSION, "needs section 77");
}

/* Every padding byte, wherever it is, is zero. */
static void test_padding(void **state) {
  fixture *f = *state;
  image_section all[ALB_MAX_SECTIONS];
  const size_t count = image_sections(f->sound, all);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t end = (size_t)(all[i].bytes.p - f->sound.p) + all[i].bytes.n;
    for (size_t at = end; at % ALB_ALIGN; at++, found++) {
      const image bad = image_copy(&f->arena, f->sound, 0);
      bad.p[at] = 1;
      image_repair(bad.p, bad.n);
      assert_refused(&f->diag, open_image(f, bad), ALB_MALFORMED, i + 1 < count ? "padding" : "does not follow");
    }
  }
  assert_true(found > 0);
  const image bad = image_copy(&f->arena, f->sound, 0);
  bad.p[128 + 128 + 16] = 1; /* after the int8 blob */
  image_repair(bad.p, bad.n);
  assert_refused(&f->diag, open_image(f, bad), ALB_MALFORMED, "padding before blob 2");
}

/* ---- blobs ---- */

static size_t section_at(image i, size_t section) {
  return (size_t)alb_load_u64(table_of(i) + 24 * section + 8);
}

static void test_blob_table(void **state) {
  fixture *f = *state;
  const patch patches[] = {
      {0, 8, 192, ALB_MALFORMED, "blob 0: offset 192"},          /* a hole */
      {32, 8, 128, ALB_MALFORMED, "blob 1: offset 128"},         /* overlap */
      {32, 8, UINT64_MAX - 63, ALB_MALFORMED, "blob 1: offset"}, /* wraps */
      {8, 8, UINT64_MAX, ALB_MALFORMED, "blob 0: offset"},       /* past the section */
      {8, 8, 64, ALB_MALFORMED, "blob 0: 128 bytes from 64"},    /* raw: stored is size */
      {16, 8, 0, ALB_MALFORMED, "blob 0: size 0"},
      {16, 8, 127, ALB_MALFORMED, "blob 0: size 127"}, /* no multiple of the width */
      {16, 8, UINT64_MAX - 3, ALB_MALFORMED, "blob 0"},
      {24, 4, 2, ALB_MALFORMED, "blob 0: encoding 2"},
      {24, 4, 1, ALB_MALFORMED, "blob 0: compressed data"}, /* raw bytes are no zlib stream */
      {28, 4, 0, ALB_MALFORMED, "element width 0"},
      {28, 4, 3, ALB_MALFORMED, "element width 3"},
      {28, 4, 2, ALB_MALFORMED, "blob 0 has 128 bytes of width 2"}, /* not its tensor's */
      {5 * 32 + 8, 8, 799, ALB_MALFORMED, "blob 5: 800 bytes from 799"},
  };
  CHECK_PATCHES(f, f->sound, section_at(f->sound, 1), patches);
}

/* Blob 5 of the compressed image: 800 bytes from a zlib stream. */
static void test_compressed(void **state) {
  fixture *f = *state;
  const size_t base = section_at(f->packed, 1) + 5 * 32;
  assert_int_equal(alb_load_u32(f->packed.p + base + 24), ALB_ENCODING_PLANES);
  const uint64_t stored = alb_load_u64(f->packed.p + base + 8);
  const patch patches[] = {
      {16, 8, 798, ALB_MALFORMED, "longer than the blob"},       {16, 8, 802, ALB_MALFORMED, "ends early"},
      {16, 8, 1032 * stored + 66, ALB_MALFORMED, "stored ones"}, /* more than deflate can do */
      {24, 4, 0, ALB_MALFORMED, "blob 5: 800 bytes from"},       {28, 4, 4, ALB_MALFORMED, "of width 4"},
  };
  CHECK_PATCHES(f, f->packed, base, patches);
}

/* The data section with the last blob's stream replaced. */
static image replace_stream(fixture *f, alb_span stream) {
  image_section all[ALB_MAX_SECTIONS];
  const size_t count = image_sections(f->packed, all);
  const uint64_t offset = alb_load_u64(all[1].bytes.p + 5 * 32) - ALB_PREFIX_BYTES;
  uint8_t *data = alb_arena_alloc(&f->arena, offset + stream.n), *records = alb_arena_alloc(&f->arena, all[1].bytes.n);
  memcpy(data, all[0].bytes.p, offset);
  memcpy(data + offset, stream.p, stream.n);
  memcpy(records, all[1].bytes.p, all[1].bytes.n);
  alb_store_u64(records + 5 * 32 + 8, stream.n);
  all[0].bytes = (alb_span){data, offset + stream.n};
  all[1].bytes.p = records;
  return image_make(&f->arena, all, count);
}

static void test_streams(void **state) {
  fixture *f = *state;
  static uint8_t zeros[1000];
  uint8_t stream[2000];
  uLongf n = sizeof stream;
  assert_int_equal(compress2(stream, &n, zeros, 800, 9), Z_OK);
  assert_ok(&f->diag, open_image(f, replace_stream(f, (alb_span){stream, n})));
  assert_refused(&f->diag, open_image(f, replace_stream(f, (alb_span){stream, n - 1})), ALB_MALFORMED, "does not end");
  stream[n] = 0;
  assert_refused(&f->diag, open_image(f, replace_stream(f, (alb_span){stream, n + 1})), ALB_MALFORMED, "after its end");
  stream[n - 1] ^= 1;
  assert_refused(&f->diag, open_image(f, replace_stream(f, (alb_span){stream, n})), ALB_MALFORMED,
                 "incorrect data check");
  n = sizeof stream;
  assert_int_equal(compress2(stream, &n, zeros, 799, 9), Z_OK);
  assert_refused(&f->diag, open_image(f, replace_stream(f, (alb_span){stream, n})), ALB_MALFORMED, "ends early");
}

/* ---- vocabulary ---- */

static void test_vocab(void **state) {
  fixture *f = *state;
  const size_t base = section_at(f->sound, 3);
  const patch patches[] = {
      {0, 4, 0, ALB_LIMIT, "0 tokens"},
      {0, 4, UINT32_MAX, ALB_LIMIT, "tokens"},
      {0, 4, 1 << 24, ALB_MALFORMED, "16777216 tokens in"},
      {0, 4, 7, ALB_MALFORMED, "offsets do not span"},
      {4, 4, 1, ALB_MALFORMED, "offsets do not span"},
      {8, 4, UINT32_MAX, ALB_MALFORMED, "offset of token 1"},
      {12, 4, 4, ALB_MALFORMED, "offset of token 2"}, /* falls */
      {4 + 4 * 8, 4, 25, ALB_MALFORMED, "offsets do not span"},
      {4 + 4 * 7, 4, 25, ALB_MALFORMED, "is not UTF-8"}, /* within a character */
      {4 + 4 * 9, 1, 0xff, ALB_MALFORMED, "token 0 is not UTF-8"},
  };
  CHECK_PATCHES(f, f->sound, base, patches);
  image_section all[ALB_MAX_SECTIONS];
  const size_t count = image_sections(f->sound, all);
  all[3].bytes.n = 3;
  assert_refused(&f->diag, open_image(f, image_make(&f->arena, all, count)), ALB_MALFORMED, "vocabulary: 3 bytes");
}

/* ---- ways of opening ---- */

static void test_no_verify(void **state) {
  fixture *f = *state;
  const alb_reader_options fast = {.no_verify = true};
  alb_reader *reader = NULL;
  uint8_t big[1 << 17] = {0}, record[32] = {0};
  image_section all[ALB_MAX_SECTIONS];
  image_sections(f->sound, all);
  alb_store_u64(record, 128);
  alb_store_u64(record + 8, sizeof big);
  alb_store_u64(record + 16, sizeof big);
  alb_store_u32(record + 28, 4);
  Alb__Manifest *m = tiny_manifest(&f->arena);
  m->n_tensors = 1;
  m->tensors[0]->dims[0] = sizeof big / 16;
  m->n_sets = m->n_functions = m->n_golden = 0;
  m->tokenizer = NULL;
  uint8_t *packed = alb_arena_alloc(&f->arena, alb__manifest__get_packed_size(m));
  all[0].bytes = (alb_span){big, sizeof big};
  all[1].bytes = (alb_span){record, sizeof record};
  all[2].bytes = (alb_span){packed, alb__manifest__pack(m, packed)};
  const image bad = image_make(&f->arena, all, 3);
  bad.p[128] ^= 1; /* in the first chunk: blobs only */
  assert_refused(&f->diag, open_image(f, bad), ALB_CHECKSUM, "chunk 0");
  assert_ok(&f->diag, alb_reader_open_bytes(&f->diag, (alb_span){bad.p, bad.n}, &fast, &reader));
  assert_int_equal(alb_reader_blob(reader, 0).bytes.p[0], 1);
  alb_reader_close(reader);
  bad.p[section_at(bad, 2) + 1] ^= 1; /* the manifest is always checked */
  assert_refused(&f->diag, alb_reader_open_bytes(&f->diag, (alb_span){bad.p, bad.n}, &fast, &reader), ALB_CHECKSUM,
                 "chunk 2");
}

static void test_unaligned(void **state) {
  fixture *f = *state;
  alb_reader *reader = NULL;
  const image shifted = image_copy(&f->arena, f->sound, 1);
  memmove(shifted.p + 1, shifted.p, f->sound.n);
  assert_ok(&f->diag, alb_reader_open_bytes(&f->diag, (alb_span){shifted.p + 1, f->sound.n}, NULL, &reader));
  for (size_t i = 0; i < TINY_BLOBS; i++) assert_int_equal((uintptr_t)alb_reader_blob(reader, i).bytes.p % 64, 0);
  alb_reader_close(reader);
}

static void test_copy(void **state) {
  fixture *f = *state;
  const alb_reader_options copy = {.copy = true};
  alb_reader *reader = NULL;
  char *folder = tiny_folder(), *path = tiny_path(&f->arena, folder, "m.alb");
  assert_ok(&f->diag, tiny_file(&f->diag, path, tiny_manifest(&f->arena), false));
  assert_ok(&f->diag, alb_reader_open(&f->diag, path, &copy, &reader));
  FILE *file = fopen(path, "wb"); /* truncated in place, while open */
  assert_non_null(file);
  fclose(file);
  assert_string_equal(alb_reader_manifest(reader)->config->architecture, "albert");
  assert_int_equal(alb_reader_blob(reader, 5).bytes.n, 800);
  assert_int_equal(alb_reader_file_size(reader), f->sound.n);
  const alb_hash128 root = alb_reader_root(reader);
  assert_memory_equal(root.bytes, f->sound.p + ALB_PREFIX_ROOT, 16);
  alb_reader_close(reader);
  tiny_remove_folder(folder);
}

static void test_not_there(void **state) {
  fixture *f = *state;
  alb_reader *reader = NULL;
  assert_refused(&f->diag, alb_reader_open(&f->diag, "/nonexistent/m.alb", NULL, &reader), ALB_IO, "cannot be opened");
  assert_refused(&f->diag, alb_reader_open(&f->diag, "/", NULL, &reader), ALB_IO, "not a regular file");
  assert_refused(&f->diag, alb_reader_open(&f->diag, "/dev/null", NULL, &reader), ALB_IO, "not a regular file");
  assert_null(reader);
}

static void test_out_of_range(void **state) {
  fixture *f = *state;
  alb_reader *reader = NULL;
  assert_ok(&f->diag, alb_reader_open_bytes(&f->diag, (alb_span){f->sound.p, f->sound.n}, NULL, &reader));
  assert_null(alb_reader_blob(reader, TINY_BLOBS).bytes.p);
  assert_null(alb_reader_token(reader, TINY_TOKENS).p);
  alb_reader_close(reader);
  alb_reader_close(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_prefix),          TEST(test_short),
      TEST(test_checksums),       TEST(test_section_table),
      TEST(test_missing_section), TEST(test_unknown_section),
      TEST(test_padding),         TEST(test_blob_table),
      TEST(test_compressed),      TEST(test_streams),
      TEST(test_vocab),           TEST(test_no_verify),
      TEST(test_unaligned),       TEST(test_copy),
      TEST(test_not_there),       TEST(test_out_of_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
