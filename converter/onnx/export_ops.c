/* Operators of the graph as standard ONNX nodes, one function each (export_ops.def). */
#include <float.h>
#include <math.h>

#include "converter/onnx/export.h"

static const char *value(const alb_scope *s, const alb_node *node, size_t operand) {
  return s->values[node->operands[operand].id];
}

static const alb_type *type(const alb_scope *s, const alb_node *node, size_t operand) {
  return &s->types[node->operands[operand].id];
}

/* ---- activations: one function each; from opset 20 on GELU is an operator ---- */

static const char *gelu(alb_scope *s, const char *x) {
  if (s->model->options.opset >= 20) return ALB_EMIT(s, "Gelu", x);
  const char *scaled = ALB_EMIT(s, "Div", x, alb_export_f32(s, 1.41421356f)); /* sqrt 2 */
  const char *erf = ALB_EMIT(s, "Erf", scaled);
  const char *twice_phi = ALB_EMIT(s, "Add", erf, alb_export_f32(s, 1));
  return ALB_EMIT(s, "Mul", ALB_EMIT(s, "Mul", x, twice_phi), alb_export_f32(s, 0.5f));
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
static const char *gelu_tanh(alb_scope *s, const char *x) {
  if (s->model->options.opset >= 20) return ALB_EMIT_WITH(s, "Gelu", ALB_OUT_TEXT("approximate", "tanh"), x);
  const char *cube = ALB_EMIT(s, "Pow", x, alb_export_f32(s, 3));
  const char *bent = ALB_EMIT(s, "Add", x, ALB_EMIT(s, "Mul", cube, alb_export_f32(s, 0.044715f)));
  const char *tanh = ALB_EMIT(s, "Tanh", ALB_EMIT(s, "Mul", bent, alb_export_f32(s, 0.797884561f)));
  const char *gate = ALB_EMIT(s, "Add", tanh, alb_export_f32(s, 1));
  return ALB_EMIT(s, "Mul", ALB_EMIT(s, "Mul", x, alb_export_f32(s, 0.5f)), gate);
}

static const char *relu(alb_scope *s, const char *x) {
  return ALB_EMIT(s, "Relu", x);
}

static const char *silu(alb_scope *s, const char *x) {
  return ALB_EMIT(s, "Mul", x, ALB_EMIT(s, "Sigmoid", x));
}

static const char *tanh_of(alb_scope *s, const char *x) {
  return ALB_EMIT(s, "Tanh", x);
}

static const char *sigmoid(alb_scope *s, const char *x) {
  return ALB_EMIT(s, "Sigmoid", x);
}

static alb_status activate(alb_scope *s, alb_activation activation, const char *x, const char **out) {
  static const char *(*const emitters[ALB_ACT_COUNT])(alb_scope *, const char *) = {
      [ALB_ACT_GELU] = gelu, [ALB_ACT_GELU_TANH] = gelu_tanh, [ALB_ACT_RELU] = relu,
      [ALB_ACT_SILU] = silu, [ALB_ACT_TANH] = tanh_of,        [ALB_ACT_SIGMOID] = sigmoid,
  };
  *out = x;
  if (activation == ALB_ACT_NONE) return ALB_OK;
  if (activation < ALB_ACT_COUNT && emitters[activation]) {
    *out = emitters[activation](s, x);
    return ALB_OK;
  }
  return alb_fail(s->model->diag, ALB_UNSUPPORTED, "activation \"%s\" has no ONNX form here",
                  alb_activation_name(activation));
}

static alb_status emit_activation(alb_scope *s, const alb_node *node, const char **out) {
  return activate(s, node->activation, value(s, node, 0), out);
}

/* ---- embeddings ---- */

/* Rows of a table as f32: [B,S,E]. int8 rows have a scale each. */
static alb_status gather(alb_scope *s, const alb_node *node, size_t ids, size_t table, const char **out) {
  alb_out_weight weight;
  ALB_TRY(alb_scope_weight(s, node, table, &weight));
  *out = ALB_EMIT(s, "Gather", weight.name, value(s, node, ids));
  if (weight.dtype == ALB_F32) return ALB_OK;
  *out = ALB_EMIT_WITH(s, "Cast", ALB_OUT_INT("to", ALB_OUT_F32), *out);
  if (!weight.scale) return ALB_OK;
  const char *scale = ALB_EMIT(s, "Gather", weight.scale, value(s, node, ids));
  *out = ALB_EMIT(s, "Mul", *out, ALB_EMIT(s, "Unsqueeze", scale, ALB_I64S(s, -1)));
  return ALB_OK;
}

static alb_status emit_embedding(alb_scope *s, const alb_node *node, const char **out) {
  return gather(s, node, 0, 1, out);
}

/* ---- sums and norms ---- */

static alb_status emit_add(alb_scope *s, const alb_node *node, const char **out) {
  *out = ALB_EMIT(s, "Add", value(s, node, 0), value(s, node, 1));
  return ALB_OK;
}

static alb_status norm(alb_scope *s, const alb_node *node, const char *x, size_t gamma, const char **out) {
  alb_out_weight g, b;
  ALB_TRY(alb_scope_weight(s, node, gamma, &g));
  ALB_TRY(alb_scope_weight(s, node, gamma + 1, &b));
  const alb_out_attr attrs[] = {ALB_OUT_INT("axis", -1), ALB_OUT_FLOAT("epsilon", node->eps)};
  alb_export_node(s, "LayerNormalization", (const char *const[]){x, g.name, b.name, NULL}, attrs, 2, 1, out);
  return ALB_OK;
}

static alb_status emit_layer_norm(alb_scope *s, const alb_node *node, const char **out) {
  return norm(s, node, value(s, node, 0), 1, out);
}

static alb_status emit_add_norm(alb_scope *s, const alb_node *node, const char **out) {
  return norm(s, node, ALB_EMIT(s, "Add", value(s, node, 0), value(s, node, 1)), 2, out);
}

static alb_status emit_embed_norm(alb_scope *s, const alb_node *node, const char **out) {
  const char *rows[3];
  for (size_t i = 0; i < 3; i++) ALB_TRY(gather(s, node, i, 3 + i, &rows[i]));
  const char *sum = ALB_EMIT(s, "Add", rows[0], rows[1]);
  return norm(s, node, ALB_EMIT(s, "Add", sum, rows[2]), 6, out);
}

/* x / max(|x|, 1e-12) */
static alb_status emit_normalize(alb_scope *s, const alb_node *node, const char **out) {
  const char *x = value(s, node, 0), *square = ALB_EMIT(s, "Mul", x, x);
  const char *length = ALB_EMIT(s, "Sqrt", ALB_EMIT(s, "ReduceSum", square, ALB_I64S(s, -1)));
  *out = ALB_EMIT(s, "Div", x, ALB_EMIT(s, "Max", length, alb_export_f32(s, 1e-12f)));
  return ALB_OK;
}

/* ---- products ---- */

/* x W^T for a W that is stored as [out,in], because it is a table too: Gemm transposes it in place,
 * and no tool makes a second copy of it. */
static const char *multiply_rows(alb_scope *s, const alb_type *x_type, const char *x, const char *w, int64_t outputs) {
  const int64_t width = x_type->dims[1];
  if (x_type->dims[0] == ALB_DIM_SEQUENCES) return ALB_EMIT_WITH(s, "Gemm", ALB_OUT_INT("transB", 1), x, w);
  const char *flat = ALB_EMIT(s, "Reshape", x, ALB_I64S(s, -1, width));
  const char *product = ALB_EMIT_WITH(s, "Gemm", ALB_OUT_INT("transB", 1), flat, w);
  const char *batch = ALB_EMIT_WITH(s, "Shape", ALB_OUT_INT("end", 2), x);
  const char *shape = ALB_EMIT_WITH(s, "Concat", ALB_OUT_INT("axis", 0), batch, ALB_I64S(s, outputs));
  return ALB_EMIT(s, "Reshape", product, shape);
}

/* The value of an operand as int8 rows: made once, however many products take it. */
static const char *const *quantize(alb_scope *s, const alb_node *node, size_t operand) {
  const uint32_t id = node->operands[operand].id;
  const char **made = s->quantized[id];
  if (!made[0]) {
    alb_export_node(s, "DynamicQuantizeLinear", (const char *const[]){s->values[id], NULL}, NULL, 0, 3, made);
  }
  return made;
}

static const char *multiply_integers(alb_scope *s, const alb_node *node, const alb_out_weight *weight) {
  const char *const *x = quantize(s, node, 0);
  const char *sum = ALB_EMIT(s, "MatMulInteger", x[0], weight->name, x[2]);
  const char *scale = ALB_EMIT(s, "Mul", x[1], weight->scale);
  return ALB_EMIT(s, "Mul", ALB_EMIT_WITH(s, "Cast", ALB_OUT_INT("to", ALB_OUT_F32), sum), scale);
}

static alb_status emit_linear(alb_scope *s, const alb_node *node, const char **out) {
  alb_out_weight weight, bias;
  ALB_TRY(alb_scope_weight(s, node, 1, &weight));
  const int64_t outputs = s->types[s->function->input_count + (size_t)(node - s->function->nodes.items)].dims[1];
  if (weight.scale) {
    *out = multiply_integers(s, node, &weight);
  } else if (weight.as_rows) {
    *out = multiply_rows(s, type(s, node, 0), value(s, node, 0), weight.name, outputs);
  } else {
    *out = ALB_EMIT(s, "MatMul", value(s, node, 0), weight.name);
  }
  if (node->operand_count == 3) {
    ALB_TRY(alb_scope_weight(s, node, 2, &bias));
    *out = ALB_EMIT(s, "Add", *out, bias.name);
  }
  return activate(s, node->activation, *out, out);
}

/* ---- attention ---- */

enum { PERM = 4 };

static const char *transpose(alb_scope *s, const char *x, const int64_t perm[PERM]) {
  const alb_out_attr attr = {.name = "perm", .kind = ALB_OUT_ATTR_INTS, .i64s = perm, .count = PERM};
  return ALB_EMIT_WITH(s, "Transpose", attr, x);
}

/* q, k and v: three operands, or thirds of one. */
static void take_qkv(alb_scope *s, const alb_node *node, int64_t width, const char *qkv[3]) {
  if (node->operand_count == 3) {
    for (size_t i = 0; i < 3; i++) qkv[i] = value(s, node, i);
    return;
  }
  const alb_out_attr axis = ALB_OUT_INT("axis", -1);
  const char *const in[] = {value(s, node, 0), ALB_I64S(s, width, width, width), NULL};
  alb_export_node(s, "Split", in, &axis, 1, 3, qkv);
}

/* Each head by itself, [B,heads,S,width]; padding is kept out by a bias on the scores. */
static alb_status emit_attention(alb_scope *s, const alb_node *node, const char **out) {
  static const int64_t heads_first[PERM] = {0, 2, 1, 3}, keys[PERM] = {0, 2, 3, 1};
  const int64_t hidden = node->operand_count == 3 ? type(s, node, 0)->dims[1] : type(s, node, 0)->dims[1] / 3;
  const int64_t width = hidden / node->heads;
  const char *qkv[3];
  take_qkv(s, node, hidden, qkv);
  for (size_t i = 0; i < 3; i++) {
    const char *split = ALB_EMIT(s, "Reshape", qkv[i], ALB_I64S(s, 0, 0, node->heads, width));
    qkv[i] = transpose(s, split, i == 1 ? keys : heads_first);
  }
  const char *scores = ALB_EMIT(s, "MatMul", qkv[0], qkv[1]);
  scores = ALB_EMIT(s, "Div", scores, alb_export_f32(s, sqrtf((float)width)));
  scores = ALB_EMIT(s, "Add", scores, s->bias);
  const char *shares = ALB_EMIT_WITH(s, "Softmax", ALB_OUT_INT("axis", -1), scores);
  const char *mixed = transpose(s, ALB_EMIT(s, "MatMul", shares, qkv[2]), heads_first);
  *out = ALB_EMIT(s, "Reshape", mixed, ALB_I64S(s, 0, 0, hidden));
  return ALB_OK;
}

/* ---- pooling: [B,S,H] -> [B,H], padding left out ---- */

static const char *mask_column(alb_scope *s) {
  return ALB_EMIT(s, "Unsqueeze", s->model->mask, ALB_I64S(s, -1));
}

static const char *sum_tokens(alb_scope *s, const char *x) {
  return ALB_EMIT_WITH(s, "ReduceSum", ALB_OUT_INT("keepdims", 0), x, ALB_I64S(s, 1));
}

static const char *pool_mean(alb_scope *s, const char *x) {
  const char *mask = mask_column(s), *sum = sum_tokens(s, ALB_EMIT(s, "Mul", x, mask));
  const char *count = ALB_EMIT(s, "Max", sum_tokens(s, mask), alb_export_f32(s, 1e-9f));
  return ALB_EMIT(s, "Div", sum, count);
}

static const char *pool_cls(alb_scope *s, const char *x) {
  return ALB_EMIT_WITH(s, "Gather", ALB_OUT_INT("axis", 1), x, alb_export_i64(s, 0));
}

/* Axes became an input of ReduceMax with opset 18. */
static const char *pool_max(alb_scope *s, const char *x) {
  static const int64_t tokens[] = {1};
  const char *real = ALB_EMIT_WITH(s, "Cast", ALB_OUT_INT("to", ALB_OUT_BOOL), mask_column(s));
  const char *kept = ALB_EMIT(s, "Where", real, x, alb_export_f32(s, -FLT_MAX)), *out;
  const alb_out_attr attrs[] = {ALB_OUT_INT("keepdims", 0),
                                {.name = "axes", .kind = ALB_OUT_ATTR_INTS, .i64s = tokens, .count = 1}};
  const bool as_input = s->model->options.opset >= 18;
  const char *const in[] = {kept, as_input ? ALB_I64S(s, 1) : NULL, NULL};
  alb_export_node(s, "ReduceMax", in, attrs, as_input ? 1 : 2, 1, &out);
  return out;
}

/* The token with the highest number among the real ones: padding stands at the end. */
static const char *pool_last(alb_scope *s, const char *x) {
  const char *count = ALB_EMIT(s, "ReduceSum", s->model->mask, ALB_I64S(s, 1));
  const char *place = ALB_EMIT_WITH(s, "Cast", ALB_OUT_INT("to", ALB_OUT_I64), count);
  const char *last = ALB_EMIT(s, "Sub", place, alb_export_i64(s, 1));
  return ALB_EMIT_WITH(s, "GatherND", ALB_OUT_INT("batch_dims", 1), x, last);
}

static alb_status emit_pool(alb_scope *s, const alb_node *node, const char **out) {
  static const char *(*const emitters[ALB_POOL_COUNT])(alb_scope *, const char *) = {
      [ALB_POOL_MEAN] = pool_mean, [ALB_POOL_CLS] = pool_cls, [ALB_POOL_MAX] = pool_max, [ALB_POOL_LAST] = pool_last};
  if (node->pooling >= ALB_POOL_COUNT || !emitters[node->pooling]) {
    return alb_fail(s->model->diag, ALB_UNSUPPORTED, "pooling \"%s\" has no ONNX form here",
                    alb_pooling_name(node->pooling));
  }
  *out = emitters[node->pooling](s, value(s, node, 0));
  return ALB_OK;
}

static alb_status emit_call(alb_scope *s, const alb_node *node, const char **out) {
  return alb_export_call(s, node, out);
}

/* An operator without its line here does not compile: base/op.def names emitters of export_ops.def. */
typedef alb_status (*emit_fn)(alb_scope *, const alb_node *, const char **);

enum {
#define ALB_EXPORT_OP(id, name) HAS_##id,
#include "converter/onnx/export_ops.def"
#undef ALB_EXPORT_OP
#define ALB_OP(id, value, name, fewest, most) NEEDS_##id = HAS_##id,
#include "base/op.def"
#undef ALB_OP
};

static const emit_fn emitters[ALB_OP_COUNT] = {
#define ALB_EXPORT_OP(id, name) [ALB_OP_##id] = emit_##name,
#include "converter/onnx/export_ops.def"
#undef ALB_EXPORT_OP
};

alb_status alb_export_operator(alb_scope *s, const alb_node *node, const char **out) {
  if (node->op >= ALB_OP_COUNT || !emitters[node->op]) {
    return alb_fail(s->model->diag, ALB_INTERNAL, "operator %d has no ONNX form", (int)node->op);
  }
  return emitters[node->op](s, node, out);
}
