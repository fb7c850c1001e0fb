/* Operators that change shapes or move elements: Reshape, Transpose, Slice, Concat and the like. */
#include <limits.h>

#include "base/checked.h"
#include "converter/onnx/onnx_op.h"

alb_status alb_onnx_run_identity(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  return alb_onnx_same_bytes(c, x, x->rank, x->dims);
}

/* In inference: the input, and a mask that keeps all. */
alb_status alb_onnx_run_dropout(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *ratio = alb_onnx_in(c, 1), *training = alb_onnx_in(c, 2);
  const bool drops = !ratio || (ratio->count == 1 && alb_onnx_get_f64(ratio, 0) != 0);
  if (training && training->count && training->data[0] && drops) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "drops at random (training mode)");
  }
  ALB_TRY(alb_onnx_same_bytes(c, x, x->rank, x->dims));
  if (!alb_onnx_wants(c, 1)) return ALB_OK;
  ALB_TRY(alb_onnx_out(c, 1, c->node->opset < 10 ? x->type : ALB_ONNX_BOOL, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) alb_onnx_set_i64(&c->outputs[1], i, 1);
  return ALB_OK;
}

/* ---- the same elements in another shape ---- */

/* 0 copies the input's dimension (unless allowzero), one -1 is what is left. */
alb_status alb_onnx_run_reshape(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const bool zero_is_zero = alb_onnx_attr_int(c->node, "allowzero", 0) != 0;
  int64_t dims[ALB_ONNX_MAX_RANK];
  size_t rank, known = 1, open = SIZE_MAX;
  bool present;
  ALB_TRY(alb_onnx_ints(c, "shape", 1, dims, &rank, &present));
  if (!present) return alb_onnx_refuse(c, ALB_MISSING, "has no shape");
  for (size_t i = 0; i < rank; i++) {
    if (dims[i] == 0 && !zero_is_zero) {
      if (i >= x->rank) return alb_onnx_refuse(c, ALB_SHAPE, "copies dimension %zu of rank %zu", i, x->rank);
      dims[i] = x->dims[i];
    }
    if (dims[i] == -1 && open == SIZE_MAX) {
      open = i;
    } else if (dims[i] < 0 || !alb_mul_ok(known, (size_t)dims[i], &known)) {
      return alb_onnx_refuse(c, ALB_SHAPE, "to a shape with dimension %lld", (long long)dims[i]);
    }
  }
  if (open != SIZE_MAX) dims[open] = known && x->count % known == 0 ? (int64_t)(x->count / known) : 0;
  if (open != SIZE_MAX) known *= (size_t)dims[open];
  if (known != x->count) return alb_onnx_refuse(c, ALB_SHAPE, "%zu elements into a shape of %zu", x->count, known);
  return alb_onnx_same_bytes(c, x, rank, dims);
}

alb_status alb_onnx_run_flatten(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const int64_t axis = alb_onnx_attr_int(c->node, "axis", 1), rank = (int64_t)x->rank;
  if (axis < -rank || axis > rank) return alb_onnx_refuse(c, ALB_ARGUMENT, "axis %lld", (long long)axis);
  int64_t dims[2] = {1, 1};
  for (int64_t i = 0; i < rank; i++) {
    int64_t *dim = &dims[i >= (axis < 0 ? axis + rank : axis)];
    if (__builtin_mul_overflow(*dim, x->dims[i], dim)) return alb_onnx_refuse(c, ALB_LIMIT, "a dimension overflows");
  }
  return alb_onnx_same_bytes(c, x, 2, dims);
}

/* Marks axes[0..count) of a rank; ALB_DUPLICATE for one named twice. */
static alb_status mark_axes(const alb_onnx_call *c, const int64_t *axes, size_t count, size_t rank, bool *marked) {
  memset(marked, 0, ALB_ONNX_MAX_RANK);
  for (size_t i = 0; i < count; i++) {
    size_t axis;
    ALB_TRY(alb_onnx_axis(c, axes[i], rank, &axis));
    if (marked[axis]) return alb_onnx_refuse(c, ALB_DUPLICATE, "axis %zu is named twice", axis);
    marked[axis] = true;
  }
  return ALB_OK;
}

alb_status alb_onnx_run_squeeze(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t axes[ALB_ONNX_MAX_RANK], dims[ALB_ONNX_MAX_RANK];
  bool marked[ALB_ONNX_MAX_RANK], present;
  size_t count, rank = 0;
  ALB_TRY(alb_onnx_ints(c, "axes", 1, axes, &count, &present));
  ALB_TRY(mark_axes(c, axes, count, x->rank, marked));
  for (size_t i = 0; i < x->rank; i++) {
    if (marked[i] && x->dims[i] != 1) {
      return alb_onnx_refuse(c, ALB_SHAPE, "dimension %zu is %lld, not 1", i, (long long)x->dims[i]);
    }
    if (present ? !marked[i] : x->dims[i] != 1) dims[rank++] = x->dims[i];
  }
  return alb_onnx_same_bytes(c, x, rank, dims);
}

