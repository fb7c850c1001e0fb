/* What the nodes of a graph take each tensor as. */
#include "passes/weight_use.h"

static void note_use(alb_use *uses, uint32_t tensor, alb_use found) {
  if (found > uses[tensor]) uses[tensor] = found;
}

static alb_use operand_use(const alb_node *node, size_t operand) {
  if (node->op == ALB_OP_LINEAR && operand == 1) return ALB_USED_MATRIX;
  const bool table =
      (node->op == ALB_OP_EMBEDDING && operand == 1) || (node->op == ALB_OP_EMBED_NORM && operand >= 3 && operand <= 5);
  if (!table) return ALB_USED_VECTOR;
  const alb_operand indices = node->operands[node->op == ALB_OP_EMBEDDING ? 0 : operand - 3];
  return alb_operand_equal(indices, alb_value(0)) ? ALB_USED_TABLE : ALB_USED_PLACES;
}

/* What the nodes of a function take a parameter as. */
static alb_use parameter_use(const alb_function *function, uint32_t parameter) {
  alb_use found = ALB_USED_VECTOR;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (!alb_operand_equal(node->operands[k], alb_parameter(parameter))) continue;
      if (operand_use(node, k) > found) found = operand_use(node, k);
    }
  }
  return found;
}

static void find_uses(const alb_graph *graph, alb_use *uses) {
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      const alb_node *node = &nodes->items[i];
      for (size_t k = 0; k < node->operand_count; k++) {
        if (node->operands[k].kind == ALB_OPERAND_TENSOR) note_use(uses, node->operands[k].id, operand_use(node, k));
      }
      if (node->op != ALB_OP_CALL) continue;
      const alb_function *callee = &graph->functions.items[node->callee];
      for (uint32_t p = 0; p < callee->parameter_count; p++) {
        note_use(uses, graph->sets.items[node->set].tensors[p], parameter_use(callee, p));
      }
    }
  }
}

/* A matrix whose blob is a table as well is stored once, as the table. */
static void join_uses(const alb_tensors *tensors, alb_use *uses, bool *is_table) {
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    if (uses[t] >= ALB_USED_PLACES) is_table[tensors->tensors.items[t].blob] = true;
  }
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    if (uses[t] == ALB_USED_MATRIX && is_table[tensors->tensors.items[t].blob]) uses[t] = ALB_USED_TABLE;
  }
}

alb_status alb_weight_uses(alb_diag *diag, alb_arena *arena, const alb_graph *graph, alb_use **uses) {
  const alb_tensors *tensors = graph->tensors;
  alb_use *found = *uses = ALB_NEW_ARRAY(arena, alb_use, tensors->tensors.count);
  bool *is_table = ALB_NEW_ARRAY(arena, bool, tensors->blobs.count);
  if (!found || !is_table) return alb_fail_memory(diag, tensors->tensors.count * sizeof *found, "uses");
  find_uses(graph, found);
  join_uses(tensors, found, is_table);
  return ALB_OK;
}

/* The one of fewer bits; `a` may be none. */
static alb_dtype narrower(alb_dtype a, alb_dtype b) {
  const unsigned x = alb_intn_bits(a), y = alb_intn_bits(b);
  return x && (!y || x < y) ? a : b;
}

alb_dtype alb_use_dtype(const alb_tensors *tensors, const alb_use *uses, size_t count, alb_use use) {
  alb_dtype found = ALB_DTYPE_NONE, quantised = ALB_DTYPE_NONE;
  for (size_t t = 0; t < count; t++) {
    const alb_dtype dtype = alb_tensor_stored(tensors, (uint32_t)t);
    if (uses[t] != use) continue;
    if (alb_dtype_is_quantised(dtype)) quantised = narrower(quantised, dtype);
    found = found == ALB_DTYPE_NONE || found == dtype ? dtype : ALB_F32;
  }
  return quantised != ALB_DTYPE_NONE ? quantised : found;
}
