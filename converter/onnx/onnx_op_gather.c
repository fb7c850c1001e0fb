/* Operators that pick elements by index, or write to places: Gather, ScatterND, OneHot, NonZero. */
#include "base/checked.h"
#include "converter/onnx/onnx_op.h"

static void copy_block(alb_onnx_tensor *out, size_t to, const alb_onnx_tensor *x, size_t from, size_t elements) {
  const size_t size = alb_onnx_type_bytes(x->type);
  if (elements) memcpy(alb_onnx_tensor_data(out) + to * size, x->data + from * size, elements * size);
}

static alb_status need_index(const alb_onnx_call *c, const alb_onnx_tensor *t) {
  if (t->type == ALB_ONNX_INT32 || t->type == ALB_ONNX_INT64) return ALB_OK;
  return alb_onnx_refuse(c, ALB_MALFORMED, "indices must be int32 or int64");
}

/* Element i of the indices, from -dim to dim - 1, as 0 to dim - 1. */
static alb_status index_of(const alb_onnx_call *c, const alb_onnx_tensor *indices, size_t i, int64_t dim, size_t *out) {
  const int64_t v = alb_onnx_get_i64(indices, i);
  if (v < -dim || v >= dim) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "index %lld of a dimension of %lld", (long long)v, (long long)dim);
  }
  *out = (size_t)(v < 0 ? v + dim : v);
  return ALB_OK;
}

static size_t product(const int64_t *dims, size_t from, size_t to) {
  size_t n = 1;
  for (size_t i = from; i < to; i++) n *= (size_t)dims[i];
  return n;
}

alb_status alb_onnx_run_gather(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *indices = alb_onnx_in(c, 1);
  int64_t dims[2 * ALB_ONNX_MAX_RANK];
  size_t axis, rank = 0;
  ALB_TRY(need_index(c, indices));
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 0), x->rank, &axis));
  for (size_t i = 0; i < axis; i++) dims[rank++] = x->dims[i];
  for (size_t i = 0; i < indices->rank; i++) dims[rank++] = indices->dims[i];
  for (size_t i = axis + 1; i < x->rank; i++) dims[rank++] = x->dims[i];
  ALB_TRY(alb_onnx_out(c, 0, x->type, rank, dims));
  const size_t outer = product(x->dims, 0, axis), inner = product(x->dims, axis + 1, x->rank);
  if (c->outputs[0].count == 0) return ALB_OK;
  for (size_t k = 0; k < indices->count; k++) {
    size_t from = 0;
    ALB_TRY(index_of(c, indices, k, x->dims[axis], &from));
    for (size_t o = 0; o < outer; o++) {
      copy_block(&c->outputs[0], (o * indices->count + k) * inner, x, (o * (size_t)x->dims[axis] + from) * inner,
                 inner);
    }
  }
  return ALB_OK;
}

alb_status alb_onnx_run_gather_elements(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *indices = alb_onnx_in(c, 1);
  size_t axis;
  alb_onnx_walk w;
  ALB_TRY(need_index(c, indices));
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 0), x->rank, &axis));
  bool fits = indices->rank == x->rank;
  for (size_t d = 0; fits && d < x->rank; d++) fits = d == axis || indices->dims[d] <= x->dims[d];
  if (!fits) return alb_onnx_refuse(c, ALB_SHAPE, "indices do not fit the data");
  ALB_TRY(alb_onnx_out(c, 0, x->type, indices->rank, indices->dims));
  ALB_TRY(alb_onnx_walk_over(c, indices->rank, indices->dims, &w));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    size_t from = 0, picked = 0;
    ALB_TRY(index_of(c, indices, i, x->dims[axis], &picked));
    for (size_t d = 0; d < x->rank; d++) {
      from = from * (size_t)x->dims[d] + (d == axis ? picked : (size_t)w.index[d]);
    }
    copy_block(&c->outputs[0], i, x, from, 1);
  }
  return ALB_OK;
}