alb_status alb_onnx_run_unsqueeze(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t axes[ALB_ONNX_MAX_RANK], dims[ALB_ONNX_MAX_RANK];
  bool marked[ALB_ONNX_MAX_RANK], present;
  size_t count, at = 0;
  ALB_TRY(alb_onnx_ints(c, "axes", 1, axes, &count, &present));
  const size_t rank = x->rank + count;
  if (!present) return alb_onnx_refuse(c, ALB_MISSING, "has no axes");
  if (rank > ALB_ONNX_MAX_RANK) return alb_onnx_refuse(c, ALB_LIMIT, "to rank %zu", rank);
  ALB_TRY(mark_axes(c, axes, count, rank, marked));
  for (size_t i = 0; i < rank; i++) dims[i] = marked[i] ? 1 : x->dims[at++];
  return alb_onnx_same_bytes(c, x, rank, dims);
}

/* ---- shapes as values ---- */

/* Dimensions start to end, both clamped. */
alb_status alb_onnx_run_shape(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const int64_t rank = (int64_t)x->rank;
  int64_t start = alb_onnx_attr_int(c->node, "start", 0), end = alb_onnx_attr_int(c->node, "end", rank);
  if (start < 0) start = start < -rank ? 0 : start + rank;
  if (end < 0) end = end < -rank ? 0 : end + rank;
  if (end > rank) end = rank;
  const int64_t n = end > start ? end - start : 0;
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_INT64, 1, &n));
  for (int64_t i = 0; i < n; i++) alb_onnx_set_i64(&c->outputs[0], (size_t)i, x->dims[start + i]);
  return ALB_OK;
}

alb_status alb_onnx_run_size(alb_onnx_call *c) {
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_INT64, 0, NULL));
  alb_onnx_set_i64(&c->outputs[0], 0, (int64_t)alb_onnx_in(c, 0)->count);
  return ALB_OK;
}

/* ---- elements in other places ---- */

static void copy_element(alb_onnx_tensor *out, size_t to, const alb_onnx_tensor *x, size_t from) {
  const size_t size = alb_onnx_type_bytes(x->type);
  memcpy(alb_onnx_tensor_data(out) + to * size, x->data + from * size, size);
}

static void row_strides(const alb_onnx_tensor *x, size_t strides[ALB_ONNX_MAX_RANK]) {
  size_t step = 1;
  for (size_t i = x->rank; i-- > 0; step *= (size_t)x->dims[i]) strides[i] = step;
}

alb_status alb_onnx_run_transpose(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t perm[ALB_ONNX_MAX_RANK], dims[ALB_ONNX_MAX_RANK];
  size_t count, strides[ALB_ONNX_MAX_RANK];
  bool marked[ALB_ONNX_MAX_RANK], present;
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_ints(c, "perm", SIZE_MAX, perm, &count, &present));
  if (present && count != x->rank) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "perm has %zu axes, rank is %zu", count, x->rank);
  }
  for (size_t i = 0; !present && i < x->rank; i++) perm[i] = (int64_t)(x->rank - 1 - i);
  ALB_TRY(mark_axes(c, perm, x->rank, x->rank, marked));
  row_strides(x, strides);
  for (size_t i = 0; i < x->rank; i++) {
    perm[i] += perm[i] < 0 ? (int64_t)x->rank : 0;
    dims[i] = x->dims[perm[i]];
  }
  ALB_TRY(alb_onnx_walk_over(c, x->rank, dims, &w));
  w.tensors = 1;
  for (size_t i = 0; i < x->rank; i++) w.stride[0][i] = strides[perm[i]];
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) copy_element(&c->outputs[0], i, x, w.at[0]);
  return ALB_OK;
}

alb_status alb_onnx_run_expand(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  alb_onnx_tensor shape = {0};
  bool present;
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_ints(c, "shape", 1, shape.dims, &shape.rank, &present));
  if (alb_onnx_count(NULL, shape.rank, shape.dims, &shape.count) != ALB_OK) {
    return alb_onnx_refuse(c, ALB_LIMIT, "to a shape that is negative or above 2^48 elements");
  }
  const alb_onnx_tensor *both[] = {x, &shape};
  ALB_TRY(alb_onnx_broadcast(c, both, 2, &w));
  ALB_TRY(alb_onnx_out(c, 0, x->type, w.rank, w.dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) copy_element(&c->outputs[0], i, x, w.at[0]);
  return ALB_OK;
}

