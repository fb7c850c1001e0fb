/* Operators that look along axes: sums and other reductions, ArgMax, Softmax, CumSum. Sums are f64. */
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/onnx_op.h"

/* ---- reductions ---- */

static alb_status reduced_axes(const alb_onnx_call *c, const alb_onnx_tensor *x, bool reduced[ALB_ONNX_MAX_RANK]) {
  int64_t axes[ALB_ONNX_MAX_RANK];
  size_t count;
  bool present;
  ALB_TRY(alb_onnx_ints(c, "axes", 1, axes, &count, &present));
  const bool all = count == 0 && !alb_onnx_attr_int(c->node, "noop_with_empty_axes", 0);
  for (size_t i = 0; i < ALB_ONNX_MAX_RANK; i++) reduced[i] = all;
  for (size_t i = 0; i < count; i++) {
    size_t axis;
    ALB_TRY(alb_onnx_axis(c, axes[i], x->rank, &axis));
    reduced[axis] = true;
  }
  return ALB_OK;
}

static double first_value(alb_onnx_op op) {
  switch (op) {
    case ALB_ONNX_OP_ReduceMax:
      return -INFINITY;
    case ALB_ONNX_OP_ReduceMin:
      return INFINITY;
    case ALB_ONNX_OP_ReduceProd:
      return 1;
    default:
      return 0;
  }
}

static double join(alb_onnx_op op, double so_far, double x) {
  switch (op) {
    case ALB_ONNX_OP_ReduceMax:
      return isnan(x) || x > so_far ? x : so_far;
    case ALB_ONNX_OP_ReduceMin:
      return isnan(x) || x < so_far ? x : so_far;
    case ALB_ONNX_OP_ReduceProd:
      return so_far * x;
    case ALB_ONNX_OP_ReduceL2:
    case ALB_ONNX_OP_ReduceSumSquare:
      return so_far + x * x;
    default:
      return so_far + x;
  }
}

static int64_t join_int(alb_onnx_op op, int64_t so_far, int64_t x, bool is_signed) {
  const bool less = is_signed ? x < so_far : (uint64_t)x < (uint64_t)so_far;
  switch (op) {
    case ALB_ONNX_OP_ReduceMax:
      return less ? so_far : x;
    case ALB_ONNX_OP_ReduceMin:
      return less ? x : so_far;
    case ALB_ONNX_OP_ReduceProd:
      return (int64_t)((uint64_t)so_far * (uint64_t)x);
    case ALB_ONNX_OP_ReduceSumSquare:
      return (int64_t)((uint64_t)so_far + (uint64_t)x * (uint64_t)x);
    default:
      return (int64_t)((uint64_t)so_far + (uint64_t)x);
  }
}

/* A walk over x with the place in the output beside it, in dims of the output without reduced axes taken out. */
static alb_status reduce_walk(const alb_onnx_call *c, const alb_onnx_tensor *x, const bool *reduced, alb_onnx_walk *w) {
  size_t step = 1;
  ALB_TRY(alb_onnx_walk_over(c, x->rank, x->dims, w));
  w->tensors = 1;
  for (size_t i = x->rank; i-- > 0;) {
    w->stride[0][i] = reduced[i] ? 0 : step;
    if (!reduced[i]) step *= (size_t)x->dims[i];
  }
  return ALB_OK;
}

static alb_status reduce_floats(alb_onnx_call *c, const alb_onnx_tensor *x, alb_onnx_walk *w) {
  alb_onnx_tensor *out = &c->outputs[0];
  const alb_onnx_op op = c->node->op;
  double *sums;
  ALB_TRY(alb_onnx_doubles(c, out->count, &sums));
  for (size_t i = 0; i < out->count; i++) sums[i] = first_value(op);
  for (size_t i = 0; i < w->count; i++, alb_onnx_walk_next(w)) {
    sums[w->at[0]] = join(op, sums[w->at[0]], alb_onnx_get_f64(x, i));
  }
  const double each = out->count ? (double)x->count / (double)out->count : 1;
  for (size_t i = 0; i < out->count; i++) {
    if (op == ALB_ONNX_OP_ReduceMean) sums[i] /= each;
    if (op == ALB_ONNX_OP_ReduceL2) sums[i] = sqrt(sums[i]);
    alb_onnx_set_f64(out, i, sums[i]);
  }
  free(sums);
  return ALB_OK;
}

