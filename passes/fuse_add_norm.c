/* fuse-add-norm: add and normalise in one step.
 *
 *   %2 = add %0 %1
 *   %3 = layer_norm %2 $g $b eps=e     -->  %2 = add_norm %0 %1 $g $b eps=e
 *
 * Only where the sum has no other user. Keeps all values. */
#include "passes/pass.h"

static const alb_node *sum_before(const alb_function *function, const alb_node *node) {
  if (node->op != ALB_OP_LAYER_NORM) return NULL;
  const alb_node *before = alb_definition(function, node->operands[0]);
  if (!before || before->op != ALB_OP_ADD || alb_use_count(function, node->operands[0].id) != 1) return NULL;
  return before;
}

static alb_status fuse(alb_diag *diag, alb_graph *graph, alb_function *function, size_t *changes) {
  for (size_t i = 0; i < function->nodes.count; i++) {
    alb_node *node = &function->nodes.items[i];
    const alb_node *sum = sum_before(function, node);
    if (!sum) continue;
    const alb_operand operands[] = {sum->operands[0], sum->operands[1], node->operands[1], node->operands[2]};
    node->op = ALB_OP_ADD_NORM;
    node->operand_count = 4;
    node->operands = alb_graph_operands(graph, operands, 4);
    if (!node->operands) return alb_fail_memory(diag, sizeof operands, "operands");
    ++*changes;
  }
  (void)alb_remove_dead(graph, function);
  return ALB_OK;
}

alb_status alb_pass_fuse_add_norm(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  for (size_t f = 0; f < graph->functions.count; f++) ALB_TRY(fuse(diag, graph, &graph->functions.items[f], changes));
  return ALB_OK;
}