alb_status alb_onnx_run_tile(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t repeats[ALB_ONNX_MAX_RANK], dims[ALB_ONNX_MAX_RANK];
  size_t count, strides[ALB_ONNX_MAX_RANK];
  bool present;
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_ints(c, "repeats", 1, repeats, &count, &present));
  if (count != x->rank) return alb_onnx_refuse(c, ALB_SHAPE, "%zu repeats of rank %zu", count, x->rank);
  for (size_t i = 0; i < count; i++) {
    if (repeats[i] < 0 || __builtin_mul_overflow(x->dims[i], repeats[i], &dims[i])) {
      return alb_onnx_refuse(c, ALB_LIMIT, "%lld repeats", (long long)repeats[i]);
    }
  }
  row_strides(x, strides);
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, dims));
  ALB_TRY(alb_onnx_walk_over(c, x->rank, dims, &w));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    size_t from = 0;
    for (size_t d = 0; d < x->rank; d++) from += (size_t)(w.index[d] % x->dims[d]) * strides[d];
    copy_element(&c->outputs[0], i, x, from);
  }
  return ALB_OK;
}

/* ---- parts and wholes ---- */

typedef struct slice {
  int64_t start[ALB_ONNX_MAX_RANK], step[ALB_ONNX_MAX_RANK], dims[ALB_ONNX_MAX_RANK];
} slice;

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

/* numpy's rule for start:end:step of a dimension. */
static alb_status slice_axis(const alb_onnx_call *c, int64_t dim, int64_t start, int64_t end, int64_t step, size_t axis,
                             slice *s) {
  if (step == 0 || step == INT64_MIN) return alb_onnx_refuse(c, ALB_ARGUMENT, "a step of %lld", (long long)step);
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  start = clamp(start, 0, step > 0 ? dim : dim - 1);
  end = clamp(end, step > 0 ? 0 : -1, step > 0 ? dim : dim - 1);
  const int64_t way = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
  s->start[axis] = start;
  s->step[axis] = step;
  s->dims[axis] = dim > 0 && way > 0 ? (way - 1) / stride + 1 : 0;
  return ALB_OK;
}

static alb_status slice_axes(const alb_onnx_call *c, const alb_onnx_tensor *x, slice *s) {
  int64_t starts[ALB_ONNX_MAX_RANK], ends[ALB_ONNX_MAX_RANK], axes[ALB_ONNX_MAX_RANK], steps[ALB_ONNX_MAX_RANK];
  size_t count, end_count, axis_count, step_count;
  bool has_starts, has_ends, has_axes, has_steps, marked[ALB_ONNX_MAX_RANK];
  ALB_TRY(alb_onnx_ints(c, "starts", 1, starts, &count, &has_starts));
  ALB_TRY(alb_onnx_ints(c, "ends", 2, ends, &end_count, &has_ends));
  ALB_TRY(alb_onnx_ints(c, "axes", 3, axes, &axis_count, &has_axes));
  ALB_TRY(alb_onnx_ints(c, "steps", 4, steps, &step_count, &has_steps));
  if (!has_starts || !has_ends || count != end_count || (has_axes && axis_count != count) ||
      (has_steps && step_count != count)) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "starts, ends, axes and steps must be equally many");
  }
  for (size_t i = 0; !has_axes && i < count; i++) axes[i] = (int64_t)i;
  ALB_TRY(mark_axes(c, axes, count, x->rank, marked));
  for (size_t i = 0; i < count; i++) {
    const size_t axis = (size_t)(axes[i] < 0 ? axes[i] + (int64_t)x->rank : axes[i]);
    ALB_TRY(slice_axis(c, x->dims[axis], starts[i], ends[i], has_steps ? steps[i] : 1, axis, s));
  }
  return ALB_OK;
}

alb_status alb_onnx_run_slice(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  size_t strides[ALB_ONNX_MAX_RANK];
  alb_onnx_walk w;
  slice s;
  for (size_t i = 0; i < x->rank; i++) {
    s.start[i] = 0;
    s.step[i] = 1;
    s.dims[i] = x->dims[i];
  }
  ALB_TRY(slice_axes(c, x, &s));
  row_strides(x, strides);
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, s.dims));
  ALB_TRY(alb_onnx_walk_over(c, x->rank, s.dims, &w));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    size_t from = 0;
    for (size_t d = 0; d < x->rank; d++) from += (size_t)(s.start[d] + w.index[d] * s.step[d]) * strides[d];
    copy_element(&c->outputs[0], i, x, from);
  }
  return ALB_OK;
}

/* A tensor as [outer, dims[axis] * inner]. */
static void around(const alb_onnx_tensor *x, size_t axis, size_t *outer, size_t *inner) {
  *outer = *inner = 1;
  for (size_t i = 0; i < axis; i++) *outer *= (size_t)x->dims[i];
  for (size_t i = axis + 1; i < x->rank; i++) *inner *= (size_t)x->dims[i];
}

