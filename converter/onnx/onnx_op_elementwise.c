/* Operators that work element by element: numbers, comparisons, logic, choice. Floats are computed as f64 and rounded
 * to their type, integers as 64 bits of which the type keeps its own. */
#include <math.h>

#include "converter/onnx/onnx_op.h"

/* ---- one operand ---- */

double alb_onnx_gelu(double x) {
  return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440));
}

double alb_onnx_gelu_tanh(double x) {
  return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double negate(double x) {
  return -x;
}
static double reciprocal(double x) {
  return 1.0 / x;
}
static double relu(double x) {
  return x > 0 || isnan(x) ? x : 0;
}
static double sigmoid(double x) {
  return x >= 0 ? 1.0 / (1.0 + exp(-x)) : exp(x) / (1.0 + exp(x));
}
static double sign(double x) {
  return isnan(x) ? x : (double)((x > 0) - (x < 0));
}
static double softplus(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static int64_t abs_int(int64_t x) {
  return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}
static int64_t negate_int(int64_t x) {
  return (int64_t)(0 - (uint64_t)x);
}
static int64_t relu_int(int64_t x) {
  return x > 0 ? x : 0;
}
static int64_t sign_int(int64_t x) {
  return (x > 0) - (x < 0);
}

static const struct {
  alb_onnx_op op;
  double (*floats)(double);
  int64_t (*integers)(int64_t); /* of signed types; NULL: the operator has none */
} unary_ops[] = {
    {ALB_ONNX_OP_Abs, fabs, abs_int},
    {ALB_ONNX_OP_Ceil, ceil, NULL},
    {ALB_ONNX_OP_Cos, cos, NULL},
    {ALB_ONNX_OP_Erf, erf, NULL},
    {ALB_ONNX_OP_Exp, exp, NULL},
    {ALB_ONNX_OP_Floor, floor, NULL},
    {ALB_ONNX_OP_Gelu, alb_onnx_gelu, NULL},
    {ALB_ONNX_OP_Log, log, NULL},
    {ALB_ONNX_OP_Neg, negate, negate_int},
    {ALB_ONNX_OP_Reciprocal, reciprocal, NULL},
    {ALB_ONNX_OP_Relu, relu, relu_int},
    {ALB_ONNX_OP_Round, rint, NULL},
    {ALB_ONNX_OP_Sigmoid, sigmoid, NULL},
    {ALB_ONNX_OP_Sign, sign, sign_int},
    {ALB_ONNX_OP_Sin, sin, NULL},
    {ALB_ONNX_OP_Softplus, softplus, NULL},
    {ALB_ONNX_OP_Sqrt, sqrt, NULL},
    {ALB_ONNX_OP_Tanh, tanh, NULL},
};

static alb_status test_floats(alb_onnx_call *c, const alb_onnx_tensor *x) {
  const bool nan = c->node->op == ALB_ONNX_OP_IsNaN;
  const bool positive = alb_onnx_attr_int(c->node, "detect_positive", 1) != 0;
  const bool negative = alb_onnx_attr_int(c->node, "detect_negative", 1) != 0;
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_BOOL, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) {
    const double v = alb_onnx_get_f64(x, i);
    const bool hit = nan ? isnan(v) : isinf(v) && (v > 0 ? positive : negative);
    alb_onnx_set_i64(&c->outputs[0], i, hit);
  }
  return ALB_OK;
}

static alb_status invert(alb_onnx_call *c, const alb_onnx_tensor *x) {
  if (x->type != ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "Not takes bool");
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_BOOL, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) alb_onnx_set_i64(&c->outputs[0], i, !x->data[i]);
  return ALB_OK;
}

static alb_status map_ints(alb_onnx_call *c, const alb_onnx_tensor *x, int64_t (*f)(int64_t)) {
  const bool keep = !alb_onnx_type_is_signed(x->type);
  if (!f || x->type == ALB_ONNX_BOOL) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "elements of type %s", alb_onnx_type_name(x->type));
  }
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) {
    const int64_t v = alb_onnx_get_i64(x, i);
    const int64_t unsigned_v = c->node->op == ALB_ONNX_OP_Sign ? v != 0 : v;
    alb_onnx_set_i64(&c->outputs[0], i, keep ? unsigned_v : f(v));
  }
  return ALB_OK;
}

