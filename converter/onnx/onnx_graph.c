/* The ONNX graph: looking at it, changing it, and bringing it in order after changes. */
#include "converter/onnx/onnx_graph.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
  const char *domain, *name;
} ops[ALB_ONNX_OP_COUNT] = {
    {"", "?"},
#define ALB_ONNX_OP(id, domain, name, min_in, max_in, max_out, function) {domain, name},
#include "converter/onnx/onnx_ops.def"
#undef ALB_ONNX_OP
};

void alb_onnx_model_free(alb_onnx_model *model) {
  for (size_t i = 0; i < model->constants.count; i++) alb_onnx_tensor_free(&model->constants.items[i]);
  for (size_t i = 0; i < model->owned.count; i++) alb_onnx_tensor_free(model->owned.items[i]);
  for (size_t i = 0; i < model->graphs.count; i++) alb_vec_free(&model->graphs.items[i].nodes);
  for (size_t i = 0; i < model->files.count; i++) alb_file_unmap(&model->files.items[i]);
  alb_vec_free(&model->opsets);
  alb_vec_free(&model->values);
  alb_vec_free(&model->constants);
  alb_vec_free(&model->graphs);
  alb_vec_free(&model->owned);
  alb_vec_free(&model->files);
  alb_arena_free(&model->arena);
  *model = (alb_onnx_model){0};
}

/* LayerNormalization stood in ai.onnx as an experiment of ONNX Runtime before opset 17: the same name. */
alb_onnx_op alb_onnx_op_find(alb_str domain, alb_str type) {
  if (alb_str_is(domain, "ai.onnx")) domain.n = 0;
  for (int i = 1; i < ALB_ONNX_OP_COUNT; i++) {
    if (alb_str_is(type, ops[i].name) && alb_str_is(domain, ops[i].domain)) return (alb_onnx_op)i;
  }
  return ALB_ONNX_OP_UNKNOWN;
}

const char *alb_onnx_op_name(alb_onnx_op op) {
  return ops[op].name;
}

const alb_onnx_tensor *alb_onnx_constant(const alb_onnx_model *model, uint32_t value) {
  if (value == ALB_ONNX_NONE || model->values.items[value].constant == ALB_ONNX_NONE) return NULL;
  return &model->constants.items[model->values.items[value].constant];
}

const alb_onnx_node *alb_onnx_producer(const alb_onnx_model *model, uint32_t value) {
  if (value == ALB_ONNX_NONE) return NULL;
  const alb_onnx_value *v = &model->values.items[value];
  return v->node == ALB_ONNX_NONE ? NULL : &model->graphs.items[v->graph].nodes.items[v->node];
}

const alb_onnx_attribute *alb_onnx_attribute_find(const alb_onnx_node *node, const char *name) {
  for (size_t i = 0; i < node->attribute_count; i++) {
    if (alb_str_is(node->attributes[i].name, name)) return &node->attributes[i];
  }
  return NULL;
}

static const alb_onnx_attribute *find_kind(const alb_onnx_node *node, const char *name, alb_onnx_attribute_kind kind) {
  const alb_onnx_attribute *a = alb_onnx_attribute_find(node, name);
  return a && a->kind == kind ? a : NULL;
}

int64_t alb_onnx_attr_int(const alb_onnx_node *node, const char *name, int64_t otherwise) {
  const alb_onnx_attribute *a = find_kind(node, name, ALB_ONNX_ATTR_INT);
  return a ? a->i : otherwise;
}

float alb_onnx_attr_float(const alb_onnx_node *node, const char *name, float otherwise) {
  const alb_onnx_attribute *a = find_kind(node, name, ALB_ONNX_ATTR_FLOAT);
  return a ? a->f : otherwise;
}

alb_str alb_onnx_attr_string(const alb_onnx_node *node, const char *name, alb_str otherwise) {
  const alb_onnx_attribute *a = find_kind(node, name, ALB_ONNX_ATTR_STRING);
  return a ? a->s : otherwise;
}