static alb_status concat_dims(const alb_onnx_call *c, size_t axis, int64_t *dims) {
  const alb_onnx_tensor *first = c->inputs[0];
  memcpy(dims, first->dims, sizeof first->dims);
  for (size_t i = 1; i < c->node->input_count; i++) {
    const alb_onnx_tensor *x = c->inputs[i];
    if (!x) return alb_onnx_refuse(c, ALB_MALFORMED, "an input is left out");
    ALB_TRY(alb_onnx_need_same_type(c, first, x));
    bool fits = x->rank == first->rank;
    for (size_t d = 0; fits && d < x->rank; d++) fits = d == axis || x->dims[d] == first->dims[d];
    if (!fits || __builtin_add_overflow(dims[axis], x->dims[axis], &dims[axis])) {
      return alb_onnx_refuse(c, ALB_SHAPE, "input %zu does not fit the first", i);
    }
  }
  return ALB_OK;
}

alb_status alb_onnx_run_concat(alb_onnx_call *c) {
  const alb_onnx_tensor *first = alb_onnx_in(c, 0);
  int64_t dims[ALB_ONNX_MAX_RANK];
  size_t axis, outer, inner, at = 0;
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 0), first->rank, &axis));
  ALB_TRY(concat_dims(c, axis, dims));
  ALB_TRY(alb_onnx_out(c, 0, first->type, first->rank, dims));
  around(first, axis, &outer, &inner);
  if (c->outputs[0].count == 0) return ALB_OK;
  const size_t size = alb_onnx_type_bytes(first->type);
  for (size_t o = 0; o < outer; o++) {
    for (size_t i = 0; i < c->node->input_count; i++) {
      const size_t bytes = (size_t)c->inputs[i]->dims[axis] * inner * size;
      if (bytes) memcpy(alb_onnx_tensor_data(&c->outputs[0]) + at, c->inputs[i]->data + o * bytes, bytes);
      at += bytes;
    }
  }
  return ALB_OK;
}

/* The size of part i along the axis. */
static alb_status part_size(const alb_onnx_call *c, const alb_onnx_tensor *x, size_t axis, size_t i, int64_t *size) {
  const alb_onnx_attribute *a = alb_onnx_attribute_find(c->node, "split");
  const alb_onnx_tensor *t = alb_onnx_in(c, 1);
  const int64_t parts = (int64_t)c->node->output_count, dim = x->dims[axis];
  if (a || t) {
    const size_t count = a ? a->count : t->count;
    if ((a && a->kind != ALB_ONNX_ATTR_INTS) || count != c->node->output_count) {
      return alb_onnx_refuse(c, ALB_MALFORMED, "%zu sizes for %u outputs", count, c->node->output_count);
    }
    *size = a ? a->ints[i] : alb_onnx_get_i64(t, i);
    return ALB_OK;
  }
  const bool uneven = alb_onnx_attribute_find(c->node, "num_outputs") != NULL;
  if (!uneven && dim % parts) return alb_onnx_refuse(c, ALB_SHAPE, "%lld into %lld", (long long)dim, (long long)parts);
  const int64_t each = (dim + parts - 1) / parts, begin = each * (int64_t)i;
  *size = dim - begin < 0 ? 0 : dim - begin < each ? dim - begin : each;
  return ALB_OK;
}

alb_status alb_onnx_run_split(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  int64_t dims[ALB_ONNX_MAX_RANK], left;
  size_t axis, outer, inner, begin = 0;
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 0), x->rank, &axis));
  around(x, axis, &outer, &inner);
  memcpy(dims, x->dims, sizeof dims);
  left = x->dims[axis];
  const size_t size = alb_onnx_type_bytes(x->type), row = (size_t)left * inner * size;
  for (size_t i = 0; i < c->node->output_count; i++) {
    ALB_TRY(part_size(c, x, axis, i, &dims[axis]));
    if (dims[axis] < 0 || dims[axis] > left) return alb_onnx_refuse(c, ALB_SHAPE, "sizes do not sum to the dimension");
    left -= dims[axis];
    ALB_TRY(alb_onnx_out(c, i, x->type, x->rank, dims));
    const size_t bytes = (size_t)dims[axis] * inner * size;
    for (size_t o = 0; bytes && o < outer; o++) {
      memcpy(alb_onnx_tensor_data(&c->outputs[i]) + o * bytes, x->data + o * row + begin, bytes);
    }
    begin += bytes;
  }
  return left == 0 ? ALB_OK : alb_onnx_refuse(c, ALB_SHAPE, "sizes do not sum to the dimension");
}
