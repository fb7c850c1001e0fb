/* The writer: what is written is read again, in every way of cutting it, and has the predicted size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "format/layout.h"
#include "format/reader.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  char *folder, *path;
  Alb__Manifest *manifest;
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->folder = tiny_folder();
  f->path = tiny_path(&f->arena, f->folder, "m.alb");
  f->manifest = tiny_manifest(&f->arena);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  tiny_remove_folder(f->folder);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

#define assert_ok(f, expr)                                                     \
  do {                                                                         \
    const alb_status status_ = (expr);                                         \
    if (status_ != ALB_OK) fail_msg("%s", alb_diag_text(&(f)->diag, status_)); \
  } while (0)

static void check_contents(fixture *f, const char *path, bool compressed) {
  alb_reader *reader;
  assert_ok(f, alb_reader_open(&f->diag, path, NULL, &reader));
  assert_int_equal(alb_reader_blob_count(reader), TINY_BLOBS);
  for (size_t i = 0; i < TINY_BLOBS; i++) {
    uint32_t width;
    const alb_span expected = tiny_blob(i, &width);
    const alb_stored_blob blob = alb_reader_blob(reader, i);
    assert_int_equal(blob.width, width);
    assert_int_equal(blob.bytes.n, expected.n);
    assert_memory_equal(blob.bytes.p, expected.p, expected.n);
    assert_int_equal((uintptr_t)blob.bytes.p % 64, 0);
    assert_int_equal(blob.encoding, compressed && expected.n >= 256 ? ALB_ENCODING_PLANES : ALB_ENCODING_RAW);
  }
  assert_int_equal(alb_reader_token_count(reader), TINY_TOKENS);
  for (size_t i = 0; i < TINY_TOKENS; i++) assert_true(alb_str_equal(alb_reader_token(reader, i), tiny_tokens[i]));
  assert_string_equal(alb_reader_manifest(reader)->tensors[2]->name, "layer.1.weight");
  alb_reader_close(reader);
}

static void test_round_trip(void **state) {
  fixture *f = *state;
  assert_ok(f, tiny_file(&f->diag, f->path, f->manifest, false));
  check_contents(f, f->path, false);
  assert_ok(f, tiny_file(&f->diag, f->path, f->manifest, true));
  check_contents(f, f->path, true);
}

static void test_predicted_size(void **state) {
  fixture *f = *state;
  uint64_t sizes[TINY_BLOBS], predicted, text = 0;
  for (size_t i = 0; i < TINY_TOKENS; i++) text += tiny_tokens[i].n;
  for (size_t i = 0; i < TINY_BLOBS; i++) sizes[i] = tiny_blob(i, &(uint32_t){0}).n;
  assert_ok(f, alb_writer_predict_size(&f->diag, sizes, TINY_BLOBS, alb__manifest__get_packed_size(f->manifest),
                                       alb_vocab_section_size(TINY_TOKENS, text), &predicted));
  assert_ok(f, tiny_file(&f->diag, f->path, f->manifest, false));
  alb_file file;
  assert_ok(f, alb_file_map(&f->diag, f->path, &file));
  assert_int_equal(file.bytes.n, predicted);
  alb_file_unmap(&file);
}

static alb_span read_file(fixture *f, const char *path, uint8_t **owned) {
  alb_span bytes = {0};
  assert_ok(f, alb_file_read(&f->diag, path, 64, owned, &bytes));
  return bytes;
}

/* A blob of 3 MiB and some bytes: more than a chunk, a buffer and a plane block. */
static void write_big(fixture *f, const char *path, const uint8_t *big, size_t n, size_t piece, bool compress) {
  alb_writer *writer;
  uint32_t id;
  Alb__Manifest *m = f->manifest;
  assert_ok(f, alb_writer_open(&f->diag, path, true, &writer));
  assert_ok(f, alb_writer_begin_blob(&f->diag, writer, n, 4, compress, &id));
  assert_int_equal(id, 0);
  for (size_t at = 0; at < n; at += piece) {
    assert_ok(f, alb_writer_append_blob(&f->diag, writer, (alb_span){big + at, n - at < piece ? n - at : piece}));
  }
  assert_ok(f, alb_writer_end_blob(&f->diag, writer));
  m->n_tensors = 1;
  m->tensors[0]->dims[0] = n / 16;
  m->n_sets = m->n_functions = m->n_golden = 0;
  m->tokenizer = NULL;
  assert_ok(f, alb_writer_set_manifest(&f->diag, writer, m));
  assert_ok(f, alb_writer_commit(&f->diag, writer, NULL));
  alb_writer_close(writer);
}

