/* Memory running out anywhere while a PyTorch file is read: an error with a message, nothing leaked, and the next try
 * succeeds. malloc and its kin are wrapped at link time. */
#include "converter/reader.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"

void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *__wrap_aligned_alloc(size_t align, size_t n) {
  return refuse() ? NULL : __real_aligned_alloc(align, n);
}

static alb_status read_at(const alb_file *file, long at) {
  alb_source source = {0};
  alb_diag diag = {0};
  taken = 0;
  fail_at = at;
  const alb_status status = alb_reader_dispatch(&diag, &source, file);
  fail_at = 0;
  if (status == ALB_OK) assert_true(source.tensors.tensors.count > 30);
  if (status != ALB_OK) assert_non_null(diag.text);
  alb_source_free(&source);
  alb_diag_free(&diag);
  return status;
}

static void test_every_refusal_is_an_error(void **state) {
  static const char *const paths[] = {"tests/e2e/twins/legacy-mixed/pytorch_model.bin",
                                      "tests/e2e/twins/deflated/pytorch_model.bin",
                                      "tests/e2e/twins/views/pytorch_model.bin", "tests/e2e/twins/lightning/last.ckpt"};
  (void)state;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    alb_diag diag = {0};
    alb_file file;
    assert_ok(&diag, alb_file_map(&diag, paths[i], &file));
    assert_int_equal(read_at(&file, 0), ALB_OK);
    const long count = taken;
    assert_in_range(count, 20, 2000);
    for (long at = 1; at <= count; at++)
      if (read_at(&file, at) != ALB_MEMORY) fail_msg("%s: call %ld of %ld", paths[i], at, count);
    assert_int_equal(read_at(&file, 0), ALB_OK);
    alb_file_unmap(&file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_refusal_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
