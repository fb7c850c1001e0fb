/* ONNX files: reads the graph and lists its weights; converter/onnx recognises the model in it. */
#include <stdlib.h>

#include "converter/onnx/onnx_lower.h"
#include "converter/reader.h"

alb_probe alb_probe_onnx(alb_span head) {
  return alb_looks_like_onnx(head) ? ALB_PROBE_YES : ALB_PROBE_NO;
}

/* Float constants under their names, for sizes and for what is not used. Names of inlined functions may repeat. */
static alb_status list_weights(alb_diag *diag, alb_source *source) {
  const alb_onnx_model *model = source->onnx;
  for (uint32_t v = 0; v < model->values.count; v++) {
    const alb_onnx_tensor *t = alb_onnx_constant(model, v);
    const alb_str name = model->values.items[v].name;
    uint32_t id;
    uint64_t dims[ALB_ONNX_MAX_RANK];
    if (!t || t->count < 2 || name.n == 0 || !alb_onnx_type_dtype(t->type)) continue;
    if (alb_tensors_find(&source->tensors, name) != UINT32_MAX) continue;
    for (size_t i = 0; i < t->rank; i++) dims[i] = (uint64_t)t->dims[i];
    ALB_TRY(alb_tensors_add(diag, &source->tensors, name, alb_onnx_type_dtype(t->type), t->rank, dims,
                            (alb_span){t->data, alb_onnx_tensor_bytes(t)}, &id));
  }
  return ALB_OK;
}

alb_status alb_read_onnx(alb_diag *diag, alb_source *source, const alb_file *file) {
  if (source->onnx) return alb_fail(diag, ALB_UNSUPPORTED, "more than one ONNX file in a model");
  source->onnx = calloc(1, sizeof *source->onnx);
  if (!source->onnx) return alb_fail_memory(diag, sizeof *source->onnx, "an ONNX model");
  ALB_TRY(alb_onnx_read(diag, file->bytes, source->folder, source->onnx));
  ALB_TRY(alb_onnx_lower(diag, source->onnx));
  source->onnx_bytes = file->bytes;
  return list_weights(diag, source);
}
