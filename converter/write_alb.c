/* The project's own file as a form of output. */
#include "converter/writer.h"

static uint64_t count_parameters(const alb_emission *emission) {
  const alb_tensors *tensors = emission->package->graph->tensors;
  uint64_t count = 0;
  for (size_t i = 0; i < emission->blob_count; i++) {
    const alb_blob *blob = &tensors->blobs.items[emission->blobs[i]];
    if (blob->kind != ALB_BLOB_SCALE) count += blob->elements;
  }
  return count;
}

alb_status alb_write_alb(alb_diag *diag, const alb_write_job *job, alb_written *out) {
  const alb_convert_options *o = job->options;
  alb_emission emission;
  ALB_TRY(alb_emit_prepare(diag, job->arena, job->package, &emission));
  out->tensors = emission.tensor_count;
  out->blobs = emission.blob_count;
  out->blob_bytes = emission.blob_bytes;
  out->parameters = count_parameters(&emission);
  ALB_TRY(alb_emit_size(diag, &emission, &out->size));
  if (o->dry_run) return ALB_OK;
  return alb_emit_write(diag, &emission, job->path, o->replace, o->compress, &out->size);
}
