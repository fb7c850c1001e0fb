/* Some rows of a tensor, and transposes, as recipes that go back to the source where they can. */
#include "graph/tensors.h"

static const alb_blob *blob_at(const alb_tensors *table, uint32_t id) {
  return &table->blobs.items[id];
}

/* Elements of a blob: `count` from `first` on. */
typedef struct range {
  uint32_t blob;
  uint64_t first, count;
} range;

/* Goes into the stacked blob that holds the whole range; false when there is none. */
static bool enter_stack(const alb_tensors *table, range *r) {
  const alb_blob *blob = blob_at(table, r->blob);
  uint64_t begin = 0;
  if (blob->kind != ALB_BLOB_CONCAT) return false;
  for (size_t i = 0; i < blob->input_count; i++) {
    const uint64_t n = blob_at(table, blob->inputs[i])->elements;
    if (r->first >= begin && r->first - begin <= n && r->count <= n - (r->first - begin)) {
      *r = (range){blob->inputs[i], r->first - begin, r->count};
      return true;
    }
    begin += n;
  }
  return false;
}

/* The range itself: a whole blob, or a PART of one. */
static alb_status leaf(alb_diag *diag, alb_tensors *table, range r, uint32_t *out) {
  while (enter_stack(table, &r)) continue;
  const alb_blob *blob = blob_at(table, r.blob);
  *out = r.blob;
  if (r.first == 0 && r.count == blob->elements) return ALB_OK;
  const alb_blob part = {.kind = ALB_BLOB_PART,
                         .dtype = blob->dtype,
                         .elements = r.count,
                         .rows = r.first,
                         .inputs = &r.blob,
                         .input_count = 1};
  return alb_tensors_recipe(diag, table, &part, out);
}

/* Rows of a recipe that works row by row are the recipe of those rows. */
static alb_status part_of(alb_diag *diag, alb_tensors *table, range r, uint64_t width, uint32_t *out) {
  const alb_blob blob = *blob_at(table, r.blob);
  const bool by_row = blob.kind == ALB_BLOB_QUANT || blob.kind == ALB_BLOB_SCALE;
  if (blob.kind != ALB_BLOB_CAST && !by_row) return leaf(diag, table, r, out);
  const uint64_t step = blob.kind == ALB_BLOB_SCALE ? blob.columns : 1;
  uint32_t input;
  ALB_TRY(leaf(diag, table, (range){blob.inputs[0], r.first * step, r.count * step}, &input));
  alb_blob recipe = blob;
  recipe.inputs = &input;
  recipe.input_count = 1;
  recipe.elements = r.count;
  if (by_row) recipe.rows = r.count / width;
  return alb_tensors_recipe(diag, table, &recipe, out);
}

alb_status alb_tensors_rows(alb_diag *diag, alb_tensors *table, alb_str name, uint32_t tensor, uint64_t first,
                            uint64_t rows, uint32_t *id) {
  alb_tensor part = table->tensors.items[tensor];
  if (part.rank < 1 || part.rank > 2 || first > part.dims[0] || rows > part.dims[0] - first) {
    return alb_fail(diag, ALB_INTERNAL, "rows %llu to %llu of a tensor that has not so many", (unsigned long long)first,
                    (unsigned long long)(first + rows));
  }
  const uint64_t width = part.rank == 2 ? part.dims[1] : 1;
  part.dims[0] = rows;
  uint32_t blob;
  ALB_TRY(part_of(diag, table, (range){part.blob, first * width, rows * width}, width, &blob));
  if (part.scale_blob != ALB_NO_BLOB) {
    ALB_TRY(part_of(diag, table, (range){part.scale_blob, first, rows}, 1, &part.scale_blob));
  }
  ALB_TRY(alb_tensors_view(diag, table, name, part.rank, part.dims, blob, id));
  table->tensors.items[*id].scale_blob = part.scale_blob;
  return ALB_OK;
}

alb_status alb_blob_transposed(alb_diag *diag, alb_tensors *table, uint32_t blob, uint64_t rows, uint64_t columns,
                               uint32_t *out) {
  const alb_blob *from = blob_at(table, blob);
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
