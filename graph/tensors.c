/* The tensor table: blobs, views of them, and recipes for new ones. */
#include "graph/tensors.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/intn.h"

alb_status alb_shape_elements(alb_diag *diag, size_t rank, const uint64_t *dims, uint64_t *elements) {
  if (rank > ALB_MAX_RANK) return alb_fail(diag, ALB_LIMIT, "rank %zu is above the limit of %d", rank, ALB_MAX_RANK);
  for (size_t i = 0; i < rank; i++) {
    if (dims[i] > ALB_MAX_DIM) {
      return alb_fail(diag, ALB_LIMIT, "dimension %zu is %llu, the limit is 2^48", i, (unsigned long long)dims[i]);
    }
  }
  *elements = 1;
  for (size_t i = 0; i < rank; i++) {
    if (__builtin_mul_overflow(*elements, dims[i], elements)) {
      return alb_fail(diag, ALB_OVERFLOW, "number of elements overflows at dimension %zu", i);
    }
  }
  return ALB_OK;
}

static alb_status push_blob(alb_diag *diag, alb_tensors *table, const alb_blob *blob, uint32_t *id) {
  if (table->blobs.count >= ALB_NO_BLOB) return alb_fail(diag, ALB_LIMIT, "too many blobs");
  if (!alb_vec_push(&table->blobs, *blob)) return alb_fail_memory(diag, sizeof *blob, "a blob");
  *id = (uint32_t)(table->blobs.count - 1);
  return ALB_OK;
}

static alb_status push_tensor(alb_diag *diag, alb_tensors *table, alb_tensor tensor, alb_str name, uint32_t *id) {
  const char *copy = alb_arena_strdup(&table->arena, name);
  size_t index;
  bool inserted;
  if (!copy) return alb_fail_memory(diag, name.n, "a tensor name");
  tensor.name = (alb_str){copy, name.n};
  if (!alb_strmap_add(&table->names, tensor.name, &index, &inserted)) {
    return alb_fail_memory(diag, name.n, "a tensor name");
  }
  if (!inserted) return alb_fail(diag, ALB_DUPLICATE, "tensor \"%.*s\" stands twice", ALB_STR_ARGS(name));
  if (!alb_vec_push(&table->tensors, tensor)) return alb_fail_memory(diag, sizeof tensor, "a tensor");
  *id = (uint32_t)index;
  return ALB_OK;
}

alb_status alb_tensors_add(alb_diag *diag, alb_tensors *table, alb_str name, alb_dtype dtype, size_t rank,
                           const uint64_t *dims, alb_span bytes, uint32_t *id) {
  uint64_t elements, size;
  ALB_TRY(alb_shape_elements(diag, rank, dims, &elements));
  if (__builtin_mul_overflow(elements, alb_dtype_bytes(dtype), &size)) {
    return alb_fail(diag, ALB_OVERFLOW, "size in bytes overflows");
  }
  if (size != bytes.n) {
    return alb_fail(diag, ALB_SHAPE, "shape needs %llu bytes, found %zu", (unsigned long long)size, bytes.n);
  }
  const alb_blob blob = {.kind = ALB_BLOB_BYTES, .dtype = dtype, .elements = elements, .bytes = bytes};
  alb_tensor tensor = {.dtype = dtype, .rank = rank, .blob = (uint32_t)table->blobs.count, .scale_blob = ALB_NO_BLOB};
  if (rank) memcpy(tensor.dims, dims, rank * sizeof *dims);
  ALB_TRY(push_tensor(diag, table, tensor, name, id));
  return push_blob(diag, table, &blob, &tensor.blob);
}

/* "name", or "name#2", "name#3" ... when that is taken. */
static alb_status free_name(alb_diag *diag, alb_tensors *table, alb_str name, alb_str *out) {
  *out = name;
  for (unsigned n = 2; alb_strmap_find(&table->names, *out) != ALB_STRMAP_NONE; n++) {
    const char *text = alb_arena_printf(&table->arena, "%.*s#%u", (int)name.n, name.p, n);
    if (!text) return alb_fail_memory(diag, name.n, "a tensor name");
    *out = alb_str_of(text);
  }
  return ALB_OK;
}

alb_status alb_tensors_view(alb_diag *diag, alb_tensors *table, alb_str name, size_t rank, const uint64_t *dims,
                            uint32_t blob, uint32_t *id) {
  uint64_t elements;
  ALB_TRY(alb_shape_elements(diag, rank, dims, &elements));
  if (blob >= table->blobs.count || table->blobs.items[blob].elements != elements) {
    return alb_fail(diag, ALB_SHAPE, "tensor \"%.*s\" does not fit its blob", ALB_STR_ARGS(name));
  }
  alb_tensor tensor = {.dtype = table->blobs.items[blob].dtype, .rank = rank, .blob = blob, .scale_blob = ALB_NO_BLOB};
  if (rank) memcpy(tensor.dims, dims, rank * sizeof *dims);
  ALB_TRY(free_name(diag, table, name, &name));
  return push_tensor(diag, table, tensor, name, id);
}

