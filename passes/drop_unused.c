/* drop-unused: remove nodes, parameters and sets that nobody uses.
 *
 *   function layer $a $b { %1 = linear %0 $b ... }     function layer $b { %1 = linear %0 $b ... }
 *   set 0 "x" 4 5   set 1 "y" 6 7 (not called)    -->  set 0 "x" 5
 *
 * Tensors and blobs need no removal: what nothing refers to is not written. */
#include "passes/pass.h"

static bool uses_parameter(const alb_function *function, uint32_t parameter) {
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (alb_operand_equal(node->operands[k], alb_parameter(parameter))) return true;
    }
  }
  return false;
}

static void rename_parameters(alb_function *function, const uint32_t *renamed) {
  for (size_t i = 0; i < function->nodes.count; i++) {
    alb_operand *operands = alb_node_operands(&function->nodes.items[i]);
    for (size_t k = 0; k < function->nodes.items[i].operand_count; k++) {
      if (operands[k].kind == ALB_OPERAND_PARAMETER) operands[k].id = renamed[operands[k].id];
    }
  }
}

/* keep[s] is set for every set that some call binds; those bound to `callee` (unless ALB_NONE) are
 * reduced to the parameters with renamed[p] != ALB_NONE. A set is reduced once. */
static void visit_calls(alb_graph *graph, uint32_t callee, const uint32_t *renamed, bool *keep) {
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      const alb_node *node = &nodes->items[i];
      if (node->op != ALB_OP_CALL || (callee != ALB_NONE && node->callee != callee) || keep[node->set]) continue;
      keep[node->set] = true;
      if (callee == ALB_NONE) continue;
      alb_set *set = &graph->sets.items[node->set];
      uint32_t *tensors = alb_set_tensors(set);
      size_t kept = 0;
      for (size_t p = 0; p < set->count; p++) {
        if (renamed[p] != ALB_NONE) tensors[kept++] = tensors[p];
      }
      set->count = kept;
    }
  }
}

static alb_status drop_parameters(alb_diag *diag, alb_graph *graph, uint32_t id, alb_arena *scratch, size_t *changes) {
  alb_function *function = &graph->functions.items[id];
  uint32_t *renamed = ALB_NEW_ARRAY(scratch, uint32_t, function->parameter_count), kept = 0;
  const char **names = ALB_NEW_ARRAY(&graph->arena, const char *, function->parameter_count);
  bool *seen = ALB_NEW_ARRAY(scratch, bool, graph->sets.count);
  if (!renamed || !names || !seen) return alb_fail_memory(diag, function->parameter_count, "parameters");
  for (uint32_t p = 0; p < function->parameter_count; p++) {
    const bool used = uses_parameter(function, p);
    renamed[p] = used ? kept : ALB_NONE;
    if (used) names[kept++] = function->parameters[p];
  }
  if (kept == function->parameter_count) return ALB_OK;
  *changes += function->parameter_count - kept;
  rename_parameters(function, renamed);
  function->parameters = names;
  function->parameter_count = kept;
  visit_calls(graph, id, renamed, seen);
  return ALB_OK;
}

static alb_status drop_sets(alb_diag *diag, alb_graph *graph, alb_arena *scratch, size_t *changes) {
  bool *keep = ALB_NEW_ARRAY(scratch, bool, graph->sets.count);
  uint32_t *renamed = ALB_NEW_ARRAY(scratch, uint32_t, graph->sets.count), kept = 0;
  if (!keep || !renamed) return alb_fail_memory(diag, graph->sets.count * sizeof *renamed, "sets");
  visit_calls(graph, ALB_NONE, NULL, keep);
  for (uint32_t s = 0; s < graph->sets.count; s++) {
    renamed[s] = kept;
    if (keep[s]) graph->sets.items[kept++] = graph->sets.items[s];
  }
  *changes += graph->sets.count - kept;
  graph->sets.count = kept;
  for (size_t f = 0; f < graph->functions.count; f++) {
    for (size_t i = 0; i < graph->functions.items[f].nodes.count; i++) {
      alb_node *node = &graph->functions.items[f].nodes.items[i];
      if (node->op == ALB_OP_CALL) node->set = renamed[node->set];
    }
  }
  return ALB_OK;
}

alb_status alb_pass_drop_unused(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  alb_arena scratch = {0};
  alb_status status = ALB_OK;
  for (uint32_t f = 0; status == ALB_OK && f < graph->functions.count; f++) {
    *changes += alb_remove_dead(graph, &graph->functions.items[f]);
    status = drop_parameters(diag, graph, f, &scratch, changes);
  }
  if (status == ALB_OK) status = drop_sets(diag, graph, &scratch, changes);
  alb_arena_free(&scratch);
  return status;
}