/* The place in x that indices[row * depth ...] name, after `skip` leading dimensions, in blocks of `inner`. */
static alb_status place_of(const alb_onnx_call *c, const alb_onnx_tensor *x, size_t skip,
                           const alb_onnx_tensor *indices, size_t row, size_t depth, size_t *out) {
  *out = 0;
  for (size_t k = 0; k < depth; k++) {
    size_t at = 0;
    ALB_TRY(index_of(c, indices, row * depth + k, x->dims[skip + k], &at));
    *out = *out * (size_t)x->dims[skip + k] + at;
  }
  return ALB_OK;
}

alb_status alb_onnx_run_gather_nd(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *indices = alb_onnx_in(c, 1);
  const int64_t batch = alb_onnx_attr_int(c->node, "batch_dims", 0);
  int64_t dims[2 * ALB_ONNX_MAX_RANK];
  size_t rank = 0;
  ALB_TRY(need_index(c, indices));
  const int64_t depth = indices->rank ? indices->dims[indices->rank - 1] : 0;
  if (indices->rank == 0 || batch < 0 || batch >= (int64_t)indices->rank || depth < 1 ||
      depth > (int64_t)x->rank - batch) {
    return alb_onnx_refuse(c, ALB_SHAPE, "indices do not fit the data");
  }
  const size_t b = (size_t)batch, d = (size_t)depth;
  for (size_t i = 0; i < b; i++) {
    if (x->dims[i] != indices->dims[i]) return alb_onnx_refuse(c, ALB_SHAPE, "batch dimensions differ");
  }
  for (size_t i = 0; i + 1 < indices->rank; i++) dims[rank++] = indices->dims[i];
  for (size_t i = b + d; i < x->rank; i++) dims[rank++] = x->dims[i];
  ALB_TRY(alb_onnx_out(c, 0, x->type, rank, dims));
  const size_t inner = product(x->dims, b + d, x->rank), whole = product(x->dims, b, x->rank);
  const size_t rows = indices->count / d, per_batch = product(indices->dims, b, indices->rank - 1);
  for (size_t row = 0; row < rows; row++) {
    size_t from = 0;
    ALB_TRY(place_of(c, x, b, indices, row, d, &from));
    copy_block(&c->outputs[0], row * inner, x, row / per_batch * whole + from * inner, inner);
  }
  return ALB_OK;
}

typedef enum reduction { REDUCE_NONE, REDUCE_ADD, REDUCE_MUL, REDUCE_MIN, REDUCE_MAX, REDUCTIONS } reduction;

static alb_status find_reduction(const alb_onnx_call *c, reduction *out) {
  static const char *const names[REDUCTIONS] = {"none", "add", "mul", "min", "max"};
  const alb_str stated = alb_onnx_attr_string(c->node, "reduction", ALB_STR("none"));
  for (*out = REDUCE_NONE; *out < REDUCTIONS; ++*out) {
    if (alb_str_is(stated, names[*out])) return ALB_OK;
  }
  return alb_onnx_refuse(c, ALB_UNSUPPORTED, "reduction \"%.*s\"", ALB_STR_ARGS(stated));
}

static double reduce(reduction r, double there, double x) {
  switch (r) {
    case REDUCE_ADD:
      return there + x;
    case REDUCE_MUL:
      return there * x;
    case REDUCE_MIN:
      return x < there ? x : there;
    case REDUCE_MAX:
      return x > there ? x : there;
    default:
      return x;
  }
}

