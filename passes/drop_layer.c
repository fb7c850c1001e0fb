/* drop-layer: leave one layer out, for measurements: what deleting a layer costs is the yardstick of a fold.
 *
 *   %1 = call %0 callee=layer set=0 layer=0         %1 = call %0 callee=layer set=0 layer=0
 *   %2 = call %1 callee=layer set=1 layer=1         %2 = call %1 callee=layer set=1 layer=1   (used by nobody)
 *   %3 = call %2 callee=layer set=2 layer=2    -->  %3 = call %1 callee=layer set=2 layer=2
 *
 * Without the option `left_out`, or where the graph is not rolled, nothing changes. drop-unused takes the call away. */
#include "graph/build_encoder.h"
#include "passes/layer_table.h"

alb_status alb_pass_drop_layer(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  alb_layer_table table;
  if (!options->left_out) return ALB_OK;
  ALB_TRY(alb_layer_table_read(diag, graph, &graph->arena, &table));
  if (options->left_out > table.layers) return ALB_OK;
  alb_function *encoder = &graph->functions.items[alb_graph_find(graph, ALB_FN_ENCODER)];
  const uint32_t node = table.call_nodes[options->left_out - 1], value = (uint32_t)encoder->input_count + node;
  if (!alb_use_count(encoder, value)) return ALB_OK;
  alb_replace_uses(graph, encoder, value, encoder->nodes.items[node].operands[0].id);
  *changes += 1;
  return ALB_OK;
}
