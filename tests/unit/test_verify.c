/* Checks of a large file's data: on several threads, with pages given back on the way. */
#include <stdio.h>

#include "format/reader.h"
#include "tests/support/assemble.h"
#include "tests/support/check.h"
#include "tests/support/tiny_encoder.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  enc e;
  alb_arena arena;
  alb_diag diag;
  char *folder, *path;
  image sound;
  size_t table, bytes; /* the largest blob: an int8 table of many chunks */
} fixture;

static alb_status open_bytes(fixture *f, image i, alb_reader **reader) {
  return alb_reader_open_bytes(&f->diag, (alb_span){i.p, i.n}, NULL, reader);
}

static void find_table(fixture *f) {
  alb_reader *reader = NULL;
  assert_ok(&f->diag, open_bytes(f, f->sound, &reader));
  for (size_t i = 0; i < alb_reader_blob_count(reader); i++) {
    const alb_span blob = alb_reader_blob(reader, i).bytes;
    if (blob.n <= f->bytes) continue;
    f->table = (size_t)(blob.p - f->sound.p);
    f->bytes = blob.n;
  }
  alb_reader_close(reader);
}

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  enc_options options = enc_small;
  options.dtype = ALB_I8;
  options.vocab = 40000;
  options.embedding = 128;
  enc_make(&f->e, &options);
  f->folder = tiny_folder();
  f->path = tiny_path(&f->arena, f->folder, "m.alb");
  assert_ok(&f->diag, enc_write(&f->e, &f->diag, f->path));
  f->sound = image_load(&f->arena, f->path);
  find_table(f);
  assert_true(f->bytes > 64 * ALB_CHUNK_BYTES);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  tiny_remove_folder(f->folder);
  enc_free(&f->e);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static void write_file(const fixture *f, image i) {
  FILE *file = fopen(f->path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(i.p, 1, i.n, file), i.n);
  assert_int_equal(fclose(file), 0);
}

/* The file as an image has it, opened in every way. */
static void check_open(fixture *f, image i, alb_status expected, const char *message) {
  write_file(f, i);
  for (size_t k = 0; k < 12; k++) {
    const alb_reader_options how = {.threads = k / 4 * 2, .release = k & 1, .copy = k & 2};
    alb_reader *reader = NULL;
    const alb_status status = alb_reader_open(&f->diag, f->path, &how, &reader);
    if (expected == ALB_OK)
      assert_ok(&f->diag, status);
    else
      assert_refused(&f->diag, status, expected, message);
    alb_reader_close(reader);
  }
}

static void test_sound(void **state) {
  fixture *f = *state;
  check_open(f, f->sound, ALB_OK, NULL);
}

/* However many threads look, the first damaged chunk is named. */
static void test_damage(void **state) {
  fixture *f = *state;
  static const size_t chunks[][2] = {{3, 70}, {33, 60}, {70, 70}, {0, 1}};
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
    char message[64];
    const image bad = image_copy(&f->arena, f->sound, 0);
    bad.p[ALB_PREFIX_BYTES + chunks[i][0] * ALB_CHUNK_BYTES + 99] ^= 4;
    if (chunks[i][1] != chunks[i][0]) bad.p[ALB_PREFIX_BYTES + chunks[i][1] * ALB_CHUNK_BYTES] ^= 64;
    (void)snprintf(message, sizeof message, "chunk %zu (", chunks[i][0]);
    check_open(f, bad, ALB_CHECKSUM, message);
  }
}

/* -128 is found wherever it stands, and not where something else than int8 stands. */
static void test_minus_128(void **state) {
  fixture *f = *state;
  const size_t boundary = ALB_CHUNK_BYTES - (f->table - ALB_PREFIX_BYTES) % ALB_CHUNK_BYTES;
  const size_t places[] = {0, boundary - 1, boundary, f->bytes / 2, f->bytes - 1};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const image bad = image_copy(&f->arena, f->sound, 0);
    bad.p[f->table + places[i]] = 0x80;
    image_repair(bad.p, bad.n);
    check_open(f, bad, ALB_MALFORMED, "int8 element -128");
  }
}

/* Bytes of the caller's are no mapped file: they are not given back, which would clear them. */
static void test_bytes(void **state) {
  fixture *f = *state;
  const image mine = image_copy(&f->arena, f->sound, 0);
  const alb_reader_options how = {.release = true};
  alb_reader *reader = NULL;
  assert_ok(&f->diag, alb_reader_open_bytes(&f->diag, (alb_span){mine.p, mine.n}, &how, &reader));
  alb_reader_close(reader);
  assert_memory_equal(mine.p, f->sound.p, mine.n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sound),
      cmocka_unit_test(test_damage),
      cmocka_unit_test(test_minus_128),
      cmocka_unit_test(test_bytes),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
