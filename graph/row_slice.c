/* Rows of a tensor: a part of a source blob's bytes, and for recipes the same recipe over parts of its inputs. */
#include "graph/row_slice.h"

#include "base/intn.h"

enum { MAX_DEPTH = 8, MAX_INPUTS = 1024 };

typedef struct slicer {
  alb_diag *diag;
  alb_tensors *table;
  uint64_t first, rows;
} slicer;

/* A part of a source blob, found again when it is there already, so that sharing stays. */
static alb_status slice_bytes(const slicer *s, const alb_blob *blob, uint64_t width, uint32_t *out) {
  const unsigned bits = alb_intn_bits(blob->dtype);
  const size_t row =
      bits ? (size_t)alb_intn_groups(width) * alb_intn_bytes(bits) : (size_t)width * alb_dtype_bytes(blob->dtype);
  alb_blob part = {.kind = ALB_BLOB_BYTES, .dtype = blob->dtype, .elements = s->rows * width};
  part.bytes = (alb_span){blob->bytes.p + s->first * row, (size_t)s->rows * row};
  for (*out = 0; *out < s->table->blobs.count; (*out)++) {
    const alb_blob *old = &s->table->blobs.items[*out];
    if (old->kind == ALB_BLOB_BYTES && old->bytes.p == part.bytes.p && old->bytes.n == part.bytes.n) return ALB_OK;
  }
  return alb_vec_push(&s->table->blobs, part) ? ALB_OK : alb_fail_memory(s->diag, sizeof part, "a blob");
}

/* `width`: elements of a row of this blob. Recipes nest at most MAX_DEPTH deep. */
static alb_status slice(const slicer *s, uint32_t id, uint64_t width, int depth, uint32_t *out);

/* The recipe over slices of its inputs, whose rows are `width` wide. */
static alb_status slice_inputs(const slicer *s, alb_blob recipe, uint64_t width, int depth, uint32_t *out) {
  uint32_t inputs[MAX_INPUTS];
  if (recipe.input_count > MAX_INPUTS) return alb_fail(s->diag, ALB_LIMIT, "a recipe of %zu blobs", recipe.input_count);
  for (size_t i = 0; i < recipe.input_count; i++) ALB_TRY(slice(s, recipe.inputs[i], width, depth + 1, &inputs[i]));
  recipe.inputs = inputs;
  recipe.hashed = false;
  return alb_tensors_recipe(s->diag, s->table, &recipe, out);
}

/* Rows of a recipe that does not work row by row: made whole, then cut. */
static alb_status cut(const slicer *s, uint32_t id, uint64_t width, uint32_t *out) {
  const alb_dtype dtype = s->table->blobs.items[id].dtype;
  if (alb_intn_bits(dtype)) {
    return alb_fail(s->diag, ALB_UNSUPPORTED, "rows of several %s matrices in one", alb_dtype_name(dtype));
  }
  const alb_blob part = {.kind = ALB_BLOB_PART,
                         .dtype = dtype,
                         .elements = s->rows * width,
                         .rows = s->first * width,
                         .inputs = &id,
                         .input_count = 1};
  return alb_tensors_recipe(s->diag, s->table, &part, out);
}

/* Rows of a stack that lie in one of the blobs that were stacked; rows of several are cut out of the whole. */
static alb_status slice_stack(const slicer *s, uint32_t id, uint64_t width, int depth, uint32_t *out) {
  const alb_blob *stack = &s->table->blobs.items[id];
  uint64_t begin = 0;
  for (size_t i = 0; i < stack->input_count; i++) {
    const uint64_t rows = s->table->blobs.items[stack->inputs[i]].elements / width;
    if (s->first >= begin && s->first - begin <= rows && s->rows <= rows - (s->first - begin)) {
      const slicer inner = {s->diag, s->table, s->first - begin, s->rows};
      *out = stack->inputs[i];
      return s->rows == rows ? ALB_OK : slice(&inner, stack->inputs[i], width, depth + 1, out);
    }
    begin += rows;
  }
  return cut(s, id, width, out);
}

static alb_status slice(const slicer *s, uint32_t id, uint64_t width, int depth, uint32_t *out) {
  alb_blob blob = s->table->blobs.items[id];
  if (depth > MAX_DEPTH) return alb_fail(s->diag, ALB_INTERNAL, "recipes nest deeper than %d", MAX_DEPTH);
  if (s->rows > blob.elements / width || s->first > blob.elements / width - s->rows) {
    return alb_fail(s->diag, ALB_INTERNAL, "rows of a blob that has not so many");
  }
  *out = id;
  if (blob.elements == s->rows * width) return ALB_OK;
  blob.elements = s->rows * width;
  switch (blob.kind) {
    case ALB_BLOB_BYTES:
      return slice_bytes(s, &s->table->blobs.items[id], width, out);
    case ALB_BLOB_CONCAT:
      return slice_stack(s, id, width, depth, out);
    case ALB_BLOB_CAST:
    case ALB_BLOB_MEAN:
    case ALB_BLOB_COPY:
      return slice_inputs(s, blob, width, depth, out);
    case ALB_BLOB_QUANT:
    case ALB_BLOB_SCALE:
      blob.rows = s->rows;
      return slice_inputs(s, blob, blob.columns, depth, out);
    default:
      return cut(s, id, width, out);
  }
}

alb_status alb_tensors_slice(alb_diag *diag, alb_tensors *table, alb_str name, uint32_t tensor, uint64_t first,
                             uint64_t rows, uint32_t *id) {
  const alb_tensor whole = table->tensors.items[tensor];
  uint64_t dims[2] = {rows, whole.dims[1]};
  uint32_t blob, scale = ALB_NO_BLOB;
  if (whole.rank < 1 || whole.rank > 2) return alb_fail(diag, ALB_INTERNAL, "rows of a tensor of rank %zu", whole.rank);
  const slicer s = {diag, table, first, rows};
  ALB_TRY(slice(&s, whole.blob, whole.rank == 2 ? whole.dims[1] : 1, 0, &blob));
  const uint64_t scales = alb_intn_bits(whole.dtype) ? alb_intn_groups(whole.dims[1]) : 1;
  if (whole.scale_blob != ALB_NO_BLOB) ALB_TRY(slice(&s, whole.scale_blob, scales, 0, &scale));
  ALB_TRY(alb_tensors_view(diag, table, name, whole.rank, dims, blob, id));
  table->tensors.items[*id].scale_blob = scale;
  return ALB_OK;
}
