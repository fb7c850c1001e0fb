/* Rows of a tensor as f32, whatever it is stored as. */
#include "graph/weight.h"

#include <stdlib.h>

#include "base/file.h"
#include "graph/blob_intn.h"

static alb_status make(alb_diag *diag, const alb_tensors *tensors, uint32_t blob, void **out) {
  const uint64_t bytes = alb_blob_bytes(tensors, blob);
  *out = malloc(bytes ? (size_t)bytes : 1);
  if (!*out) return alb_fail_memory(diag, (size_t)bytes, "a weight");
  return alb_blob_materialize(diag, tensors, blob, *out);
}

static alb_status open_bytes(alb_diag *diag, const alb_tensors *tensors, const alb_tensor *tensor, alb_weight *out) {
  const alb_blob *blob = &tensors->blobs.items[tensor->blob];
  if (blob->kind == ALB_BLOB_BYTES) {
    out->bytes = blob->bytes.p;
    if (tensors->mapped) out->mapped = blob->bytes;
    return ALB_OK;
  }
  ALB_TRY(make(diag, tensors, tensor->blob, &out->made));
  out->bytes = out->made;
  return ALB_OK;
}

static alb_status open_scales(alb_diag *diag, const alb_tensors *tensors, uint32_t blob, alb_weight *out) {
  const uint64_t count = tensors->blobs.items[blob].elements;
  float *scales = malloc((count ? (size_t)count : 1) * sizeof *scales);
  out->scales = scales;
  if (!scales) return alb_fail_memory(diag, (size_t)count * sizeof *scales, "scales");
  return alb_blob_f32(diag, tensors, blob, scales);
}

alb_status alb_weight_open(alb_diag *diag, const alb_tensors *tensors, uint32_t tensor_id, alb_weight *out) {
  const alb_tensor *tensor = &tensors->tensors.items[tensor_id];
  *out = (alb_weight){.dtype = tensor->dtype, .rows = 1, .width = (size_t)tensor->dims[tensor->rank - 1]};
  if (tensor->rank == 2) out->rows = (size_t)tensor->dims[0];
  ALB_TRY(open_bytes(diag, tensors, tensor, out));
  if (tensor->scale_blob != ALB_NO_BLOB) ALB_TRY(open_scales(diag, tensors, tensor->scale_blob, out));
  out->row = malloc((out->width ? out->width : 1) * sizeof *out->row);
  return out->row ? ALB_OK : alb_fail_memory(diag, out->width * sizeof *out->row, "a row");
}

static const float *intn_row(alb_weight *weight, size_t r) {
  const unsigned bits = alb_intn_bits(weight->dtype);
  const size_t groups = (size_t)alb_intn_groups(weight->width);
  alb_intn_widen(bits, weight->bytes + r * groups * alb_intn_bytes(bits), weight->scales + r * groups, weight->width,
                 weight->row);
  return weight->row;
}

const float *alb_weight_row(alb_weight *weight, size_t r) {
  if (alb_intn_bits(weight->dtype)) return intn_row(weight, r);
  const uint8_t *p = weight->bytes + r * weight->width * alb_dtype_bytes(weight->dtype);
  if (weight->dtype != ALB_I8) {
    (void)alb_to_f32(weight->dtype, p, weight->width, weight->row);
    return weight->row;
  }
  for (size_t i = 0; i < weight->width; i++) weight->row[i] = (float)(int8_t)p[i] * weight->scales[r];
  return weight->row;
}

void alb_weight_close(alb_weight *weight) {
  if (weight->mapped.n) alb_file_release(weight->mapped);
  free(weight->made);
  free((void *)(uintptr_t)weight->scales);
  free(weight->row);
  *weight = (alb_weight){0};
}