alb_status alb_tensors_blob(alb_diag *diag, alb_tensors *table, alb_dtype dtype, uint64_t elements, alb_span bytes,
                            uint32_t *blob) {
  uint64_t size;
  if (__builtin_mul_overflow(elements, alb_dtype_bytes(dtype), &size) || size != bytes.n) {
    return alb_fail(diag, ALB_SHAPE, "a blob of %zu bytes does not hold %llu elements", bytes.n,
                    (unsigned long long)elements);
  }
  const alb_blob source = {.kind = ALB_BLOB_BYTES, .dtype = dtype, .elements = elements, .bytes = bytes};
  return push_blob(diag, table, &source, blob);
}

alb_status alb_tensors_made(alb_diag *diag, alb_tensors *table, uint64_t elements, float **values, uint32_t *blob) {
  uint64_t size;
  uint8_t *bytes;
  if (__builtin_mul_overflow(elements, sizeof **values, &size) || size > SIZE_MAX) {
    return alb_fail(diag, ALB_OVERFLOW, "a blob of %llu elements", (unsigned long long)elements);
  }
  ALB_TRY(alb_spill_alloc(diag, &table->made, (size_t)size, &bytes));
  *values = (float *)(void *)bytes;
  return alb_tensors_blob(diag, table, ALB_F32, elements, (alb_span){bytes, (size_t)size}, blob);
}

alb_status alb_tensors_made_intn(alb_diag *diag, alb_tensors *table, alb_dtype dtype, uint64_t rows, uint64_t columns,
                                 uint8_t **codes, uint16_t **scales, uint32_t *blob, uint32_t *scale_blob) {
  uint64_t groups, size;
  uint8_t *bytes;
  if (__builtin_mul_overflow(rows, alb_intn_groups(columns), &groups) ||
      __builtin_mul_overflow(groups, alb_intn_bytes(alb_intn_bits(dtype)), &size) || size > SIZE_MAX) {
    return alb_fail(diag, ALB_OVERFLOW, "an %s matrix of %llu rows", alb_dtype_name(dtype), (unsigned long long)rows);
  }
  ALB_TRY(alb_spill_alloc(diag, &table->made, (size_t)size, codes));
  const alb_blob made = {.kind = ALB_BLOB_BYTES,
                         .dtype = dtype,
                         .elements = rows * columns,
                         .rows = rows,
                         .columns = columns,
                         .bytes = {*codes, (size_t)size}};
  ALB_TRY(push_blob(diag, table, &made, blob));
  ALB_TRY(alb_spill_alloc(diag, &table->made, (size_t)groups * sizeof **scales, &bytes));
  *scales = (uint16_t *)(void *)bytes;
  return alb_tensors_blob(diag, table, ALB_F16, groups, (alb_span){bytes, (size_t)groups * sizeof **scales},
                          scale_blob);
}

static bool same_recipe(const alb_blob *a, const alb_blob *b) {
  return a->kind == b->kind && a->dtype == b->dtype && a->elements == b->elements && a->rows == b->rows &&
         a->columns == b->columns && a->of == b->of && a->input_count == b->input_count &&
         memcmp(a->inputs, b->inputs, a->input_count * sizeof *a->inputs) == 0;
}

alb_status alb_tensors_recipe(alb_diag *diag, alb_tensors *table, const alb_blob *recipe, uint32_t *blob) {
  for (uint32_t b = 0; b < table->blobs.count; b++) {
    if (table->blobs.items[b].kind == ALB_BLOB_BYTES || !same_recipe(&table->blobs.items[b], recipe)) continue;
    *blob = b;
    return ALB_OK;
  }
  return alb_tensors_new_recipe(diag, table, recipe, blob);
}

alb_status alb_tensors_new_recipe(alb_diag *diag, alb_tensors *table, const alb_blob *recipe, uint32_t *blob) {
  alb_blob copy = *recipe;
  uint32_t *inputs = ALB_NEW_ARRAY(&table->arena, uint32_t, recipe->input_count);
  if (!inputs) return alb_fail_memory(diag, recipe->input_count * sizeof *inputs, "a recipe");
  memcpy(inputs, recipe->inputs, recipe->input_count * sizeof *inputs);
  copy.inputs = inputs;
  copy.hashed = false;
  return push_blob(diag, table, &copy, blob);
}

bool alb_blob_is_residual(const alb_tensors *table, uint32_t blob) {
  return table->blobs.items[blob].kind == ALB_BLOB_RESIDUAL;
}

