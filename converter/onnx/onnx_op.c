/* What the operators of the interpreter share. */
#include "converter/onnx/onnx_op.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"

alb_status alb_onnx_refuse(const alb_onnx_call *c, alb_status status, const char *format, ...) {
  char text[512], label[300];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return alb_fail(c->diag, status, "onnx: %s: %s", alb_onnx_node_label(c->node, label), text);
}

alb_status alb_onnx_spend(const alb_onnx_call *c, uint64_t n) {
  if (n > *c->work) return alb_onnx_refuse(c, ALB_LIMIT, "more work than an evaluation may take");
  *c->work -= n;
  return ALB_OK;
}

alb_status alb_onnx_spend_product(const alb_onnx_call *c, size_t a, size_t b) {
  size_t n;
  return alb_onnx_spend(c, alb_mul_ok(a, b, &n) ? n : UINT64_MAX);
}

alb_status alb_onnx_out(alb_onnx_call *c, size_t i, alb_onnx_type type, size_t rank, const int64_t *dims) {
  size_t count, bytes;
  if (rank > ALB_ONNX_MAX_RANK) return alb_onnx_refuse(c, ALB_LIMIT, "an output has more than 8 dimensions");
  if (alb_onnx_type_bytes(type) == 0)
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "to type %s", alb_onnx_type_name(type));
  if (alb_onnx_count(NULL, rank, dims, &count) != ALB_OK || !alb_mul_ok(count, alb_onnx_type_bytes(type), &bytes) ||
      bytes > c->tensor_bytes) {
    return alb_onnx_refuse(c, ALB_LIMIT, "an output is larger than %llu bytes", (unsigned long long)c->tensor_bytes);
  }
  ALB_TRY(alb_onnx_spend(c, count));
  return alb_onnx_tensor_new(c->diag, type, rank, dims, &c->outputs[i]);
}

alb_status alb_onnx_same_bytes(alb_onnx_call *c, const alb_onnx_tensor *x, size_t rank, const int64_t *dims) {
  if (x->owned) {
    ALB_TRY(alb_onnx_out(c, 0, x->type, rank, dims));
    if (x->count) memcpy(c->outputs[0].owned, x->data, alb_onnx_tensor_bytes(x));
    return ALB_OK;
  }
  alb_onnx_tensor *out = &c->outputs[0];
  *out = *x;
  out->rank = rank;
  if (rank) memmove(out->dims, dims, rank * sizeof *dims);
  return ALB_OK;
}

alb_status alb_onnx_axis(const alb_onnx_call *c, int64_t axis, size_t rank, size_t *out) {
  const int64_t r = (int64_t)rank;
  if (axis < -r || axis >= r) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "axis %lld of a tensor of rank %zu", (long long)axis, rank);
  }
  *out = (size_t)(axis < 0 ? axis + r : axis);
  return ALB_OK;
}

alb_status alb_onnx_ints(const alb_onnx_call *c, const char *name, size_t input, int64_t out[ALB_ONNX_MAX_RANK],
                         size_t *count, bool *present) {
  const alb_onnx_attribute *a = alb_onnx_attribute_find(c->node, name);
  const alb_onnx_tensor *t = a ? NULL : alb_onnx_in(c, input);
  const bool integers = t && (t->type == ALB_ONNX_INT64 || t->type == ALB_ONNX_INT32);
  *present = a || t;
  *count = 0;
  if (!*present) return ALB_OK;
  if ((a && a->kind != ALB_ONNX_ATTR_INTS) || (t && (!integers || t->rank > 1))) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "%s must be a list of integers", name);
  }
  *count = a ? a->count : t->count;
  if (*count > ALB_ONNX_MAX_RANK) return alb_onnx_refuse(c, ALB_LIMIT, "%s has more than 8 elements", name);
  for (size_t i = 0; i < *count; i++) out[i] = a ? a->ints[i] : alb_onnx_get_i64(t, i);
  return ALB_OK;
}

alb_status alb_onnx_scalar_int(const alb_onnx_call *c, const alb_onnx_tensor *t, int64_t *out) {
  if (t->count != 1) return alb_onnx_refuse(c, ALB_SHAPE, "expected one element, found %zu", t->count);
  *out = alb_onnx_get_i64(t, 0);
  return ALB_OK;
}

alb_status alb_onnx_need_float(const alb_onnx_call *c, const alb_onnx_tensor *t) {
  if (alb_onnx_type_is_float(t->type)) return ALB_OK;
  return alb_onnx_refuse(c, ALB_UNSUPPORTED, "elements of type %s", alb_onnx_type_name(t->type));
}

