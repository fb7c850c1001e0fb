/* Files that earlier versions wrote load for ever, with what was in them. */
#include "format/layout.h"
#include "format/reader.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

static void check_v1(const char *path, uint32_t encoding) {
  alb_diag diag = {0};
  alb_reader *reader = NULL;
  assert_ok(&diag, alb_reader_open(&diag, path, NULL, &reader));
  const Alb__Manifest *m = alb_reader_manifest(reader);
  assert_int_equal(m->n_tensors, 6);
  assert_string_equal(m->tensors[1]->name, "layer.0.weight");
  assert_int_equal(m->tensors[1]->blob, m->tensors[2]->blob);
  assert_string_equal(m->functions[1]->name, "encoder");
  assert_string_equal(m->labels[1], "yes");
  assert_string_equal(m->embedding->prompts[0]->text, "query: ");
  assert_int_equal(m->golden[0]->ids[1], 4);
  assert_int_equal(alb_reader_blob_count(reader), 6);
  assert_int_equal(alb_reader_blob(reader, 5).encoding, encoding);
  assert_int_equal(alb_reader_token_count(reader), 8);
  assert_true(alb_str_is(alb_reader_token(reader, 7), "\xc3\xa9"));
  for (size_t i = 0; i < 6; i++) {
    uint32_t width;
    const alb_span expected = tiny_blob(i, &width);
    assert_int_equal(alb_reader_blob(reader, i).bytes.n, expected.n);
    assert_memory_equal(alb_reader_blob(reader, i).bytes.p, expected.p, expected.n);
  }
  alb_reader_close(reader);
}

static void test_v1(void **state) {
  (void)state;
  check_v1("tests/format/golden/v1/tiny.alb", ALB_ENCODING_RAW);
  check_v1("tests/format/golden/v1/tiny-compressed.alb", ALB_ENCODING_PLANES);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_v1)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
