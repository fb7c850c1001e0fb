/* Writing safetensors files. */
#include "converter/safetensors_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "graph/weight.h"

static uint64_t elements(const alb_st_item *item) {
  return item->rank == 2 ? item->dims[0] * item->dims[1] : item->dims[0];
}

uint64_t alb_st_bytes(const alb_st_item *item) {
  return elements(item) * alb_dtype_bytes(item->dtype);
}

/* ---- elements ---- */

static alb_status make_filled(alb_diag *diag, const alb_st_item *item, uint8_t *out) {
  const float one = 1;
  const size_t step = alb_dtype_bytes(item->dtype);
  memset(out, 0, (size_t)alb_st_bytes(item));
  for (uint64_t i = 0; item->fill == ALB_ST_IDENTITY && i < item->dims[0] && i < item->dims[1]; i++) {
    if (!alb_from_f32(item->dtype, &one, 1, out + (i * item->dims[1] + i) * step)) {
      return alb_fail(diag, ALB_INTERNAL, "an identity of a type that is not float");
    }
  }
  return ALB_OK;
}

static alb_status make_cast(alb_diag *diag, const alb_tensors *tensors, const alb_st_item *item, uint8_t *out) {
  alb_weight weight = {0};
  alb_status status = alb_weight_open(diag, tensors, item->tensor, &weight);
  for (size_t r = 0; status == ALB_OK && r < weight.rows; r++) {
    if (!alb_from_f32(item->dtype, alb_weight_row(&weight, r), weight.width, out)) {
      status = alb_fail(diag, ALB_INTERNAL, "a tensor as a type that is not float");
    }
    out += weight.width * alb_dtype_bytes(item->dtype);
  }
  alb_weight_close(&weight);
  return status;
}

alb_status alb_st_make(alb_diag *diag, const alb_tensors *tensors, const alb_st_item *item, void *out) {
  if (item->tensor == ALB_ST_NO_TENSOR) return make_filled(diag, item, out);
  const alb_tensor *t = &tensors->tensors.items[item->tensor];
  if (t->dtype == item->dtype && t->scale_blob == ALB_NO_BLOB) return alb_blob_materialize(diag, tensors, t->blob, out);
  return make_cast(diag, tensors, item, out);
}

/* ---- the header ---- */

static int by_width_and_name(const void *a, const void *b) {
  const alb_st_item *x = a, *y = b;
  const size_t p = alb_dtype_bytes(x->dtype), q = alb_dtype_bytes(y->dtype);
  return p != q ? (p < q) - (p > q) : strcmp(x->name, y->name);
}

static const char *dtype_name(alb_dtype dtype) {
  switch (dtype) {
#define ALB_DTYPE(id, value, name, st_name, bytes, bits) \
  case ALB_##id:                                         \
    return st_name;
#include "base/dtype.def"
#undef ALB_DTYPE
    case ALB_DTYPE_NONE:
      break;
  }
  return "?";
}

static void print_item(FILE *out, const alb_st_item *item, uint64_t begin) {
  fprintf(out, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%llu", item->name, dtype_name(item->dtype),
          (unsigned long long)item->dims[0]);
  if (item->rank == 2) fprintf(out, ",%llu", (unsigned long long)item->dims[1]);
  fprintf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
          (unsigned long long)(begin + alb_st_bytes(item)));
}

/* Padded with spaces, so that the data begin at a multiple of 8. */
static void print_header(FILE *out, alb_st_file *file) {
  fprintf(out, "{\"__metadata__\":{\"format\":\"pt\"}");
  file->data_size = 0;
  for (size_t i = 0; i < file->count; i++) {
    print_item(out, &file->items[i], file->data_size);
    file->data_size += alb_st_bytes(&file->items[i]);
  }
  fprintf(out, "}");
  for (long n = ftell(out); n % 8; n++) fputc(' ', out);
}

alb_status alb_st_prepare(alb_diag *diag, alb_arena *arena, alb_st_file *file) {
  char *text = NULL;
  qsort(file->items, file->count, sizeof *file->items, by_width_and_name);
  FILE *out = open_memstream(&text, &file->header_size);
  if (!out) return alb_fail_memory(diag, file->count * 128, "a header");
  print_header(out, file);
  const bool failed = ferror(out) != 0;
  if (fclose(out) == 0 && !failed) file->header = alb_arena_strdup(arena, (alb_str){text, file->header_size});
  free(text);
  return file->header ? ALB_OK : alb_fail_memory(diag, file->header_size, "a header");
}

/* ---- the file ---- */

/* A source blob is written from where it lies; its pages are given back at once. */
static alb_status write_item(alb_diag *diag, const alb_st_file *file, const alb_st_item *item, alb_output *out,
                             uint64_t offset) {
  const alb_tensor *t = item->tensor == ALB_ST_NO_TENSOR ? NULL : &file->tensors->tensors.items[item->tensor];
  const alb_blob *blob = t ? &file->tensors->blobs.items[t->blob] : NULL;
  if (blob && blob->kind == ALB_BLOB_BYTES && t->dtype == item->dtype) {
    const alb_status status = alb_output_write(diag, out, offset, blob->bytes.p, blob->bytes.n);
    if (file->tensors->mapped) alb_file_release(blob->bytes);
    return status;
  }
  const size_t size = (size_t)alb_st_bytes(item);
  void *bytes = malloc(size ? size : 1);
  alb_status status = bytes ? alb_st_make(diag, file->tensors, item, bytes) : alb_fail_memory(diag, size, "a tensor");
  if (status == ALB_OK) status = alb_output_write(diag, out, offset, bytes, size);
  free(bytes);
  return status;
}

static alb_status write_all(alb_diag *diag, const alb_st_file *file, alb_output *out) {
  uint8_t length[8];
  uint64_t offset = sizeof length + file->header_size;
  alb_store_u64(length, file->header_size);
  ALB_TRY(alb_output_write(diag, out, 0, length, sizeof length));
  ALB_TRY(alb_output_write(diag, out, sizeof length, file->header, file->header_size));
  for (size_t i = 0; i < file->count; i++) {
    ALB_TRY(write_item(diag, file, &file->items[i], out, offset));
    offset += alb_st_bytes(&file->items[i]);
  }
  return alb_output_commit(diag, out);
}

alb_status alb_st_write(alb_diag *diag, const alb_st_file *file, const char *path) {
  alb_output out = {.fd = -1};
  alb_status status = alb_output_open(diag, path, false, &out);
  if (status == ALB_OK) status = write_all(diag, file, &out);
  alb_output_abort(&out);
  return status;
}
