/* fuse-activation: apply an activation inside the linear before it.
 *
 *   %1 = linear %0 $w $b
 *   %2 = activation %1 activation=gelu     -->  %1 = linear %0 $w $b activation=gelu
 *
 * Only where the linear has no other user and no activation yet. Keeps all values. */
#include "passes/pass.h"

static bool fuses(const alb_function *function, const alb_node *node) {
  if (node->op != ALB_OP_ACTIVATION) return false;
  const alb_node *before = alb_definition(function, node->operands[0]);
  return before && before->op == ALB_OP_LINEAR && before->activation == ALB_ACT_NONE &&
         alb_use_count(function, node->operands[0].id) == 1;
}

static size_t fuse(alb_graph *graph, alb_function *function) {
  size_t changes = 0;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    if (!fuses(function, node)) continue;
    const uint32_t linear = node->operands[0].id;
    function->nodes.items[linear - function->input_count].activation = node->activation;
    alb_replace_uses(graph, function, (uint32_t)(function->input_count + i), linear);
    changes++;
  }
  return changes;
}

alb_status alb_pass_fuse_activation(alb_diag *diag, alb_graph *graph, const alb_pass_options *options,
                                    size_t *changes) {
  (void)diag;
  (void)options;
  for (size_t f = 0; f < graph->functions.count; f++) {
    *changes += fuse(graph, &graph->functions.items[f]);
    (void)alb_remove_dead(graph, &graph->functions.items[f]);
  }
  return ALB_OK;
}