alb_status alb_onnx_need_same_type(const alb_onnx_call *c, const alb_onnx_tensor *a, const alb_onnx_tensor *b) {
  if (a->type == b->type) return ALB_OK;
  return alb_onnx_refuse(c, ALB_MALFORMED, "inputs of types %s and %s", alb_onnx_type_name(a->type),
                         alb_onnx_type_name(b->type));
}

/* ---- broadcasting ---- */

alb_status alb_onnx_walk_over(const alb_onnx_call *c, size_t rank, const int64_t *dims, alb_onnx_walk *walk) {
  *walk = (alb_onnx_walk){.rank = rank};
  if (rank) memcpy(walk->dims, dims, rank * sizeof *dims);
  if (alb_onnx_count(NULL, rank, dims, &walk->count) == ALB_OK) return ALB_OK;
  return alb_onnx_refuse(c, ALB_LIMIT, "a shape is larger than 2^48 elements");
}

alb_status alb_onnx_walk_add(const alb_onnx_call *c, alb_onnx_walk *walk, const alb_onnx_tensor *t) {
  size_t step = 1;
  bool fits = t->rank <= walk->rank;
  for (size_t i = 0; fits && i < t->rank; i++) { /* from the last dimension on */
    const size_t in = t->rank - 1 - i, out = walk->rank - 1 - i;
    fits = t->dims[in] == walk->dims[out] || t->dims[in] == 1;
    walk->stride[walk->tensors][out] = t->dims[in] == 1 ? 0 : step;
    step *= (size_t)t->dims[in];
  }
  walk->tensors++;
  return fits ? ALB_OK : alb_onnx_refuse(c, ALB_SHAPE, "a shape cannot be broadcast to another");
}

static bool merge_dims(alb_onnx_walk *walk, const alb_onnx_tensor *t) {
  for (size_t i = 0; i < t->rank; i++) {
    const int64_t dim = t->dims[t->rank - 1 - i];
    int64_t *out = &walk->dims[walk->rank - 1 - i];
    if (*out != dim && *out != 1 && dim != 1) return false;
    if (*out == 1) *out = dim;
  }
  return true;
}

alb_status alb_onnx_broadcast(const alb_onnx_call *c, const alb_onnx_tensor *const *tensors, size_t n,
                              alb_onnx_walk *walk) {
  *walk = (alb_onnx_walk){0};
  for (size_t i = 0; i < n; i++) {
    if (tensors[i]->rank > walk->rank) walk->rank = tensors[i]->rank;
  }
  for (size_t i = 0; i < walk->rank; i++) walk->dims[i] = 1;
  if (c->node->opset < 7 && alb_onnx_attribute_find(c->node, "broadcast")) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "broadcasts as before opset 7");
  }
  for (size_t i = 0; i < n; i++) {
    if (!merge_dims(walk, tensors[i])) return alb_onnx_refuse(c, ALB_SHAPE, "shapes cannot be broadcast together");
  }
  if (alb_onnx_count(NULL, walk->rank, walk->dims, &walk->count) != ALB_OK) {
    return alb_onnx_refuse(c, ALB_LIMIT, "a shape is larger than 2^48 elements");
  }
  for (size_t i = 0; i < n; i++) ALB_TRY(alb_onnx_walk_add(c, walk, tensors[i]));
  return ALB_OK;
}

void alb_onnx_walk_next(alb_onnx_walk *walk) {
  for (size_t d = walk->rank; d-- > 0;) {
    for (size_t t = 0; t < walk->tensors; t++) walk->at[t] += walk->stride[t][d];
    if (++walk->index[d] < walk->dims[d]) return;
    for (size_t t = 0; t < walk->tensors; t++) walk->at[t] -= walk->stride[t][d] * (size_t)walk->dims[d];
    walk->index[d] = 0;
  }
}

/* ---- numbers ---- */

alb_status alb_onnx_map(alb_onnx_call *c, const alb_onnx_tensor *x, double (*f)(double)) {
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) alb_onnx_set_f64(&c->outputs[0], i, f(alb_onnx_get_f64(x, i)));
  return ALB_OK;
}

alb_status alb_onnx_doubles(const alb_onnx_call *c, size_t n, double **out) {
  size_t bytes;
  *out = NULL;
  if (!alb_mul_ok(n, sizeof(double), &bytes) || bytes / 8 > c->tensor_bytes) {
    return alb_onnx_refuse(c, ALB_LIMIT, "sums of %zu elements", n);
  }
  *out = calloc(n ? n : 1, sizeof(double));
  return *out ? ALB_OK : alb_fail_memory(c->diag, bytes, "sums of an ONNX node");
}

alb_status alb_onnx_as_doubles(const alb_onnx_call *c, const alb_onnx_tensor *t, double **out) {
  ALB_TRY(alb_onnx_doubles(c, t->count, out));
  for (size_t i = 0; i < t->count; i++) (*out)[i] = alb_onnx_get_f64(t, i);
  return ALB_OK;
}
