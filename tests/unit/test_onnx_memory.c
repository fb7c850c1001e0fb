/* Lack of memory is an error at every allocation that reading and running an ONNX file makes. */
#include <stdio.h>

#include "converter/onnx/onnx_eval.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"

enum { MAX_TENSORS = 9 };

static const char *const tests_of[] = {
    "ort/test_ms_attention_mask",   "ort/test_ms_multi_head_attention_bias", "ort/test_ms_skip_layer_norm_bias",
    "ort/test_ms_embed_layer_norm", "ort/test_ms_dynamic_quantize_matmul",   "ort/test_ms_matmul_nbits",
};

static alb_status map(const char *folder, const char *name, alb_file *file) {
  char path[512];
  (void)snprintf(path, sizeof path, "tests/onnx/%s/%s", folder, name);
  return alb_file_map(NULL, path, file);
}

/* Reads the model and its inputs and runs it; everything is given back. */
static alb_status read_and_run(alb_diag *diag, const char *folder) {
  alb_file file = {0}, files[MAX_TENSORS] = {0};
  alb_onnx_model model = {0};
  alb_onnx_tensor inputs[MAX_TENSORS] = {0}, outputs[MAX_TENSORS] = {0};
  alb_status status = map(folder, "model.onnx", &file);
  if (status == ALB_OK) status = alb_onnx_read(diag, file.bytes, NULL, &model);
  const size_t count = status == ALB_OK ? model.graphs.items[0].input_count : 0;
  for (size_t i = 0; status == ALB_OK && i < count; i++) {
    char name[64];
    alb_str tensor;
    (void)snprintf(name, sizeof name, "test_data_set_0/input_%zu.pb", i);
    status = map(folder, name, &files[i]);
    if (status == ALB_OK) status = alb_onnx_tensor_parse(diag, files[i].bytes, &tensor, &inputs[i]);
  }
  if (status == ALB_OK) status = alb_onnx_run(diag, &model, inputs, NULL, outputs);
  for (size_t i = 0; i < MAX_TENSORS; i++) {
    alb_onnx_tensor_free(&inputs[i]);
    alb_onnx_tensor_free(&outputs[i]);
    alb_file_unmap(&files[i]);
  }
  alb_onnx_model_free(&model);
  alb_file_unmap(&file);
  return status;
}

static void test_refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof tests_of / sizeof tests_of[0]; i++) {
    long at = 1;
    for (alb_status status = ALB_MEMORY; status != ALB_OK; at++) {
      alb_diag diag = {0};
      taken = 0;
      fail_at = at;
      status = read_and_run(&diag, tests_of[i]);
      fail_at = 0;
      if (status != ALB_OK && status != ALB_MEMORY)
        fail_msg("%s, allocation %ld: %s", tests_of[i], at, alb_status_name(status));
      alb_diag_free(&diag);
    }
    assert_true(at > 10);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