/* Puts a block of updates in its place, or joins it with what is there. */
static void scatter_block(reduction r, alb_onnx_tensor *out, size_t to, const alb_onnx_tensor *updates, size_t from,
                          size_t n) {
  if (r == REDUCE_NONE) {
    copy_block(out, to, updates, from, n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    alb_onnx_set_f64(out, to + i, reduce(r, alb_onnx_get_f64(out, to + i), alb_onnx_get_f64(updates, from + i)));
  }
}

alb_status alb_onnx_run_scatter_nd(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *indices = alb_onnx_in(c, 1), *updates = alb_onnx_in(c, 2);
  reduction how;
  ALB_TRY(need_index(c, indices));
  ALB_TRY(alb_onnx_need_same_type(c, x, updates));
  ALB_TRY(find_reduction(c, &how));
  if (how != REDUCE_NONE) ALB_TRY(alb_onnx_need_float(c, x));
  const int64_t depth = indices->rank ? indices->dims[indices->rank - 1] : 0;
  if (depth < 1 || depth > (int64_t)x->rank) return alb_onnx_refuse(c, ALB_SHAPE, "indices do not fit the data");
  const size_t inner = product(x->dims, (size_t)depth, x->rank), rows = indices->count / (size_t)depth;
  size_t need;
  if (!alb_mul_ok(rows, inner, &need) || need != updates->count) {
    return alb_onnx_refuse(c, ALB_SHAPE, "%zu updates for %zu places", updates->count, rows);
  }
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  copy_block(&c->outputs[0], 0, x, 0, x->count);
  for (size_t row = 0; row < rows; row++) {
    size_t to = 0;
    ALB_TRY(place_of(c, x, 0, indices, row, (size_t)depth, &to));
    scatter_block(how, &c->outputs[0], to * inner, updates, row * inner, inner);
  }
  return ALB_OK;
}

/* values[0] everywhere, values[1] where the new axis has the index; indices outside of the range are nowhere. */
alb_status alb_onnx_run_onehot(alb_onnx_call *c) {
  const alb_onnx_tensor *indices = alb_onnx_in(c, 0), *depth_tensor = alb_onnx_in(c, 1), *values = alb_onnx_in(c, 2);
  int64_t dims[ALB_ONNX_MAX_RANK + 1], depth;
  size_t axis;
  ALB_TRY(alb_onnx_scalar_int(c, depth_tensor, &depth));
  if (values->count != 2 || depth < 0) return alb_onnx_refuse(c, ALB_SHAPE, "needs two values and a depth");
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", -1), indices->rank + 1, &axis));
  for (size_t i = 0; i <= indices->rank; i++) dims[i] = i < axis ? indices->dims[i] : indices->dims[i - (i > axis)];
  dims[axis] = depth;
  ALB_TRY(alb_onnx_out(c, 0, values->type, indices->rank + 1, dims));
  const size_t n = (size_t)depth, inner = product(indices->dims, axis, indices->rank);
  for (size_t i = 0; i < c->outputs[0].count; i++) copy_block(&c->outputs[0], i, values, 0, 1);
  for (size_t i = 0; i < indices->count; i++) {
    const int64_t v = alb_onnx_get_i64(indices, i);
    if (v < -depth || v >= depth) continue;
    const size_t at = (size_t)(v < 0 ? v + depth : v);
    copy_block(&c->outputs[0], (i / inner * n + at) * inner + i % inner, values, 1, 1);
  }
  return ALB_OK;
}

static bool is_nonzero(const alb_onnx_tensor *x, size_t i) {
  return alb_onnx_type_is_float(x->type) ? alb_onnx_get_f64(x, i) != 0 : alb_onnx_get_i64(x, i) != 0;
}

/* Indices of elements that are not 0, one column each: int64[rank, n]. */
alb_status alb_onnx_run_nonzero(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t dims[2] = {(int64_t)x->rank, 0};
  size_t at = 0;
  alb_onnx_walk w;
  for (size_t i = 0; i < x->count; i++) dims[1] += is_nonzero(x, i);
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_INT64, 2, dims));
  ALB_TRY(alb_onnx_walk_over(c, x->rank, x->dims, &w));
  for (size_t i = 0; i < x->count; i++, alb_onnx_walk_next(&w)) {
    if (!is_nonzero(x, i)) continue;
    for (size_t d = 0; d < x->rank; d++) {
      alb_onnx_set_i64(&c->outputs[0], d * (size_t)dims[1] + at, w.index[d]);
    }
    at++;
  }
  return ALB_OK;
}
