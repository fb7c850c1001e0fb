/* The layers of a rolled graph as a table. */
#include "passes/layer_table.h"

#include "graph/build_encoder.h"

/* A parameter that some linear multiplies with. */
static bool is_matrix(const alb_function *layer, uint32_t parameter) {
  for (size_t i = 0; i < layer->nodes.count; i++) {
    const alb_node *node = &layer->nodes.items[i];
    if (node->op == ALB_OP_LINEAR && alb_operand_equal(node->operands[1], alb_parameter(parameter))) return true;
  }
  return false;
}

static alb_status read_parameters(alb_diag *diag, const alb_function *layer, alb_arena *arena, alb_layer_table *out) {
  alb_layer_parameter *parameters = ALB_NEW_ARRAY(arena, alb_layer_parameter, layer->parameter_count);
  if (!parameters) return alb_fail_memory(diag, layer->parameter_count * sizeof *parameters, "parameters");
  for (uint32_t p = 0; p < layer->parameter_count; p++) {
    parameters[p].name = layer->parameters[p];
    parameters[p].ffn = alb_str_starts(alb_str_of(layer->parameters[p]), ALB_STR("ffn."));
    parameters[p].matrix = is_matrix(layer, p);
  }
  out->parameters = parameters;
  out->parameter_count = layer->parameter_count;
  return ALB_OK;
}

static bool calls_layer(const alb_node *node, uint32_t layer) {
  return node->op == ALB_OP_CALL && node->callee == layer;
}

alb_status alb_layer_table_read(alb_diag *diag, const alb_graph *graph, alb_arena *arena, alb_layer_table *out) {
  *out = (alb_layer_table){0};
  const uint32_t encoder = alb_graph_find(graph, ALB_FN_ENCODER), layer = alb_graph_find(graph, ALB_FN_LAYER);
  if (encoder == ALB_NONE || layer == ALB_NONE) return ALB_OK;
  const alb_nodes *nodes = &graph->functions.items[encoder].nodes;
  ALB_TRY(read_parameters(diag, &graph->functions.items[layer], arena, out));
  for (size_t i = 0; i < nodes->count; i++) out->layers += calls_layer(&nodes->items[i], layer);
  out->call_nodes = ALB_NEW_ARRAY(arena, uint32_t, out->layers);
  out->tensors = ALB_NEW_ARRAY(arena, uint32_t, out->layers * out->parameter_count);
  if (!out->call_nodes || !out->tensors) return alb_fail_memory(diag, out->layers * sizeof(uint32_t), "layers");
  for (size_t i = 0, l = 0; i < nodes->count; i++) {
    if (!calls_layer(&nodes->items[i], layer)) continue;
    const alb_set *set = &graph->sets.items[nodes->items[i].set];
    memcpy(alb_layer_tensor(out, l, 0), set->tensors, set->count * sizeof *set->tensors);
    out->call_nodes[l++] = (uint32_t)i;
  }
  return ALB_OK;
}

/* The first layer that binds the same tensors as this one. */
static size_t first_equal(const alb_layer_table *table, size_t layer) {
  const size_t bytes = table->parameter_count * sizeof *table->tensors;
  size_t l = 0;
  while (memcmp(alb_layer_tensor(table, l, 0), alb_layer_tensor(table, layer, 0), bytes) != 0) l++;
  return l;
}

size_t alb_layer_table_sets(const alb_layer_table *table) {
  size_t sets = 0;
  for (size_t l = 0; l < table->layers; l++) sets += first_equal(table, l) == l;
  return sets;
}

/* One tensor, or one base. */
static bool same_matrix(const alb_tensors *tensors, uint32_t a, uint32_t b) {
  const uint32_t x = tensors->tensors.items[a].blob, y = tensors->tensors.items[b].blob;
  if (!alb_blob_is_residual(tensors, x) && !alb_blob_is_residual(tensors, y)) return a == b;
  return alb_blob_base(tensors, x) == alb_blob_base(tensors, y);
}

static bool same_matrices(const alb_layer_table *table, const alb_tensors *tensors, bool ffn, size_t a, size_t b) {
  for (size_t p = 0; p < table->parameter_count; p++) {
    if (!table->parameters[p].matrix || table->parameters[p].ffn != ffn) continue;
    if (!same_matrix(tensors, *alb_layer_tensor(table, a, p), *alb_layer_tensor(table, b, p))) return false;
  }
  return true;
}

static size_t first_same(const alb_layer_table *table, const alb_tensors *tensors, bool ffn, size_t layer) {
  size_t first = 0;
  while (!same_matrices(table, tensors, ffn, first, layer)) first++;
  return first;
}

size_t alb_layer_table_block_sets(const alb_layer_table *table, const alb_tensors *tensors, bool ffn) {
  size_t sets = 0;
  for (size_t l = 0; l < table->layers; l++) sets += first_same(table, tensors, ffn, l) == l;
  return sets;
}

void alb_layer_table_block_map(const alb_layer_table *table, const alb_tensors *tensors, bool ffn, uint32_t *out) {
  for (size_t l = 0; l < table->layers; l++) out[l] = (uint32_t)first_same(table, tensors, ffn, l);
}

alb_status alb_layer_table_write(alb_diag *diag, alb_graph *graph, const alb_layer_table *table) {
  alb_nodes *nodes = &graph->functions.items[alb_graph_find(graph, ALB_FN_ENCODER)].nodes;
  for (size_t l = 0; l < table->layers; l++) {
    const size_t first = first_equal(table, l);
    alb_node *call = &nodes->items[table->call_nodes[l]];
    if (first < l) {
      call->set = nodes->items[table->call_nodes[first]].set;
      continue;
    }
    const char *name = alb_arena_printf(&graph->arena, "layer.%u", call->layer);
    if (!name) return alb_fail_memory(diag, 1, "a name");
    ALB_TRY(alb_graph_add_set(diag, graph, name, alb_layer_tensor(table, l, 0), table->parameter_count, &call->set));
  }
  return ALB_OK;
}