alb_status alb_onnx_run_unary(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  const alb_onnx_op op = c->node->op;
  if (op == ALB_ONNX_OP_Not) return invert(c, x);
  if (op == ALB_ONNX_OP_IsNaN || op == ALB_ONNX_OP_IsInf) return test_floats(c, x);
  if (op == ALB_ONNX_OP_Gelu && alb_str_is(alb_onnx_attr_string(c->node, "approximate", ALB_STR("none")), "tanh")) {
    return alb_onnx_map(c, x, alb_onnx_gelu_tanh);
  }
  for (size_t i = 0; i < sizeof unary_ops / sizeof unary_ops[0]; i++) {
    if (unary_ops[i].op != op) continue;
    return alb_onnx_type_is_float(x->type) ? alb_onnx_map(c, x, unary_ops[i].floats)
                                           : map_ints(c, x, unary_ops[i].integers);
  }
  return alb_onnx_refuse(c, ALB_INTERNAL, "has no function");
}

/* ---- two operands ---- */

static double float_mod(double a, double b) { /* the sign of b */
  const double m = fmod(a, b);
  return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static double maximum(double a, double b) {
  return isnan(a) ? a : isnan(b) ? b : a > b ? a : b;
}
static double minimum(double a, double b) {
  return isnan(a) ? a : isnan(b) ? b : a < b ? a : b;
}

static double floats_of(const alb_onnx_node *node, double a, double b) {
  switch (node->op) {
    case ALB_ONNX_OP_Add:
    case ALB_ONNX_OP_Sum:
    case ALB_ONNX_OP_Mean:
      return a + b;
    case ALB_ONNX_OP_Sub:
      return a - b;
    case ALB_ONNX_OP_Mul:
      return a * b;
    case ALB_ONNX_OP_Div:
      return a / b;
    case ALB_ONNX_OP_Mod:
      return alb_onnx_attr_int(node, "fmod", 0) ? fmod(a, b) : float_mod(a, b);
    case ALB_ONNX_OP_Max:
      return maximum(a, b);
    case ALB_ONNX_OP_Min:
      return minimum(a, b);
    default:
      return pow(a, b);
  }
}

static int64_t divide(int64_t a, int64_t b, bool is_signed) {
  if (!is_signed) return (int64_t)((uint64_t)a / (uint64_t)b);
  return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t modulo(const alb_onnx_node *node, int64_t a, int64_t b, bool is_signed) {
  if (!is_signed) return (int64_t)((uint64_t)a % (uint64_t)b);
  const int64_t m = b == -1 ? 0 : a % b;
  if (alb_onnx_attr_int(node, "fmod", 0)) return m;
  return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static bool less_int(int64_t a, int64_t b, bool is_signed) {
  return is_signed ? a < b : (uint64_t)a < (uint64_t)b;
}

static int64_t power(int64_t a, int64_t b, bool is_signed) {
  uint64_t out = 1, base = (uint64_t)a;
  if (is_signed && b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
  for (uint64_t e = (uint64_t)b; e; e >>= 1, base *= base) out *= e & 1 ? base : 1;
  return (int64_t)out;
}

/* b is not 0 where it divides. */
static int64_t ints_of(const alb_onnx_node *node, int64_t a, int64_t b, bool is_signed) {
  switch (node->op) {
    case ALB_ONNX_OP_Add:
    case ALB_ONNX_OP_Sum:
      return (int64_t)((uint64_t)a + (uint64_t)b);
    case ALB_ONNX_OP_Sub:
      return (int64_t)((uint64_t)a - (uint64_t)b);
    case ALB_ONNX_OP_Mul:
      return (int64_t)((uint64_t)a * (uint64_t)b);
    case ALB_ONNX_OP_Div:
      return divide(a, b, is_signed);
    case ALB_ONNX_OP_Mod:
      return modulo(node, a, b, is_signed);
    case ALB_ONNX_OP_Max:
      return less_int(a, b, is_signed) ? b : a;
    case ALB_ONNX_OP_Min:
      return less_int(b, a, is_signed) ? b : a;
    default:
      return power(a, b, is_signed);
  }
}

/* One value from two, as a tensor of a's type. */
static alb_status combine(alb_onnx_call *c, const alb_onnx_tensor *a, const alb_onnx_tensor *b, alb_onnx_tensor *out,
                          alb_onnx_walk *w) {
  const bool floats = alb_onnx_type_is_float(a->type) || alb_onnx_type_is_float(b->type);
  const bool is_signed = alb_onnx_type_is_signed(a->type);
  const bool divides = c->node->op == ALB_ONNX_OP_Div || c->node->op == ALB_ONNX_OP_Mod;
  if (a->type == ALB_ONNX_BOOL || b->type == ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "takes no bool");
  for (size_t i = 0; i < w->count; i++, alb_onnx_walk_next(w)) {
    if (floats) {
      alb_onnx_set_f64(out, i, floats_of(c->node, alb_onnx_get_f64(a, w->at[0]), alb_onnx_get_f64(b, w->at[1])));
      continue;
    }
    const int64_t x = alb_onnx_get_i64(a, w->at[0]), y = alb_onnx_get_i64(b, w->at[1]);
    if (divides && y == 0) return alb_onnx_refuse(c, ALB_ARGUMENT, "integer division by 0");
    alb_onnx_set_i64(out, i, ints_of(c->node, x, y, is_signed));
  }
  return ALB_OK;
}

alb_status alb_onnx_run_binary(alb_onnx_call *c) {
  const alb_onnx_tensor *operands[] = {alb_onnx_in(c, 0), alb_onnx_in(c, 1)};
  alb_onnx_walk w;
  if (c->node->op != ALB_ONNX_OP_Pow) ALB_TRY(alb_onnx_need_same_type(c, operands[0], operands[1]));
  ALB_TRY(alb_onnx_broadcast(c, operands, 2, &w));
  ALB_TRY(alb_onnx_out(c, 0, operands[0]->type, w.rank, w.dims));
  return combine(c, operands[0], operands[1], &c->outputs[0], &w);
}

/* Max, Min, Sum, Mean: the operands one after the other. */
alb_status alb_onnx_run_variadic(alb_onnx_call *c) {
  ALB_TRY(alb_onnx_same_bytes(c, c->inputs[0], c->inputs[0]->rank, c->inputs[0]->dims));
  for (size_t i = 1; i < c->node->input_count; i++) {
    if (!c->inputs[i]) return alb_onnx_refuse(c, ALB_MALFORMED, "an input is left out");
    alb_onnx_tensor so_far = c->outputs[0];
    const alb_onnx_tensor *operands[] = {&so_far, c->inputs[i]};
    alb_onnx_walk w;
    c->outputs[0] = (alb_onnx_tensor){0};
    alb_status status = alb_onnx_need_same_type(c, operands[0], operands[1]);
    if (status == ALB_OK) status = alb_onnx_broadcast(c, operands, 2, &w);
    if (status == ALB_OK) status = alb_onnx_out(c, 0, so_far.type, w.rank, w.dims);
    if (status == ALB_OK) status = combine(c, operands[0], operands[1], &c->outputs[0], &w);
    alb_onnx_tensor_free(&so_far);
    ALB_TRY(status);
  }
  if (c->node->op != ALB_ONNX_OP_Mean || c->node->input_count == 1) return ALB_OK;
  alb_onnx_tensor *out = &c->outputs[0];
  ALB_TRY(alb_onnx_need_float(c, out));
  for (size_t i = 0; i < out->count; i++) {
    alb_onnx_set_f64(out, i, alb_onnx_get_f64(out, i) / (double)c->node->input_count);
  }
  return ALB_OK;
}

/* ---- comparisons and logic ---- */

static bool holds(alb_onnx_op op, bool less, bool equal) {
  switch (op) {
    case ALB_ONNX_OP_Equal:
      return equal;
    case ALB_ONNX_OP_Less:
      return less;
    case ALB_ONNX_OP_LessOrEqual:
      return less || equal;
    default:
      return false;
  }
}

/* a > b is b < a. */
alb_status alb_onnx_run_compare(alb_onnx_call *c) {
  const alb_onnx_op op = c->node->op;
  const bool turn = op == ALB_ONNX_OP_Greater || op == ALB_ONNX_OP_GreaterOrEqual;
  const alb_onnx_op straight = op == ALB_ONNX_OP_Greater          ? ALB_ONNX_OP_Less
                               : op == ALB_ONNX_OP_GreaterOrEqual ? ALB_ONNX_OP_LessOrEqual
                                                                  : op;
  const alb_onnx_tensor *operands[] = {alb_onnx_in(c, turn), alb_onnx_in(c, !turn)};
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_need_same_type(c, operands[0], operands[1]));
  ALB_TRY(alb_onnx_broadcast(c, operands, 2, &w));
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_BOOL, w.rank, w.dims));
  const bool floats = alb_onnx_type_is_float(operands[0]->type);
  const bool is_signed = alb_onnx_type_is_signed(operands[0]->type);
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    bool less, equal;
    if (floats) {
      const double x = alb_onnx_get_f64(operands[0], w.at[0]), y = alb_onnx_get_f64(operands[1], w.at[1]);
      less = x < y;
      equal = x == y;
    } else {
      const int64_t x = alb_onnx_get_i64(operands[0], w.at[0]), y = alb_onnx_get_i64(operands[1], w.at[1]);
      less = less_int(x, y, is_signed);
      equal = x == y;
    }
    alb_onnx_set_i64(&c->outputs[0], i, holds(straight, less, equal));
  }
  return ALB_OK;
}

