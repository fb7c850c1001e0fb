/* Where a parameter's bytes stand in the file, or how they are made. */
#include "converter/onnx/onnx_parameter.h"

#include <stdlib.h>

#include "converter/finite.h"
#include "converter/onnx/onnx_eval.h"

enum { MAX_STEPS = 64 };

/* Constant bytes that a value is, with nothing but shapes and transposes in between. */
typedef struct origin {
  uint32_t constant; /* ALB_ONNX_NONE: the value is computed */
  bool transposed;
} origin;

static alb_status no_memory(const alb_onnx_parameters *p) {
  return alb_fail_memory(p->m->diag, 0, "a parameter");
}

static bool keeps_bytes(alb_onnx_op op) {
  return op == ALB_ONNX_OP_Identity || op == ALB_ONNX_OP_Reshape || op == ALB_ONNX_OP_Squeeze ||
         op == ALB_ONNX_OP_Unsqueeze || op == ALB_ONNX_OP_Flatten || op == ALB_ONNX_OP_Dropout;
}

static bool is_square_transpose(const alb_onnx_match *m, const alb_onnx_node *node) {
  const alb_onnx_attribute *perm = alb_onnx_attribute_find(node, "perm");
  if (node->op != ALB_ONNX_OP_Transpose || m->trace->tensors[node->inputs[0]].rank != 2) return false;
  return !perm || (perm->kind == ALB_ONNX_ATTR_INTS && perm->count == 2 && perm->ints[0] == 1 && perm->ints[1] == 0);
}

/* A cast that loses nothing: the source's narrower numbers are the weights. */
static bool widens(const alb_onnx_match *m, const alb_onnx_node *node) {
  const alb_onnx_type from = m->trace->tensors[node->inputs[0]].type, to = m->trace->tensors[node->outputs[0]].type;
  if (node->op != ALB_ONNX_OP_Cast && node->op != ALB_ONNX_OP_CastLike) return false;
  return alb_onnx_type_is_float(from) && alb_onnx_type_bytes(from) <= alb_onnx_type_bytes(to) &&
         alb_onnx_type_is_float(to) && (from == to || alb_onnx_type_bytes(from) < alb_onnx_type_bytes(to));
}

static origin trace_back(const alb_onnx_parameters *p, const alb_onnx_part *part) {
  const alb_onnx_match *m = p->m;
  uint32_t value = part->value;
  bool transposed = part->transposed;
  for (size_t step = 0; step < MAX_STEPS; step++) {
    if (m->model->values.items[value].constant != ALB_ONNX_NONE)
      return (origin){m->model->values.items[value].constant, transposed};
    const alb_onnx_node *node = alb_onnx_producer(m->model, value);
    if (!node || node->input_count < 1 || node->inputs[0] == ALB_ONNX_NONE || m->trace->dynamic[node->inputs[0]]) break;
    if (is_square_transpose(m, node)) {
      transposed = !transposed;
    } else if (!keeps_bytes(node->op) && !widens(m, node)) {
      break;
    }
    value = node->inputs[0];
  }
  return (origin){ALB_ONNX_NONE, false};
}

/* Marks the constants that a value is computed from, as far as a short stack reaches. */
static void mark_used(const alb_onnx_parameters *p, uint32_t value) {
  uint32_t stack[MAX_STEPS];
  size_t depth = 0, steps = 0;
  if (value != ALB_ONNX_NONE) stack[depth++] = value;
  while (depth && steps++ < 16 * MAX_STEPS) {
    const uint32_t v = stack[--depth], constant = p->m->model->values.items[v].constant;
    const alb_onnx_node *node = alb_onnx_producer(p->m->model, v);
    if (constant != ALB_ONNX_NONE) p->used[constant] = true;
    for (uint32_t i = 0; node && i < node->input_count && depth < MAX_STEPS; i++) {
      if (node->inputs[i] != ALB_ONNX_NONE) stack[depth++] = node->inputs[i];
    }
  }
}

/* ---- blobs ---- */

static bool is_mapped(const alb_onnx_parameters *p, alb_span bytes) {
  return bytes.p >= p->file.p && bytes.n <= p->file.n && (size_t)(bytes.p - p->file.p) <= p->file.n - bytes.n;
}

/* Bytes as a blob; what does not lie in the mapped file must keep its pages. */
static alb_status add_bytes(alb_onnx_parameters *p, alb_dtype dtype, alb_span bytes, uint32_t *blob) {
  const uint32_t none = 0;
  const alb_blob source = {.kind = ALB_BLOB_BYTES,
                           .dtype = dtype,
                           .elements = bytes.n / alb_dtype_bytes(dtype),
                           .bytes = bytes,
                           .inputs = &none};
  if (!is_mapped(p, bytes)) p->tensors->mapped = false;
  return alb_tensors_recipe(p->m->diag, p->tensors, &source, blob);
}

