/* Lack of memory is an error wherever it comes while an ONNX graph is recognised, bound and proven. */
#include "converter/onnx/onnx_import.h"
#include "converter/onnx/onnx_lower.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"

/* Everything that is taken is given back. */
static alb_status import(alb_diag *diag, const alb_file *file) {
  alb_onnx_model model = {0};
  alb_arena arena = {0};
  alb_tensors tensors = {0};
  alb_model_spec spec = {.pooling = ALB_POOL_NONE};
  alb_onnx_imported imported;
  alb_status status = alb_onnx_read(diag, file->bytes, NULL, &model);
  if (status == ALB_OK) status = alb_onnx_lower(diag, &model);
  if (status == ALB_OK) status = alb_onnx_import(diag, &arena, &model, file->bytes, &tensors, &spec, &imported);
  alb_tensors_free(&tensors);
  alb_arena_free(&arena);
  alb_onnx_model_free(&model);
  return status;
}

static void check_file(const char *path) {
  alb_file file;
  assert_ok(NULL, alb_file_map(NULL, path, &file));
  long at = 1;
  for (alb_status status = ALB_MEMORY; status != ALB_OK; at++) {
    alb_diag diag = {0};
    taken = 0;
    fail_at = at;
    status = import(&diag, &file);
    fail_at = 0;
    if (status != ALB_OK && status != ALB_MEMORY)
      fail_msg("%s, allocation %ld: %s, %s", path, at, alb_status_name(status), alb_diag_text(&diag, status));
    alb_diag_free(&diag);
  }
  assert_true(at > 400);
  alb_file_unmap(&file);
}

static void test_dynamo(void **state) {
  (void)state;
  check_file("tests/fuzz/corpus/onnx_import/dynamo.onnx");
}

static void test_fused(void **state) {
  (void)state;
  check_file("tests/fuzz/corpus/onnx_import/int8-fused.onnx");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dynamo), cmocka_unit_test(test_fused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