/* The smallest or largest value of an integer type, where nothing is reduced. */
static int64_t first_int(const alb_onnx_call *c, const alb_onnx_tensor *x) {
  if (c->node->op == ALB_ONNX_OP_ReduceProd) return 1;
  const bool max = c->node->op == ALB_ONNX_OP_ReduceMax, min = c->node->op == ALB_ONNX_OP_ReduceMin;
  if (!max && !min) return 0;
  const bool is_signed = alb_onnx_type_is_signed(x->type);
  const unsigned bits = 8 * (unsigned)alb_onnx_type_bytes(x->type);
  if (max && !is_signed) return 0;
  if (x->type == ALB_ONNX_BOOL) return 1;
  const uint64_t ones = UINT64_MAX >> (64 - bits), high = is_signed ? ones >> 1 : ones;
  return min ? (int64_t)high : -(int64_t)high - 1;
}

static alb_status reduce_ints(alb_onnx_call *c, const alb_onnx_tensor *x, alb_onnx_walk *w) {
  alb_onnx_tensor *out = &c->outputs[0];
  const alb_onnx_op op = c->node->op;
  const bool is_signed = alb_onnx_type_is_signed(x->type);
  if (op == ALB_ONNX_OP_ReduceL2) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "of integers");
  int64_t *sums = calloc(out->count + 1, sizeof *sums);
  if (!sums) return alb_fail_memory(c->diag, out->count * sizeof *sums, "sums");
  for (size_t i = 0; i < out->count; i++) sums[i] = first_int(c, x);
  for (size_t i = 0; i < w->count; i++, alb_onnx_walk_next(w)) {
    sums[w->at[0]] = join_int(op, sums[w->at[0]], alb_onnx_get_i64(x, i), is_signed);
  }
  const int64_t each = out->count ? (int64_t)(x->count / out->count) : 1;
  for (size_t i = 0; i < out->count; i++) {
    alb_onnx_set_i64(out, i, op == ALB_ONNX_OP_ReduceMean && each ? sums[i] / each : sums[i]);
  }
  free(sums);
  return ALB_OK;
}

alb_status alb_onnx_run_reduce(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const bool keep = alb_onnx_attr_int(c->node, "keepdims", 1) != 0;
  bool reduced[ALB_ONNX_MAX_RANK];
  int64_t dims[ALB_ONNX_MAX_RANK];
  size_t rank = 0;
  alb_onnx_walk w;
  ALB_TRY(reduced_axes(c, x, reduced));
  for (size_t i = 0; i < x->rank; i++) {
    if (keep || !reduced[i]) dims[rank++] = reduced[i] ? 1 : x->dims[i];
  }
  ALB_TRY(reduce_walk(c, x, reduced, &w));
  ALB_TRY(alb_onnx_out(c, 0, x->type, rank, dims));
  ALB_TRY(alb_onnx_spend(c, x->count));
  return alb_onnx_type_is_float(x->type) ? reduce_floats(c, x, &w) : reduce_ints(c, x, &w);
}

/* ---- lines along one axis ---- */

/* A tensor as lines: line i has n elements, from begin(i) on, step apart. */
typedef struct lines {
  size_t count, n, step;
} lines;

static lines lines_of(const alb_onnx_tensor *x, size_t first, size_t last) {
  lines l = {.n = 1, .step = 1};
  for (size_t i = last; i < x->rank; i++) l.step *= (size_t)x->dims[i];
  for (size_t i = first; i < last; i++) l.n *= (size_t)x->dims[i];
  l.count = x->count && l.n ? x->count / l.n : 0;
  return l;
}

static size_t begin_of(const lines *l, size_t line) {
  return line / l->step * l->step * l->n + line % l->step;
}

static bool better(alb_onnx_op op, double x, double best, bool or_equal) {
  if (or_equal && x == best) return true;
  return op == ALB_ONNX_OP_ArgMax ? x > best : x < best;
}