/* A blob for each use, as every source gives: what is shared is for the passes to find. */
static alb_status whole_blob(alb_onnx_parameters *p, alb_str name, uint32_t constant, uint32_t *blob) {
  const alb_onnx_tensor *t = &p->m->model->constants.items[constant];
  const alb_dtype dtype = alb_onnx_type_dtype(t->type);
  const alb_span bytes = {t->data, alb_onnx_tensor_bytes(t)};
  if (!p->checked[constant]) ALB_TRY(alb_check_finite(p->m->diag, name, dtype, bytes));
  p->checked[constant] = true;
  return add_bytes(p, dtype, bytes, blob);
}

/* Owned numbers in the table's arena as a blob; numbers NULL: `filler` everywhere. */
static alb_status made_blob(alb_onnx_parameters *p, alb_str name, const float *numbers, size_t n, float filler,
                            uint32_t *blob) {
  float *kept = alb_arena_array(&p->tensors->arena, n, sizeof *kept);
  if (!kept) return no_memory(p);
  for (size_t i = 0; i < n; i++) kept[i] = numbers ? numbers[i] : filler;
  const alb_span bytes = {(const uint8_t *)kept, n * sizeof *kept};
  ALB_TRY(alb_check_finite(p->m->diag, name, ALB_F32, bytes));
  p->computed += numbers != NULL;
  return add_bytes(p, ALB_F32, bytes, blob);
}

/* ---- matrices and tables ---- */

/* Rows first .. first + rows of a blob whose rows have `columns` elements. */
static alb_status cut_rows(alb_onnx_parameters *p, uint32_t whole, size_t first, size_t rows, size_t columns,
                           uint32_t *blob) {
  const alb_blob *from = &p->tensors->blobs.items[whole];
  const alb_blob part = {.kind = ALB_BLOB_PART,
                         .dtype = from->dtype,
                         .elements = rows * columns,
                         .rows = first * columns,
                         .inputs = &whole,
                         .input_count = 1};
  *blob = whole;
  if (part.elements == from->elements) return ALB_OK;
  return alb_tensors_recipe(p->m->diag, p->tensors, &part, blob);
}

/* A matrix whose bytes stand in the file: [out,in], or [in,out] that is to be transposed. */
static alb_status stored_matrix(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, const origin *from,
                                bool table, size_t rows, size_t columns, uint32_t *blob) {
  const alb_onnx_tensor *t = &p->m->model->constants.items[from->constant];
  uint32_t whole;
  ALB_TRY(whole_blob(p, name, from->constant, &whole));
  const bool turned = table ? from->transposed : !from->transposed;
  const size_t all = t->count / columns;
  if (turned) ALB_TRY(alb_blob_transposed(p->m->diag, p->tensors, whole, columns, all, &whole));
  return cut_rows(p, whole, part->size ? part->first : 0, rows, columns, blob);
}

/* Numbers [in,all] of a packed weight: the product of the identity matrix. */
static alb_status unpack(alb_onnx_parameters *p, const alb_onnx_part *part, size_t in, alb_onnx_tensor *out) {
  alb_onnx_match *m = p->m;
  const alb_onnx_node *node = alb_match_node(m, part->node);
  const alb_onnx_tensor **inputs = calloc(node->input_count, sizeof *inputs);
  alb_onnx_tensor one = {0};
  const int64_t dims[2] = {(int64_t)in, (int64_t)in};
  alb_status status =
      inputs ? alb_onnx_tensor_new(m->diag, m->trace->tensors[node->inputs[0]].type, 2, dims, &one) : no_memory(p);
  for (size_t i = 0; status == ALB_OK && i < in; i++) alb_onnx_set_f64(&one, i * in + i, 1);
  for (uint32_t i = 0; status == ALB_OK && i < node->input_count; i++) {
    if (node->inputs[i] != ALB_ONNX_NONE) inputs[i] = i ? &m->trace->tensors[node->inputs[i]] : &one;
  }
  if (status == ALB_OK) status = alb_onnx_eval_node(m->diag, m->model, node, inputs, NULL, out);
  alb_onnx_tensor_free(&one);
  free(inputs);
  return status;
}

/* Element i of a tensor that may be quantised; `channel` is its column of [in,out]. */
static double element(const alb_onnx_tensor *t, const alb_onnx_tensor *scale, const alb_onnx_tensor *zero, size_t i,
                      size_t channel) {
  const double x = alb_onnx_get_f64(t, i);
  if (!scale) return x;
  const double shift = zero ? alb_onnx_get_f64(zero, zero->count > 1 ? channel : 0) : 0;
  return (double)((float)(x - shift) * (float)alb_onnx_get_f64(scale, scale->count > 1 ? channel : 0));
}

/* What a computed matrix is read from. */
typedef struct numbers {
  const alb_onnx_tensor *t, *scale, *zero;
  bool turned;       /* element [r,c] stands at [c,r] */
  size_t first, all; /* the first of the rows that are taken, and how many rows there are */
} numbers;

static bool scales_fit(const alb_onnx_tensor *t, size_t all) {
  return !t || t->count == 1 || t->count == all;
}

