/* ONNX files as a form of output (converter/onnx). */
#include "converter/onnx/export.h"
#include "converter/writer.h"

/* Stored numbers; scales say how others are stored. */
static uint64_t count_parameters(const alb_export *model) {
  uint64_t count = 0;
  for (size_t i = 0; i < model->initializers.count; i++) {
    const alb_initializer *item = &model->initializers.items[i];
    if (!item->is_scale) count += model->package->graph->tensors->blobs.items[item->blob].elements;
  }
  return count;
}

/* int4, int5 and int6 weights become f32, which is exact. */
static alb_status widen(alb_diag *diag, const alb_write_job *job, alb_written *out) {
  alb_tensors *tensors = job->package->graph->tensors;
  bool found = false;
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    alb_tensor *tensor = &tensors->tensors.items[t];
    if (!alb_intn_bits(tensor->dtype)) continue;
    const uint32_t inputs[] = {tensor->blob, tensor->scale_blob};
    const alb_blob recipe = {.kind = ALB_BLOB_WIDE,
                             .dtype = ALB_F32,
                             .elements = tensor->dims[0] * tensor->dims[1],
                             .rows = tensor->dims[0],
                             .columns = tensor->dims[1],
                             .inputs = inputs,
                             .input_count = 2};
    ALB_TRY(alb_tensors_recipe(diag, tensors, &recipe, &tensor->blob));
    tensor->scale_blob = ALB_NO_BLOB;
    tensor->dtype = ALB_F32;
    found = true;
  }
  if (!found) return ALB_OK;
  const bool tables_stay = job->tables == ALB_I8, both = alb_intn_bits(job->dtype) && alb_intn_bits(job->tables);
  const alb_dtype first = alb_intn_bits(job->dtype) ? job->dtype : job->tables;
  const char *and = both && job->tables != first ? " and " : "", *second = *and? alb_dtype_name(job->tables) : "";
  return alb_write_note(
      diag, out,
      alb_arena_printf(job->arena, "%s%s%s %s are multiplied out to f32%s", alb_dtype_name(first), and, second,
                       tables_stay ? "matrices" : "weights", tables_stay ? "; tables stay int8" : ""));
}

static alb_status write_model(alb_diag *diag, const alb_write_job *job, alb_export *model, alb_written *out) {
  alb_export_size size;
  if (job->options->onnx.integer && job->dtype != ALB_I8) {
    return alb_fail(diag, ALB_USAGE, "--onnx-int8 integer needs --dtype int8");
  }
  ALB_TRY(widen(diag, job, out));
  ALB_TRY(alb_export_build(diag, job->arena, job->package, &job->options->onnx, model));
  ALB_TRY(alb_export_measure(model, job->path, &size));
  out->size = size.file + size.data;
  out->blob_bytes = size.weights;
  out->tensors = out->blobs = model->initializers.count;
  out->parameters = count_parameters(model);
  if (size.data) {
    ALB_TRY(
        alb_write_note(diag, out,
                       alb_arena_printf(job->arena, "%llu bytes of weights go to %s.data, which is to stay beside it",
                                        (unsigned long long)size.data, job->path ? job->path : "OUTPUT")));
  }
  return job->options->dry_run ? ALB_OK : alb_export_write(model, job->path, job->options->replace);
}

alb_status alb_write_onnx(alb_diag *diag, const alb_write_job *job, alb_written *out) {
  alb_export model = {0};
  const alb_status status = write_model(diag, job, &model, out);
  alb_export_free(&model);
  return status;
}