alb_status alb_onnx_run_argmax(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const bool keep = alb_onnx_attr_int(c->node, "keepdims", 1) != 0;
  const bool last = alb_onnx_attr_int(c->node, "select_last_index", 0) != 0;
  int64_t dims[ALB_ONNX_MAX_RANK];
  size_t axis, rank = 0;
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 0), x->rank, &axis));
  for (size_t i = 0; i < x->rank; i++) {
    if (keep || i != axis) dims[rank++] = i == axis ? 1 : x->dims[i];
  }
  if (x->dims[axis] == 0) return alb_onnx_refuse(c, ALB_SHAPE, "along a dimension of 0");
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_INT64, rank, dims));
  ALB_TRY(alb_onnx_spend(c, x->count));
  const lines l = lines_of(x, axis, axis + 1);
  for (size_t i = 0; i < l.count; i++) {
    const size_t at = begin_of(&l, i);
    size_t best = 0;
    for (size_t k = 1; k < l.n; k++) {
      const double v = alb_onnx_get_f64(x, at + k * l.step), so_far = alb_onnx_get_f64(x, at + best * l.step);
      if (better(c->node->op, v, so_far, last)) best = k;
    }
    alb_onnx_set_i64(&c->outputs[0], i, (int64_t)best);
  }
  return ALB_OK;
}

static void softmax_line(const alb_onnx_tensor *x, size_t at, const lines *l, bool logarithm, alb_onnx_tensor *out) {
  double highest = -INFINITY, sum = 0;
  for (size_t k = 0; k < l->n; k++) highest = fmax(highest, alb_onnx_get_f64(x, at + k * l->step));
  for (size_t k = 0; k < l->n; k++) sum += exp(alb_onnx_get_f64(x, at + k * l->step) - highest);
  for (size_t k = 0; k < l->n; k++) {
    const double v = alb_onnx_get_f64(x, at + k * l->step) - highest;
    alb_onnx_set_f64(out, at + k * l->step, logarithm ? v - log(sum) : exp(v) / sum);
  }
}

/* From opset 13 along one axis; before, over all dimensions from the axis (by default 1) on. */
alb_status alb_onnx_run_softmax(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const bool flat = c->node->opset < 13;
  size_t axis;
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", flat ? 1 : -1), x->rank, &axis));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  const lines l = lines_of(x, axis, flat ? x->rank : axis + 1);
  const bool logarithm = c->node->op == ALB_ONNX_OP_LogSoftmax;
  for (size_t i = 0; i < l.count; i++) softmax_line(x, begin_of(&l, i), &l, logarithm, &c->outputs[0]);
  return ALB_OK;
}

static void sum_line(const alb_onnx_tensor *x, size_t at, const lines *l, bool exclusive, bool reverse,
                     alb_onnx_tensor *out) {
  double sum = 0;
  uint64_t whole = 0;
  for (size_t k = 0; k < l->n; k++) {
    const size_t i = at + (reverse ? l->n - 1 - k : k) * l->step;
    const double before = sum;
    const uint64_t whole_before = whole;
    if (alb_onnx_type_is_float(x->type)) {
      sum += alb_onnx_get_f64(x, i);
      alb_onnx_set_f64(out, i, exclusive ? before : sum);
    } else {
      whole += (uint64_t)alb_onnx_get_i64(x, i);
      alb_onnx_set_i64(out, i, (int64_t)(exclusive ? whole_before : whole));
    }
  }
}

alb_status alb_onnx_run_cumsum(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const bool exclusive = alb_onnx_attr_int(c->node, "exclusive", 0) != 0;
  const bool reverse = alb_onnx_attr_int(c->node, "reverse", 0) != 0;
  int64_t stated;
  size_t axis;
  ALB_TRY(alb_onnx_scalar_int(c, alb_onnx_in(c, 1), &stated));
  ALB_TRY(alb_onnx_axis(c, stated, x->rank, &axis));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  const lines l = lines_of(x, axis, axis + 1);
  for (size_t i = 0; i < l.count; i++) sum_line(x, begin_of(&l, i), &l, exclusive, reverse, &c->outputs[0]);
  return ALB_OK;
}