alb_status alb_onnx_run_logical(alb_onnx_call *c) {
  const alb_onnx_tensor *operands[] = {alb_onnx_in(c, 0), alb_onnx_in(c, 1)};
  alb_onnx_walk w;
  if (operands[0]->type != ALB_ONNX_BOOL || operands[1]->type != ALB_ONNX_BOOL) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "takes bool");
  }
  ALB_TRY(alb_onnx_broadcast(c, operands, 2, &w));
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_BOOL, w.rank, w.dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const bool x = operands[0]->data[w.at[0]] != 0, y = operands[1]->data[w.at[1]] != 0;
    const bool both = x && y, either = x || y;
    alb_onnx_set_i64(&c->outputs[0], i,
                     c->node->op == ALB_ONNX_OP_And  ? both
                     : c->node->op == ALB_ONNX_OP_Or ? either
                                                     : x != y);
  }
  return ALB_OK;
}

alb_status alb_onnx_run_where(alb_onnx_call *c) {
  const alb_onnx_tensor *operands[] = {alb_onnx_in(c, 0), alb_onnx_in(c, 1), alb_onnx_in(c, 2)};
  alb_onnx_walk w;
  if (operands[0]->type != ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "its condition must be bool");
  ALB_TRY(alb_onnx_need_same_type(c, operands[1], operands[2]));
  ALB_TRY(alb_onnx_broadcast(c, operands, 3, &w));
  ALB_TRY(alb_onnx_out(c, 0, operands[1]->type, w.rank, w.dims));
  const size_t size = alb_onnx_type_bytes(operands[1]->type);
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const size_t from = operands[0]->data[w.at[0]] ? 1 : 2;
    memcpy(alb_onnx_tensor_data(&c->outputs[0]) + i * size, operands[from]->data + w.at[from] * size, size);
  }
  return ALB_OK;
}

