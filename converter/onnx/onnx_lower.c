/* Takes operators of ONNX Runtime apart. */
#include "converter/onnx/onnx_lower.h"

typedef struct lowering {
  alb_diag *diag;
  alb_onnx_model *model;
  alb_onnx_node node; /* a copy: adding nodes moves them */
  bool failed;        /* out of memory */
} lowering;

static uint32_t input(const lowering *l, uint32_t i) {
  return i < l->node.input_count ? l->node.inputs[i] : ALB_ONNX_NONE;
}

/* Appends a node that gives one value. */
static void add(lowering *l, alb_onnx_op op, const uint32_t *inputs, uint32_t count, uint32_t output) {
  alb_onnx_node *node = alb_onnx_add_node(l->model, 0, op, count, 1, 0);
  l->failed = l->failed || !node || output == ALB_ONNX_NONE;
  if (!node) return;
  memcpy(node->inputs, inputs, count * sizeof *inputs);
  node->outputs[0] = output;
  node->name = l->node.name;
}

/* Appends a node that gives what the one that is taken apart gave, and has its attributes. */
static void add_heir(lowering *l, alb_onnx_op op, const uint32_t *inputs, uint32_t count) {
  alb_onnx_node *node = alb_onnx_add_node(l->model, 0, op, count, l->node.output_count, 0);
  l->failed = l->failed || !node;
  if (!node) return;
  memcpy(node->inputs, inputs, count * sizeof *inputs);
  memcpy(node->outputs, l->node.outputs, l->node.output_count * sizeof *node->outputs);
  node->name = l->node.name;
  node->attributes = l->node.attributes;
  node->attribute_count = l->node.attribute_count;
}

static uint32_t new_value(lowering *l) {
  return alb_onnx_add_value(l->model, l->node.name, 0);
}

static uint32_t dequantized(lowering *l, uint32_t value, uint32_t scale, uint32_t zero) {
  const uint32_t inputs[] = {value, scale, zero}, out = new_value(l);
  if (value == ALB_ONNX_NONE) return ALB_ONNX_NONE;
  add(l, ALB_ONNX_OP_DequantizeLinear, inputs, zero == ALB_ONNX_NONE ? 2 : 3, out);
  return out;
}

static bool lower_gemm(lowering *l) {
  static const struct {
    const char *name;
    alb_onnx_op op;
  } known[] = {{"Tanh", ALB_ONNX_OP_Tanh}, {"Relu", ALB_ONNX_OP_Relu}, {"Sigmoid", ALB_ONNX_OP_Sigmoid}};
  const alb_str name = alb_onnx_attr_string(&l->node, "activation", ALB_STR(""));
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (!alb_str_is(name, known[i].name)) continue;
    const uint32_t linear = new_value(l), activated = l->node.outputs[0];
    l->failed = linear == ALB_ONNX_NONE;
    if (l->failed) return false;
    l->node.outputs[0] = linear;
    l->node.output_count = 1;
    add_heir(l, ALB_ONNX_OP_Gemm, l->node.inputs, l->node.input_count);
    add(l, known[i].op, &linear, 1, activated);
    return true;
  }
  return false;
}

/* Inputs: x, w, bias, scale of x, scale of w, mask, zero of x, zero of w, past. */
static bool lower_attention(lowering *l) {
  if (l->node.input_count < 5 || input(l, 8) != ALB_ONNX_NONE) return false;
  const uint32_t x = dequantized(l, input(l, 0), input(l, 3), input(l, 6));
  const uint32_t w = dequantized(l, input(l, 1), input(l, 4), input(l, 7));
  const uint32_t inputs[] = {x, w, input(l, 2), input(l, 5)};
  add_heir(l, ALB_ONNX_OP_ms_Attention, inputs, inputs[3] == ALB_ONNX_NONE ? 3 : 4);
  return true;
}

/* Inputs: ids, segments, five quantised ones, mask, their five scales, their five zeros. */
static bool lower_embeddings(lowering *l) {
  enum { FIRST = 2, COUNT = 5, SCALES = 8, ZEROS = 13, MASK = 7 };
  uint32_t inputs[MASK + 1] = {input(l, 0), input(l, 1)};
  if (l->node.input_count < ZEROS + COUNT) return false;
  for (uint32_t i = 0; i < COUNT; i++)
    inputs[FIRST + i] = dequantized(l, input(l, FIRST + i), input(l, SCALES + i), input(l, ZEROS + i));
  inputs[MASK] = input(l, MASK);
  add_heir(l, ALB_ONNX_OP_ms_EmbedLayerNormalization, inputs, inputs[MASK] == ALB_ONNX_NONE ? MASK : MASK + 1);
  return true;
}

static const struct {
  const char *type;
  bool (*lower)(lowering *l);
} lowered[] = {
    {"FusedGemm", lower_gemm}, {"QAttention", lower_attention}, {"QEmbedLayerNormalization", lower_embeddings}};

static bool can_lower(const alb_onnx_node *node) {
  return node->op == ALB_ONNX_OP_UNKNOWN && alb_str_is(node->domain, "com.microsoft") && node->output_count > 0 &&
         node->outputs[0] != ALB_ONNX_NONE;
}

alb_status alb_onnx_lower(alb_diag *diag, alb_onnx_model *model) {
  const size_t count = model->graphs.items[0].nodes.count;
  bool changed = false;
  for (size_t i = 0; i < count; i++) {
    lowering l = {.diag = diag, .model = model, .node = model->graphs.items[0].nodes.items[i]};
    if (!can_lower(&l.node)) continue;
    for (size_t k = 0; k < sizeof lowered / sizeof lowered[0]; k++) {
      if (!alb_str_is(l.node.type, lowered[k].type) || !lowered[k].lower(&l)) continue;
      alb_onnx_clear_node(&model->graphs.items[0].nodes.items[i]);
      changed = true;
    }
    if (l.failed) return alb_fail_memory(diag, 0, "an ONNX graph");
  }
  return changed ? alb_onnx_settle(diag, model) : ALB_OK;
}
