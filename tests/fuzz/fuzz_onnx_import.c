/* Any bytes as an ONNX model: reading, running, recognising, proving. */
#include "converter/onnx/onnx_import.h"
#include "converter/onnx/onnx_lower.h"
#include "tests/fuzz/fuzz.h"

static void import(alb_diag *diag, alb_onnx_model *model, alb_span bytes) {
  alb_arena arena = {0};
  alb_tensors tensors = {0};
  alb_model_spec spec = {.pooling = ALB_POOL_NONE};
  alb_onnx_imported imported;
  if (alb_onnx_lower(diag, model) == ALB_OK)
    (void)alb_onnx_import(diag, &arena, model, bytes, &tensors, &spec, &imported);
  alb_tensors_free(&tensors);
  alb_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  alb_diag diag = {0};
  alb_onnx_model model = {0};
  const alb_span bytes = {data, size};
  if (alb_onnx_read(&diag, bytes, NULL, &model) == ALB_OK) import(&diag, &model, (alb_span){NULL, 0});
  alb_onnx_model_free(&model);
  alb_diag_free(&diag);
  return 0;
}
