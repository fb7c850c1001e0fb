/* The invariants of a graph (docs/ir.md), checked between passes. */
#include "graph/ir.h"

static alb_status broken(alb_diag *diag, const alb_function *function, size_t node, const char *what) {
  return alb_fail(diag, ALB_INTERNAL, "graph: function \"%s\", node %zu: %s", function->name, node, what);
}

static bool operand_in_range(const alb_graph *graph, const alb_function *function, size_t node, alb_operand operand) {
  switch (operand.kind) {
    case ALB_OPERAND_VALUE:
      return operand.id < function->input_count + node;
    case ALB_OPERAND_TENSOR:
      return operand.id < graph->tensors->tensors.count;
    case ALB_OPERAND_PARAMETER:
      return operand.id < function->parameter_count;
    case ALB_OPERAND_NONE:
      break;
  }
  return false;
}

static alb_status verify_call(alb_diag *diag, const alb_graph *graph, size_t f, size_t i) {
  const alb_function *function = &graph->functions.items[f];
  const alb_node *node = &function->nodes.items[i];
  if (node->callee >= f) return broken(diag, function, i, "callee does not stand before its caller");
  if (node->set >= graph->sets.count) return broken(diag, function, i, "no such parameter set");
  const alb_function *callee = &graph->functions.items[node->callee];
  if (graph->sets.items[node->set].count != callee->parameter_count) {
    return broken(diag, function, i, "set and parameters differ in number");
  }
  for (size_t k = 0; k < callee->nodes.count; k++) {
    if (callee->nodes.items[k].op == ALB_OP_CALL) return broken(diag, function, i, "callee calls another function");
  }
  return ALB_OK;
}

static alb_status verify_node(alb_diag *diag, const alb_graph *graph, size_t f, size_t i) {
  const alb_function *function = &graph->functions.items[f];
  const alb_node *node = &function->nodes.items[i];
  for (size_t k = 0; k < node->operand_count; k++) {
    if (!operand_in_range(graph, function, i, node->operands[k])) {
      return broken(diag, function, i, "operand is not defined before its use");
    }
  }
  return node->op == ALB_OP_CALL ? verify_call(diag, graph, f, i) : ALB_OK;
}

/* Float types are stored forms of one thing: sets may differ in them until quantize-weights. So are all types that a
 * residual's base may have: one layer has the base, others have it with their factors. */
static bool same_kind(const alb_tensors *tensors, uint32_t x, uint32_t y) {
  const alb_type a = alb_tensor_type(tensors, x);
  alb_type b = alb_tensor_type(tensors, y);
  const bool residual = alb_blob_is_residual(tensors, tensors->tensors.items[x].blob) ||
                        alb_blob_is_residual(tensors, tensors->tensors.items[y].blob);
  if (residual || (alb_dtype_is_float(a.dtype) && alb_dtype_is_float(b.dtype))) b.dtype = a.dtype;
  return alb_type_equal(&a, &b);
}

/* Every set bound to a function must have tensors of the same shapes as the first one. */
static alb_status verify_set_types(alb_diag *diag, const alb_graph *graph, const alb_function *function) {
  const alb_set *first = NULL;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    if (node->op != ALB_OP_CALL) continue;
    const alb_set *set = &graph->sets.items[node->set];
    if (!first || first->count != set->count) first = set;
    for (size_t k = 0; k < set->count; k++) {
      if (!same_kind(graph->tensors, first->tensors[k], set->tensors[k]))
        return broken(diag, function, i, "sets of one function differ in type");
    }
  }
  return ALB_OK;
}

static alb_status verify_types(alb_diag *diag, const alb_graph *graph, size_t f) {
  const alb_function *function = &graph->functions.items[f];
  alb_arena scratch = {0};
  const size_t values = function->input_count + function->nodes.count;
  alb_type *types = ALB_NEW_ARRAY(&scratch, alb_type, values);
  const alb_status status = types ? alb_function_types(diag, graph, (uint32_t)f, types)
                                  : alb_fail_memory(diag, values * sizeof *types, "types");
  alb_arena_free(&scratch);
  return status;
}

static alb_status verify_sets(alb_diag *diag, const alb_graph *graph) {
  for (size_t s = 0; s < graph->sets.count; s++) {
    for (size_t k = 0; k < graph->sets.items[s].count; k++) {
      if (graph->sets.items[s].tensors[k] >= graph->tensors->tensors.count) {
        return alb_fail(diag, ALB_INTERNAL, "graph: set %zu: no such tensor", s);
      }
    }
  }
  return ALB_OK;
}

alb_status alb_graph_verify(alb_diag *diag, const alb_graph *graph) {
  ALB_TRY(verify_sets(diag, graph));
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_function *function = &graph->functions.items[f];
    for (size_t i = 0; i < function->nodes.count; i++) ALB_TRY(verify_node(diag, graph, f, i));
    if (function->output >= function->input_count + function->nodes.count) {
      return broken(diag, function, function->nodes.count, "output is not defined");
    }
    ALB_TRY(verify_set_types(diag, graph, function));
  }
  for (size_t f = 0; f < graph->functions.count; f++) ALB_TRY(verify_types(diag, graph, f));
  return ALB_OK;
}