alb_residual alb_blob_residual(const alb_tensors *table, uint32_t blob) {
  const alb_blob *b = &table->blobs.items[blob];
  const size_t n = b->input_count;
  return (alb_residual){b->inputs[0], n > 3 ? b->inputs[1] : ALB_NO_BLOB, b->inputs[n - 2], b->inputs[n - 1]};
}

uint32_t alb_blob_base(const alb_tensors *table, uint32_t blob) {
  return alb_blob_is_residual(table, blob) ? table->blobs.items[blob].inputs[0] : blob;
}

alb_dtype alb_tensor_stored(const alb_tensors *table, uint32_t tensor) {
  return table->blobs.items[alb_blob_base(table, table->tensors.items[tensor].blob)].dtype;
}

alb_blob alb_residual_recipe(const alb_residual *parts, uint64_t rows, uint64_t columns, uint32_t inputs[4]) {
  size_t n = 0;
  inputs[n++] = parts->base;
  if (parts->base_scale != ALB_NO_BLOB) inputs[n++] = parts->base_scale;
  inputs[n++] = parts->left;
  inputs[n++] = parts->right;
  return (alb_blob){.kind = ALB_BLOB_RESIDUAL,
                    .dtype = ALB_F32,
                    .elements = rows * columns,
                    .rows = rows,
                    .columns = columns,
                    .inputs = inputs,
                    .input_count = n};
}

alb_status alb_blob_transposed(alb_diag *diag, alb_tensors *table, uint32_t blob, uint64_t rows, uint64_t columns,
                               uint32_t *out) {
  const alb_blob *from = &table->blobs.items[blob];
  if (from->kind == ALB_BLOB_TRANSPOSE && from->columns == rows && from->rows == columns) {
    *out = from->inputs[0];
    return ALB_OK;
  }
  const alb_blob recipe = {.kind = ALB_BLOB_TRANSPOSE,
                           .dtype = from->dtype,
                           .elements = from->elements,
                           .rows = rows,
                           .columns = columns,
                           .inputs = &blob,
                           .input_count = 1};
  return alb_tensors_recipe(diag, table, &recipe, out);
}

uint32_t alb_tensors_find(const alb_tensors *table, alb_str name) {
  const size_t index = alb_strmap_find(&table->names, name);
  return index == ALB_STRMAP_NONE ? UINT32_MAX : (uint32_t)index;
}

/* Rows of int4 to int6 are whole groups, so they need more than their elements say. */
static uint64_t intn_bytes(const alb_tensors *table, const alb_blob *blob) {
  const size_t group = alb_intn_bytes(alb_intn_bits(blob->dtype));
  uint64_t bytes = 0;
  if (blob->kind == ALB_BLOB_BYTES) return blob->bytes.n;
  if (blob->kind == ALB_BLOB_QUANT) return blob->rows * alb_intn_groups(blob->columns) * group;
  for (size_t i = 0; i < blob->input_count; i++) bytes += alb_blob_bytes(table, blob->inputs[i]);
  return bytes;
}

uint64_t alb_blob_bytes(const alb_tensors *table, uint32_t blob) {
  if (alb_intn_bits(table->blobs.items[blob].dtype)) return intn_bytes(table, &table->blobs.items[blob]);
  return table->blobs.items[blob].elements * alb_dtype_bytes(table->blobs.items[blob].dtype);
}

static alb_status clone_blob(alb_diag *diag, const alb_blob *blob, alb_tensors *to) {
  alb_blob copy = *blob;
  uint32_t id, *inputs = ALB_NEW_ARRAY(&to->arena, uint32_t, blob->input_count);
  if (!inputs) return alb_fail_memory(diag, blob->input_count * sizeof *inputs, "a recipe");
  if (blob->input_count) memcpy(inputs, blob->inputs, blob->input_count * sizeof *inputs);
  copy.inputs = inputs;
  return push_blob(diag, to, &copy, &id);
}

alb_status alb_tensors_clone(alb_diag *diag, const alb_tensors *from, alb_tensors *to) {
  uint32_t id;
  to->mapped = from->mapped;
  for (size_t i = 0; i < from->blobs.count; i++) ALB_TRY(clone_blob(diag, &from->blobs.items[i], to));
  for (size_t i = 0; i < from->tensors.count; i++) {
    ALB_TRY(push_tensor(diag, to, from->tensors.items[i], from->tensors.items[i].name, &id));
  }
  return ALB_OK;
}

void alb_tensors_free(alb_tensors *table) {
  alb_vec_free(&table->blobs);
  alb_vec_free(&table->tensors);
  alb_strmap_free(&table->names);
  alb_spill_free(&table->made);
  alb_arena_free(&table->arena);
}