static void check_pieces(fixture *f, const uint8_t *big, size_t n, bool compress) {
  char *other = tiny_path(&f->arena, f->folder, "other.alb");
  uint8_t *whole, *cut;
  write_big(f, f->path, big, n, n, compress);
  write_big(f, other, big, n, 1021, compress);
  const alb_span a = read_file(f, f->path, &whole), b = read_file(f, other, &cut);
  assert_int_equal(a.n, b.n);
  assert_memory_equal(a.p, b.p, a.n);
  alb_reader *reader;
  assert_ok(f, alb_reader_open_bytes(&f->diag, b, NULL, &reader));
  const alb_stored_blob blob = alb_reader_blob(reader, 0);
  assert_int_equal(blob.bytes.n, n);
  assert_memory_equal(blob.bytes.p, big, n);
  assert_true(compress ? blob.stored < n : blob.stored == n);
  alb_reader_close(reader);
  free(whole);
  free(cut);
}

static void test_pieces(void **state) {
  const size_t n = (3u << 20) + 48;
  uint8_t *big = malloc(n);
  for (size_t i = 0; i < n; i++) big[i] = (uint8_t)(i % 4 == 3 ? 0x3f : (i * i) >> 7);
  for (int compress = 0; compress < 2; compress++) check_pieces(*state, big, n, compress);
  free(big);
}

static void test_misuse(void **state) {
  fixture *f = *state;
  alb_writer *w;
  const alb_span four = {(const uint8_t *)"abcde", 4};
  assert_ok(f, alb_writer_open(&f->diag, f->path, false, &w));
  assert_int_equal(alb_writer_commit(NULL, w, NULL), ALB_INTERNAL);                   /* no manifest */
  assert_int_equal(alb_writer_add_blob(NULL, w, four, 3, false, NULL), ALB_ARGUMENT); /* width */
  assert_int_equal(alb_writer_add_blob(NULL, w, four, 8, false, NULL), ALB_ARGUMENT); /* half an element */
  assert_int_equal(alb_writer_begin_blob(NULL, w, 0, 4, false, NULL), ALB_ARGUMENT);  /* empty */
  assert_ok(f, alb_writer_begin_blob(&f->diag, w, 8, 4, false, NULL));
  assert_int_equal(alb_writer_begin_blob(NULL, w, 8, 4, false, NULL), ALB_INTERNAL); /* nested */
  assert_ok(f, alb_writer_append_blob(&f->diag, w, four));
  assert_int_equal(alb_writer_end_blob(NULL, w), ALB_INTERNAL);                           /* short */
  assert_int_equal(alb_writer_append_blob(NULL, w, (alb_span){four.p, 5}), ALB_INTERNAL); /* long */
  assert_int_equal(alb_writer_set_vocab(NULL, w, tiny_tokens, 0), ALB_LIMIT);
  alb_writer_close(w);
  assert_false(alb_path_exists(f->path));
}

/* A manifest that the verifier refuses is refused at commit, and nothing is left. */
static void test_wrong_manifest(void **state) {
  fixture *f = *state;
  f->manifest->tensors[1]->blob = 99;
  assert_int_equal(tiny_file(&f->diag, f->path, f->manifest, false), ALB_MALFORMED);
  assert_non_null(strstr(f->diag.text, "the file just written is refused"));
  assert_non_null(strstr(f->diag.text, "blob 99"));
  assert_false(alb_path_exists(f->path));
}

static void test_existing(void **state) {
  fixture *f = *state;
  alb_writer *w;
  assert_ok(f, tiny_file(&f->diag, f->path, f->manifest, false));
  assert_int_equal(alb_writer_open(&f->diag, f->path, false, &w), ALB_EXISTS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
      cmocka_unit_test_setup_teardown(test_predicted_size, setup, teardown),
      cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
      cmocka_unit_test_setup_teardown(test_misuse, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wrong_manifest, setup, teardown),
      cmocka_unit_test_setup_teardown(test_existing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