const char *alb_onnx_node_label(const alb_onnx_node *node, char buffer[300]) {
  (void)snprintf(buffer, 300, "%.*s node \"%.*s\"", ALB_STR_ARGS(node->type), ALB_STR_ARGS(node->name));
  return buffer;
}

uint32_t alb_onnx_add_value(alb_onnx_model *model, alb_str name, uint32_t graph) {
  const alb_onnx_value value = {.name = name,
                                .graph = graph,
                                .node = ALB_ONNX_NONE,
                                .constant = ALB_ONNX_NONE,
                                .forward = ALB_ONNX_NONE,
                                .rank = -1};
  if (model->values.count >= ALB_ONNX_NONE - 1 || !alb_vec_push(&model->values, value)) return ALB_ONNX_NONE;
  return (uint32_t)model->values.count - 1;
}

static bool declare(alb_onnx_model *model, alb_onnx_value *value, const alb_onnx_tensor *tensor) {
  value->type = tensor->type;
  value->rank = (int32_t)tensor->rank;
  value->dims = ALB_NEW_ARRAY(&model->arena, alb_onnx_dim, tensor->rank);
  for (size_t i = 0; value->dims && i < tensor->rank; i++) value->dims[i].size = tensor->dims[i];
  return value->dims != NULL;
}

bool alb_onnx_make_constant(alb_onnx_model *model, uint32_t value, alb_onnx_tensor *tensor) {
  alb_onnx_value *v = &model->values.items[value];
  if (!declare(model, v, tensor) || !alb_vec_push(&model->constants, *tensor)) {
    alb_onnx_tensor_free(tensor);
    return false;
  }
  *tensor = (alb_onnx_tensor){0};
  v->constant = (uint32_t)model->constants.count - 1;
  v->node = ALB_ONNX_NONE;
  return true;
}

uint32_t alb_onnx_add_constant(alb_onnx_model *model, alb_str name, alb_onnx_tensor *tensor) {
  const uint32_t value = alb_onnx_add_value(model, name, 0);
  if (value == ALB_ONNX_NONE) alb_onnx_tensor_free(tensor);
  if (value == ALB_ONNX_NONE || !alb_onnx_make_constant(model, value, tensor)) return ALB_ONNX_NONE;
  return value;
}

static int64_t opset_of(const alb_onnx_model *model, alb_str domain) {
  for (size_t i = 0; i < model->opsets.count; i++) {
    if (alb_str_equal(model->opsets.items[i].domain, domain)) return model->opsets.items[i].version;
  }
  return 1;
}

static uint32_t *new_ids(alb_onnx_model *model, uint32_t count) {
  uint32_t *ids = ALB_NEW_ARRAY(&model->arena, uint32_t, count);
  for (size_t i = 0; ids && i < count; i++) ids[i] = ALB_ONNX_NONE;
  return ids;
}

alb_onnx_node *alb_onnx_add_node(alb_onnx_model *model, uint32_t graph, alb_onnx_op op, uint32_t inputs,
                                 uint32_t outputs, uint32_t attributes) {
  alb_onnx_node node = {.op = op,
                        .type = alb_str_of(ops[op].name),
                        .domain = alb_str_of(ops[op].domain),
                        .input_count = inputs,
                        .output_count = outputs,
                        .attribute_count = attributes};
  node.opset = (uint32_t)opset_of(model, node.domain);
  node.inputs = new_ids(model, inputs);
  node.outputs = new_ids(model, outputs);
  node.attributes = ALB_NEW_ARRAY(&model->arena, alb_onnx_attribute, attributes);
  alb_onnx_graph *g = &model->graphs.items[graph];
  if (!node.inputs || !node.outputs || !node.attributes || !alb_vec_push(&g->nodes, node)) return NULL;
  return &g->nodes.items[g->nodes.count - 1];
}

void alb_onnx_forward(alb_onnx_model *model, uint32_t value, uint32_t by) {
  model->values.items[value].forward = by;
}

void alb_onnx_clear_node(alb_onnx_node *node) {
  *node = (alb_onnx_node){0};
}