static alb_status write_matrix(alb_onnx_parameters *p, alb_str name, const numbers *n, size_t rows, size_t columns,
                               uint32_t *blob) {
  if (n->t->count != n->all * columns || n->first + rows > n->all || !scales_fit(n->scale, n->all) ||
      !scales_fit(n->zero, n->all)) {
    return alb_fail(p->m->diag, ALB_SHAPE, "tensor \"%.*s\": %zu elements do not make [%zu, %zu]", ALB_STR_ARGS(name),
                    n->t->count, n->all, columns);
  }
  float *made = malloc((rows * columns + 1) * sizeof *made);
  if (!made) return no_memory(p);
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      const size_t row = n->first + r, at = n->turned ? c * n->all + row : row * columns + c;
      made[r * columns + c] = (float)element(n->t, n->scale, n->zero, at, row);
    }
  }
  const alb_status status = made_blob(p, name, made, rows * columns, 0, blob);
  free(made);
  return status;
}

static alb_status computed_matrix(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, bool table,
                                  size_t rows, size_t columns, uint32_t *blob) {
  alb_onnx_match *m = p->m;
  alb_onnx_tensor unpacked = {0};
  numbers n = {.turned = table ? part->transposed : !part->transposed, .first = part->size ? part->first : 0};
  if (part->by_product) {
    ALB_TRY(unpack(p, part, columns, &unpacked));
    n.t = &unpacked;
  } else {
    ALB_TRY(alb_onnx_trace_tensor(m->diag, m->trace, part->value, &n.t));
  }
  if (part->scale != ALB_ONNX_NONE) ALB_TRY(alb_onnx_trace_tensor(m->diag, m->trace, part->scale, &n.scale));
  if (part->scale != ALB_ONNX_NONE && part->zero != ALB_ONNX_NONE)
    ALB_TRY(alb_onnx_trace_tensor(m->diag, m->trace, part->zero, &n.zero));
  n.all = n.t->count / columns;
  const alb_status status = write_matrix(p, name, &n, rows, columns, blob);
  alb_onnx_tensor_free(&unpacked);
  return status;
}

static alb_status matrix_blob(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, bool table, size_t rows,
                              size_t columns, uint32_t *blob) {
  const bool plain = part->scale == ALB_ONNX_NONE && !part->by_product;
  const origin from = plain ? trace_back(p, part) : (origin){ALB_ONNX_NONE, false};
  const alb_onnx_tensor *t = from.constant == ALB_ONNX_NONE ? NULL : &p->m->model->constants.items[from.constant];
  const size_t first = part->size ? part->first : 0;
  const bool fits =
      t && alb_onnx_type_is_float(t->type) && t->count % columns == 0 && t->count >= (first + rows) * columns;
  return fits ? stored_matrix(p, name, part, &from, table, rows, columns, blob)
              : computed_matrix(p, name, part, table, rows, columns, blob);
}

/* ---- vectors ---- */

static alb_status vector_blob(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, size_t n, float filler,
                              uint32_t *blob) {
  if (part->value == ALB_ONNX_NONE) return made_blob(p, name, NULL, n, filler, blob);
  const origin from = trace_back(p, part);
  const alb_onnx_tensor *t = from.constant == ALB_ONNX_NONE ? NULL : &p->m->model->constants.items[from.constant];
  const size_t first = part->size ? part->first : 0;
  if (t && alb_onnx_type_is_float(t->type) && t->count >= first + n) {
    const size_t step = alb_onnx_type_bytes(t->type);
    const alb_span bytes = {t->data + first * step, n * step};
    ALB_TRY(alb_check_finite(p->m->diag, name, alb_onnx_type_dtype(t->type), bytes));
    return add_bytes(p, alb_onnx_type_dtype(t->type), bytes, blob);
  }
  const float *values;
  ALB_TRY(alb_match_vector(p->m, part, &values));
  return made_blob(p, name, values, n, 0, blob);
}

alb_status alb_onnx_parameter(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, alb_onnx_layout layout,
                              size_t rows, size_t columns, bool ones, uint32_t *id) {
  const uint64_t dims[2] = {layout == ALB_ONNX_VECTOR ? columns : rows, columns};
  uint32_t blob;
  if (!p->checked) p->checked = calloc(p->m->model->constants.count + 1, sizeof *p->checked);
  if (!p->checked) return no_memory(p);
  mark_used(p, part->value);
  mark_used(p, part->scale);
  mark_used(p, part->zero);
  if (layout == ALB_ONNX_VECTOR || part->value == ALB_ONNX_NONE) {
    ALB_TRY(vector_blob(p, name, part, layout == ALB_ONNX_VECTOR ? columns : rows * columns, ones ? 1 : 0, &blob));
  } else {
    ALB_TRY(matrix_blob(p, name, part, layout == ALB_ONNX_TABLE, rows, columns, &blob));
  }
  return alb_tensors_view(p->m->diag, p->tensors, name, layout == ALB_ONNX_VECTOR ? 1 : 2, dims, blob, id);
}

void alb_onnx_parameters_free(alb_onnx_parameters *p) {
  free(p->checked);
  p->checked = NULL;
}