/* ---- bounds ---- */

/* A bound: an input from opset 11 on, an attribute before; NULL for none. `room` holds an attribute's. */
static alb_status bound(const alb_onnx_call *c, const alb_onnx_tensor *x, size_t input, const char *name, float *number,
                        alb_onnx_tensor *room, const alb_onnx_tensor **out) {
  *out = NULL;
  if (c->node->opset < 11) {
    if (!alb_onnx_attribute_find(c->node, name)) return ALB_OK;
    *number = alb_onnx_attr_float(c->node, name, 0);
    *room = (alb_onnx_tensor){.type = ALB_ONNX_FLOAT, .count = 1, .data = (const uint8_t *)number};
    *out = room;
    return alb_onnx_need_float(c, x);
  }
  *out = alb_onnx_in(c, input);
  if (!*out) return ALB_OK;
  if ((*out)->count != 1) return alb_onnx_refuse(c, ALB_SHAPE, "%s must have one element", name);
  return alb_onnx_need_same_type(c, x, *out);
}

alb_status alb_onnx_run_clip(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *low, *high;
  alb_onnx_tensor rooms[2];
  float numbers[2];
  const bool is_signed = alb_onnx_type_is_signed(x->type);
  ALB_TRY(bound(c, x, 1, "min", &numbers[0], &rooms[0], &low));
  ALB_TRY(bound(c, x, 2, "max", &numbers[1], &rooms[1], &high));
  if (x->type == ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "takes no bool");
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) {
    if (alb_onnx_type_is_float(x->type)) {
      double v = alb_onnx_get_f64(x, i);
      if (low) v = maximum(v, alb_onnx_get_f64(low, 0));
      if (high) v = minimum(v, alb_onnx_get_f64(high, 0));
      alb_onnx_set_f64(&c->outputs[0], i, v);
    } else {
      int64_t v = alb_onnx_get_i64(x, i);
      if (low && less_int(v, alb_onnx_get_i64(low, 0), is_signed)) v = alb_onnx_get_i64(low, 0);
      if (high && less_int(alb_onnx_get_i64(high, 0), v, is_signed)) v = alb_onnx_get_i64(high, 0);
      alb_onnx_set_i64(&c->outputs[0], i, v);
    }
  }
  return ALB_OK;
}

