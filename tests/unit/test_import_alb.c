/* An .alb file as a source: what its reader allows and the converter's tables can't hold. */
#include "converter/import_alb.h"

#include "base/dtype.h"
#include "base/half.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

enum { DATA = 1, F16_SCALES = TINY_BLOBS }; /* a blob of the tiny model and one behind its own */

typedef struct subject {
  alb_arena arena;
  Alb__Manifest *m;
  char *folder, *path;
} subject;

static void prepare(subject *s) {
  *s = (subject){0};
  s->m = tiny_manifest(&s->arena);
  s->folder = tiny_folder();
  assert_non_null(s->folder);
  s->path = tiny_path(&s->arena, s->folder, "model.alb");
}

static void clear(subject *s) {
  alb_arena_free(&s->arena);
  tiny_remove_folder(s->folder);
}

/* Writes the tiny model's blobs, the int8 ones as int4 with 16 elements that count, and one with an f16. */
static void write_file(const subject *s) {
  alb_diag diag = {0};
  alb_writer *writer;
  const uint16_t scale = alb_f32_to_f16(0.5f);
  uint8_t data[16];
  memset(data, 0x81, sizeof data);
  assert_ok(&diag, alb_writer_open(&diag, s->path, true, &writer));
  for (size_t i = 0; i < TINY_BLOBS; i++) {
    uint32_t width;
    const alb_span tiny = tiny_blob(i, &width), bytes = i == DATA ? (alb_span){data, sizeof data} : tiny;
    assert_ok(&diag, alb_writer_add_blob(&diag, writer, bytes, width, false, NULL));
  }
  const alb_span scales = {(const uint8_t *)&scale, sizeof scale};
  assert_ok(&diag, alb_writer_add_blob(&diag, writer, scales, sizeof scale, false, NULL));
  assert_ok(&diag, alb_writer_set_manifest(&diag, writer, s->m));
  assert_ok(&diag, alb_writer_set_vocab(&diag, writer, tiny_tokens, TINY_TOKENS));
  assert_ok(&diag, alb_writer_commit(&diag, writer, NULL));
  alb_writer_close(writer);
}

static void set(Alb__Tensor *t, alb_dtype dtype, uint64_t rows, uint64_t columns, uint32_t scales) {
  t->dtype = dtype;
  t->dims[0] = rows;
  t->dims[1] = columns;
  t->scale_blob = scales + 1;
}

static void refuse(subject *s, const char *message) {
  alb_diag diag = {0};
  alb_loaded loaded = {0};
  alb_reader *reader;
  write_file(s);
  assert_ok(&diag, alb_reader_open(&diag, s->path, NULL, &reader));
  alb_reader_close(reader);
  assert_refused(&diag, alb_import_open(&diag, s->path, &loaded), ALB_UNSUPPORTED, message);
  alb_model_unload(&loaded);
  clear(s);
}

/* 16 bytes as int8 [4,4] and as one group of int4: rows of int4 would be read where int8 ones end. */
static void test_int8_and_int4(void **state) {
  (void)state;
  for (size_t which = 1; which <= 2; which++) {
    subject s;
    prepare(&s);
    set(s.m->tensors[which], ALB_I4, 1, 16, F16_SCALES);
    refuse(&s, "\"layer.0.weight\": its bytes are of another type elsewhere");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_int8_and_int4)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
