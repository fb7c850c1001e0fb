/* fuse-embed-norm: gather, sum and normalise embeddings in one step.
 *
 *   %3 = embedding %0 @word      %4 = embedding %1 @type      %5 = add %3 %4
 *   %6 = embedding %2 @position
 *   %7 = add_norm %5 %6 @g @b    -->  %3 = embed_norm %0 %1 %2 @word @type @position @g @b
 *
 * Only where no sum has another user. Needs fuse-add-norm. The sum is taken in the same order. */
#include "passes/pass.h"

static const alb_node *only_use(const alb_function *function, alb_operand operand, alb_op op) {
  const alb_node *node = alb_definition(function, operand);
  return node && node->op == op && alb_use_count(function, operand.id) == 1 ? node : NULL;
}

/* The operands of the fused node; false when the node is not of this form. */
static bool match(const alb_function *function, const alb_node *node, alb_operand *out) {
  if (node->op != ALB_OP_ADD_NORM) return false;
  const alb_node *sum = only_use(function, node->operands[0], ALB_OP_ADD);
  const alb_node *position = only_use(function, node->operands[1], ALB_OP_EMBEDDING);
  const alb_node *word = sum ? only_use(function, sum->operands[0], ALB_OP_EMBEDDING) : NULL;
  const alb_node *type = sum ? only_use(function, sum->operands[1], ALB_OP_EMBEDDING) : NULL;
  if (!position || !word || !type) return false;
  const alb_operand operands[] = {word->operands[0], type->operands[0],     position->operands[0], word->operands[1],
                                  type->operands[1], position->operands[1], node->operands[2],     node->operands[3]};
  memcpy(out, operands, sizeof operands);
  return true;
}

static alb_status fuse(alb_diag *diag, alb_graph *graph, alb_function *function, size_t *changes) {
  for (size_t i = 0; i < function->nodes.count; i++) {
    alb_node *node = &function->nodes.items[i];
    alb_operand operands[8];
    if (!match(function, node, operands)) continue;
    node->op = ALB_OP_EMBED_NORM;
    node->operand_count = 8;
    node->operands = alb_graph_operands(graph, operands, 8);
    if (!node->operands) return alb_fail_memory(diag, sizeof operands, "operands");
    ++*changes;
  }
  (void)alb_remove_dead(graph, function);
  return ALB_OK;
}

alb_status alb_pass_fuse_embed_norm(alb_diag *diag, alb_graph *graph, const alb_pass_options *options,
                                    size_t *changes) {
  (void)options;
  for (size_t f = 0; f < graph->functions.count; f++) ALB_TRY(fuse(diag, graph, &graph->functions.items[f], changes));
  return ALB_OK;
}
