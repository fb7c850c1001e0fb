/* Operators that make values of their own: Constant, ConstantOfShape, Range, EyeLike, Trilu. */
#include <math.h>

#include "converter/onnx/onnx_op.h"

/* Most are constants of the graph already; this is for those in functions and with odd attributes. */
alb_status alb_onnx_run_constant(alb_onnx_call *c) {
  const alb_onnx_attribute *a = c->node->attribute_count == 1 ? &c->node->attributes[0] : NULL;
  if (!a || a->kind != ALB_ONNX_ATTR_TENSOR)
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "of a kind that is not numbers");
  return alb_onnx_tensor_copy(c->diag, a->tensor, &c->outputs[0]);
}

alb_status alb_onnx_run_constant_of_shape(alb_onnx_call *c) {
  const alb_onnx_attribute *a = alb_onnx_attribute_find(c->node, "value");
  const alb_onnx_tensor *value = a && a->kind == ALB_ONNX_ATTR_TENSOR ? a->tensor : NULL;
  int64_t dims[ALB_ONNX_MAX_RANK];
  size_t rank;
  bool present;
  ALB_TRY(alb_onnx_ints(c, "shape", 0, dims, &rank, &present));
  if (value && value->count != 1) return alb_onnx_refuse(c, ALB_SHAPE, "its value has %zu elements", value->count);
  ALB_TRY(alb_onnx_out(c, 0, value ? value->type : ALB_ONNX_FLOAT, rank, dims));
  const size_t size = value ? alb_onnx_type_bytes(value->type) : 0;
  for (size_t i = 0; size && i < c->outputs[0].count; i++) {
    memcpy(alb_onnx_tensor_data(&c->outputs[0]) + i * size, value->data, size);
  }
  return ALB_OK;
}

static alb_status range_count(const alb_onnx_call *c, int64_t *n) {
  double count;
  if (alb_onnx_type_is_float(c->inputs[0]->type)) {
    const double start = alb_onnx_get_f64(c->inputs[0], 0), limit = alb_onnx_get_f64(c->inputs[1], 0);
    count = ceil((limit - start) / alb_onnx_get_f64(c->inputs[2], 0));
  } else {
    const int64_t start = alb_onnx_get_i64(c->inputs[0], 0), limit = alb_onnx_get_i64(c->inputs[1], 0);
    const int64_t delta = alb_onnx_get_i64(c->inputs[2], 0);
    if (delta == 0) return alb_onnx_refuse(c, ALB_ARGUMENT, "a step of 0");
    if ((delta > 0) != (limit > start) || limit == start) {
      *n = 0;
      return ALB_OK;
    }
    const uint64_t way = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    const uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    count = (double)((way - 1) / step) + 1;
  }
  if (isnan(count) || count > 0x1p48) return alb_onnx_refuse(c, ALB_LIMIT, "more than 2^48 elements");
  *n = count > 0 ? (int64_t)count : 0;
  return ALB_OK;
}

alb_status alb_onnx_run_range(alb_onnx_call *c) {
  int64_t n;
  for (size_t i = 0; i < 3; i++) {
    if (c->inputs[i]->count != 1) return alb_onnx_refuse(c, ALB_SHAPE, "input %zu must have one element", i);
    ALB_TRY(alb_onnx_need_same_type(c, c->inputs[0], c->inputs[i]));
  }
  ALB_TRY(range_count(c, &n));
  ALB_TRY(alb_onnx_out(c, 0, c->inputs[0]->type, 1, &n));
  const bool floats = alb_onnx_type_is_float(c->inputs[0]->type);
  const double start = alb_onnx_get_f64(c->inputs[0], 0), delta = alb_onnx_get_f64(c->inputs[2], 0);
  const uint64_t first = (uint64_t)alb_onnx_get_i64(c->inputs[0], 0),
                 step = (uint64_t)alb_onnx_get_i64(c->inputs[2], 0);
  for (size_t i = 0; i < (size_t)n; i++) {
    if (floats) {
      alb_onnx_set_f64(&c->outputs[0], i, start + (double)i * delta);
    } else {
      alb_onnx_set_i64(&c->outputs[0], i, (int64_t)(first + i * step));
    }
  }
  return ALB_OK;
}

alb_status alb_onnx_run_eye_like(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const int64_t k = alb_onnx_attr_int(c->node, "k", 0), type = alb_onnx_attr_int(c->node, "dtype", (int64_t)x->type);
  if (x->rank != 2) return alb_onnx_refuse(c, ALB_SHAPE, "takes a matrix");
  ALB_TRY(alb_onnx_out(c, 0, alb_onnx_type_of((uint64_t)type), 2, x->dims));
  if (k <= -x->dims[0] || k >= x->dims[1]) return ALB_OK;
  for (int64_t row = k < 0 ? -k : 0; row < x->dims[0] && row + k < x->dims[1]; row++) {
    alb_onnx_set_i64(&c->outputs[0], (size_t)(row * x->dims[1] + row + k), 1);
  }
  return ALB_OK;
}

/* Keeps the triangle above (or below) the k-th diagonal of each matrix. */
alb_status alb_onnx_run_trilu(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *k_tensor = alb_onnx_in(c, 1);
  const bool upper = alb_onnx_attr_int(c->node, "upper", 1) != 0;
  int64_t k = 0;
  if (k_tensor) ALB_TRY(alb_onnx_scalar_int(c, k_tensor, &k));
  if (x->rank < 2) return alb_onnx_refuse(c, ALB_SHAPE, "takes matrices");
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  const size_t rows = (size_t)x->dims[x->rank - 2], columns = (size_t)x->dims[x->rank - 1];
  const size_t size = alb_onnx_type_bytes(x->type);
  if (k > (int64_t)columns) k = (int64_t)columns;
  if (k < -(int64_t)rows) k = -(int64_t)rows;
  for (size_t i = 0; i < x->count; i++) {
    const int64_t row = (int64_t)(i / columns % rows), column = (int64_t)(i % columns);
    if (upper ? column - row >= k : column - row <= k) {
      memcpy(alb_onnx_tensor_data(&c->outputs[0]) + i * size, x->data + i * size, size);
    }
  }
  return ALB_OK;
}