/* ---- element types ---- */

static void cast_element(const alb_onnx_tensor *x, size_t i, alb_onnx_tensor *out) {
  const bool from_float = alb_onnx_type_is_float(x->type), to_float = alb_onnx_type_is_float(out->type);
  if (from_float) {
    alb_onnx_set_f64(out, i, alb_onnx_get_f64(x, i));
  } else if (to_float && out->type != ALB_ONNX_DOUBLE) { /* rounded once */
    const int64_t v = alb_onnx_get_i64(x, i);
    const float f = x->type == ALB_ONNX_UINT64 ? (float)(uint64_t)v : (float)v;
    alb_onnx_set_f64(out, i, (double)f);
  } else if (to_float) {
    alb_onnx_set_f64(out, i, alb_onnx_get_f64(x, i));
  } else {
    alb_onnx_set_i64(out, i, alb_onnx_get_i64(x, i));
  }
}

alb_status alb_onnx_run_cast(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *like = alb_onnx_in(c, 1);
  const int64_t to = like ? (int64_t)like->type : alb_onnx_attr_int(c->node, "to", 0);
  const alb_onnx_type type = alb_onnx_type_of((uint64_t)to);
  if (alb_onnx_type_bytes(type) == 0) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "to type %s (%lld)", alb_onnx_type_name(type), (long long)to);
  }
  if (type == x->type) return alb_onnx_same_bytes(c, x, x->rank, x->dims);
  ALB_TRY(alb_onnx_out(c, 0, type, x->rank, x->dims));
  for (size_t i = 0; i < x->count; i++) cast_element(x, i, &c->outputs[0]);
  return ALB_OK;
}

/* Gelu, BiasGelu, FastGelu, QuickGelu of com.microsoft: an activation of x, or of x + bias. */
alb_status alb_onnx_run_bias_gelu(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *bias = alb_onnx_in(c, 1);
  const alb_onnx_op op = c->node->op;
  const double alpha = (double)alb_onnx_attr_float(c->node, "alpha", 1.702f);
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_walk_over(c, x->rank, x->dims, &w));
  if (bias) ALB_TRY(alb_onnx_need_float(c, bias));
  ALB_TRY(alb_onnx_walk_add(c, &w, bias ? bias : x));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const double v = alb_onnx_get_f64(x, i) + (bias ? alb_onnx_get_f64(bias, w.at[0]) : 0.0);
    alb_onnx_set_f64(&c->outputs[0], i,
                     op == ALB_ONNX_OP_ms_QuickGelu  ? v * sigmoid(alpha * v)
                     : op == ALB_ONNX_OP_ms_FastGelu ? alb_onnx_gelu_tanh(v)
                                                     : alb_onnx_gelu(v));
  }
  return ALB_OK;
}
