/* Building and changing graphs. */
#include "graph/ir.h"

#include <stdlib.h>

alb_node alb_node_make(alb_op op) {
  return (alb_node){.op = op, .callee = ALB_NONE, .set = ALB_NONE, .layer = ALB_NONE};
}

const alb_operand *alb_graph_operands(alb_graph *graph, const alb_operand *operands, size_t count) {
  alb_operand *copy = ALB_NEW_ARRAY(&graph->arena, alb_operand, count);
  if (copy && count) memcpy(copy, operands, count * sizeof *copy);
  return copy;
}

alb_status alb_function_append(alb_diag *diag, alb_graph *graph, alb_function *function, alb_node node,
                               const alb_operand *operands, size_t count, uint32_t *value) {
  node.operands = alb_graph_operands(graph, operands, count);
  node.operand_count = count;
  if (!node.operands || !alb_vec_push(&function->nodes, node)) return alb_fail_memory(diag, sizeof node, "a node");
  *value = (uint32_t)(function->input_count + function->nodes.count - 1);
  return ALB_OK;
}

alb_status alb_graph_add_function(alb_diag *diag, alb_graph *graph, const char *name, const alb_type *inputs,
                                  size_t input_count, uint32_t *id) {
  alb_type *types = ALB_NEW_ARRAY(&graph->arena, alb_type, input_count);
  const char *copy = alb_arena_strdup(&graph->arena, alb_str_of(name));
  if (!types || !copy) return alb_fail_memory(diag, input_count * sizeof *types, "a function");
  memcpy(types, inputs, input_count * sizeof *types);
  const alb_function function = {.name = copy, .inputs = types, .input_count = input_count, .output = ALB_NONE};
  if (!alb_vec_push(&graph->functions, function)) return alb_fail_memory(diag, sizeof function, "a function");
  *id = (uint32_t)(graph->functions.count - 1);
  return ALB_OK;
}

alb_status alb_graph_add_set(alb_diag *diag, alb_graph *graph, const char *name, const uint32_t *tensors, size_t count,
                             uint32_t *id) {
  uint32_t *ids = ALB_NEW_ARRAY(&graph->arena, uint32_t, count);
  const char *copy = alb_arena_strdup(&graph->arena, alb_str_of(name));
  if (!ids || !copy) return alb_fail_memory(diag, count * sizeof *ids, "a parameter set");
  if (count) memcpy(ids, tensors, count * sizeof *ids);
  const alb_set set = {copy, ids, count};
  if (!alb_vec_push(&graph->sets, set)) return alb_fail_memory(diag, sizeof set, "a parameter set");
  *id = (uint32_t)(graph->sets.count - 1);
  return ALB_OK;
}

uint32_t alb_graph_find(const alb_graph *graph, const char *name) {
  for (size_t i = 0; i < graph->functions.count; i++) {
    if (strcmp(graph->functions.items[i].name, name) == 0) return (uint32_t)i;
  }
  return ALB_NONE;
}

const alb_node *alb_definition(const alb_function *function, alb_operand operand) {
  if (operand.kind != ALB_OPERAND_VALUE || operand.id < function->input_count) return NULL;
  return &function->nodes.items[operand.id - function->input_count];
}

size_t alb_use_count(const alb_function *function, uint32_t value) {
  size_t uses = function->output == value;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) uses += alb_operand_equal(node->operands[k], alb_value(value));
  }
  return uses;
}

void alb_replace_uses(alb_graph *graph, alb_function *function, uint32_t from, uint32_t to) {
  (void)graph;
  if (function->output == from) function->output = to;
  for (size_t i = 0; i < function->nodes.count; i++) {
    alb_node *node = &function->nodes.items[i];
    alb_operand *operands = alb_node_operands(node);
    for (size_t k = 0; k < node->operand_count; k++) {
      if (alb_operand_equal(operands[k], alb_value(from))) operands[k].id = to;
    }
  }
}

alb_status alb_function_insert(alb_diag *diag, alb_function *function, size_t at, size_t count) {
  const uint32_t value = (uint32_t)(function->input_count + at);
  if (!alb_vec_reserve(&function->nodes, count)) return alb_fail_memory(diag, count * sizeof(alb_node), "nodes");
  alb_node *room = &function->nodes.items[at];
  memmove(room + count, room, (function->nodes.count - at) * sizeof *room);
  function->nodes.count += count;
  for (size_t i = at + count; i < function->nodes.count; i++) {
    alb_operand *operands = alb_node_operands(&function->nodes.items[i]);
    for (size_t k = 0; k < function->nodes.items[i].operand_count; k++) {
      if (operands[k].kind == ALB_OPERAND_VALUE && operands[k].id >= value) operands[k].id += (uint32_t)count;
    }
  }
  if (function->output >= value) function->output += (uint32_t)count;
  return ALB_OK;
}

/* Marks what the output needs, walking backwards: operands are defined before their uses. */
static void mark_live(const alb_function *function, bool *live) {
  live[function->output] = true;
  for (size_t i = function->nodes.count; i-- > 0;) {
    if (!live[function->input_count + i]) continue;
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (node->operands[k].kind == ALB_OPERAND_VALUE) live[node->operands[k].id] = true;
    }
  }
}

size_t alb_remove_dead(alb_graph *graph, alb_function *function) {
  const size_t inputs = function->input_count, values = inputs + function->nodes.count;
  bool *live = ALB_NEW_ARRAY(&graph->arena, bool, values);
  uint32_t *renamed = ALB_NEW_ARRAY(&graph->arena, uint32_t, values);
  if (!live || !renamed || function->output == ALB_NONE) return 0;
  mark_live(function, live);
  for (size_t i = 0; i < inputs; i++) renamed[i] = (uint32_t)i;
  size_t kept = 0;
  for (size_t i = 0; i < function->nodes.count; i++) {
    if (!live[inputs + i]) continue;
    alb_node node = function->nodes.items[i];
    alb_operand *operands = alb_node_operands(&node);
    for (size_t k = 0; k < node.operand_count; k++) {
      if (operands[k].kind == ALB_OPERAND_VALUE) operands[k].id = renamed[operands[k].id];
    }
    renamed[inputs + i] = (uint32_t)(inputs + kept);
    function->nodes.items[kept++] = node;
  }
  const size_t removed = function->nodes.count - kept;
  function->nodes.count = kept;
  function->output = renamed[function->output];
  return removed;
}

void alb_graph_free(alb_graph *graph) {
  for (size_t i = 0; i < graph->functions.count; i++) alb_vec_free(&graph->functions.items[i].nodes);
  alb_vec_free(&graph->functions);
  alb_vec_free(&graph->sets);
  alb_arena_free(&graph->arena);
}
