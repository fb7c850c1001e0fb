/* fuse-qkv: multiply with query, key and value weights at once.
 *
 *   %1 = linear %0 $q $qb
 *   %2 = linear %0 $k $kb                      %1 = linear %0 $qkv $qkvb      (rows stacked)
 *   %3 = linear %0 $v $vb                -->   %2 = attention %1 heads=h
 *   %4 = attention %1 %2 %3 heads=h
 *
 * In the rolled layer function only, and only where stacking costs no bytes: layers that share a
 * query but not the key with it stay as they are, as do matrices with factors. Needs roll-layers. Keeps all values. */
#include "graph/build_encoder.h"
#include "passes/layer_table.h"

/* Parameters of the three linears; biases are ALB_NONE when there are none. */
typedef struct match {
  size_t attention;    /* node */
  uint32_t linears[3]; /* values */
  uint32_t weights[3], biases[3];
} match;

static bool match_linear(const alb_function *layer, alb_operand operand, const alb_node *first, match *m, size_t i) {
  const alb_node *node = alb_definition(layer, operand);
  if (!node || node->op != ALB_OP_LINEAR || node->activation || alb_use_count(layer, operand.id) != 1) return false;
  if (first &&
      (!alb_operand_equal(first->operands[0], node->operands[0]) || first->operand_count != node->operand_count)) {
    return false;
  }
  if (node->operands[1].kind != ALB_OPERAND_PARAMETER) return false;
  m->linears[i] = operand.id;
  m->weights[i] = node->operands[1].id;
  m->biases[i] = ALB_NONE;
  if (node->operand_count < 3) return true;
  m->biases[i] = node->operands[2].id;
  return node->operands[2].kind == ALB_OPERAND_PARAMETER;
}

static bool find_match(const alb_function *layer, match *m) {
  for (m->attention = 0; m->attention < layer->nodes.count; m->attention++) {
    const alb_node *node = &layer->nodes.items[m->attention];
    if (node->op != ALB_OP_ATTENTION || node->operand_count != 3) continue;
    const alb_node *first = alb_definition(layer, node->operands[0]);
    bool matches = true;
    for (size_t i = 0; matches && i < 3; i++) matches = match_linear(layer, node->operands[i], first, m, i);
    if (matches) return true;
  }
  return false;
}

static uint32_t blob_of(const alb_graph *graph, const alb_layer_table *table, size_t layer, uint32_t parameter) {
  return graph->tensors->tensors.items[*alb_layer_tensor(table, layer, parameter)].blob;
}

/* How many different blobs the layers bind to `count` parameters taken together. */
static size_t distinct(const alb_graph *graph, const alb_layer_table *table, const uint32_t *parameters, size_t count) {
  size_t found = 0;
  for (size_t l = 0; l < table->layers; l++) {
    bool seen = false;
    for (size_t e = 0; !seen && e < l; e++) {
      seen = true;
      for (size_t i = 0; i < count; i++) {
        seen = seen && blob_of(graph, table, l, parameters[i]) == blob_of(graph, table, e, parameters[i]);
      }
    }
    found += !seen;
  }
  return found;
}

/* The three would need factors of three times the size. */
static bool has_factors(const alb_graph *graph, const alb_layer_table *table, const match *m) {
  for (size_t l = 0; l < table->layers; l++) {
    for (size_t i = 0; i < 3; i++) {
      if (alb_blob_is_residual(graph->tensors, blob_of(graph, table, l, m->weights[i]))) return true;
    }
  }
  return false;
}

static bool costs_no_bytes(const alb_graph *graph, const alb_layer_table *table, const match *m) {
  size_t alone = 0;
  if (has_factors(graph, table, m)) return false;
  for (size_t i = 0; i < 3; i++) alone += distinct(graph, table, &m->weights[i], 1);
  return 3 * distinct(graph, table, m->weights, 3) <= alone;
}

/* The blob itself, or its f32 cast: parts of one stack must be of one type. */
static alb_status as_f32(alb_diag *diag, alb_tensors *tensors, uint32_t *blob) {
  const alb_blob *source = &tensors->blobs.items[*blob];
  if (source->dtype == ALB_F32) return ALB_OK;
  const uint32_t input = *blob;
  const alb_blob cast = {
      .kind = ALB_BLOB_CAST, .dtype = ALB_F32, .elements = source->elements, .inputs = &input, .input_count = 1};
  return alb_tensors_recipe(diag, tensors, &cast, blob);
}

/* "layer.0.attention.query.weight" -> "layer.0.attention.qkv.weight" */
static const char *stacked_name(alb_arena *arena, alb_str query) {
  static const char part[] = "query";
  const char *at = memmem(query.p, query.n, part, sizeof part - 1);
  if (!at) return alb_arena_printf(arena, "%.*s.qkv", (int)query.n, query.p);
  const char *rest = at + sizeof part - 1;
  return alb_arena_printf(arena, "%.*sqkv%.*s", (int)(at - query.p), query.p, (int)(query.p + query.n - rest), rest);
}

/* One layer's three tensors after each other, bound in the place of the first. */
static alb_status stack(alb_diag *diag, alb_graph *graph, const alb_layer_table *table, size_t layer,
                        const uint32_t *parameters) {
  alb_tensors *tensors = graph->tensors;
  uint32_t parts[3], *bound = alb_layer_tensor(table, layer, parameters[0]);
  alb_tensor first = tensors->tensors.items[*bound];
  for (size_t i = 0; i < 3; i++) parts[i] = blob_of(graph, table, layer, parameters[i]);
  const alb_dtype dtype = tensors->blobs.items[parts[0]].dtype;
  const bool equal = tensors->blobs.items[parts[1]].dtype == dtype && tensors->blobs.items[parts[2]].dtype == dtype;
  for (size_t i = 0; !equal && i < 3; i++) ALB_TRY(as_f32(diag, tensors, &parts[i]));
  const alb_blob recipe = {.kind = ALB_BLOB_CONCAT,
                           .dtype = tensors->blobs.items[parts[0]].dtype,
                           .elements = 3 * tensors->blobs.items[parts[0]].elements,
                           .inputs = parts,
                           .input_count = 3};
  uint32_t blob;
  ALB_TRY(alb_tensors_recipe(diag, tensors, &recipe, &blob));
  first.dims[0] *= 3;
  const char *name = stacked_name(&tensors->arena, first.name);
  if (!name) return alb_fail_memory(diag, first.name.n, "a name");
  return alb_tensors_view(diag, tensors, alb_str_of(name), first.rank, first.dims, blob, bound);
}

/* The earlier layer that binds the same blobs to the three parameters, or `layer` itself. `old`
 * holds the blobs of all layers: 3 a layer. */
static size_t first_alike(const uint32_t *old, size_t layer) {
  size_t l = 0;
  while (memcmp(&old[3 * l], &old[3 * layer], 3 * sizeof *old) != 0) l++;
  return l;
}

/* Stacks the three parameters of every layer; layers that bound equal blobs bind one tensor. */
static alb_status stack_all(alb_diag *diag, alb_graph *graph, const alb_layer_table *table, const uint32_t *parameters,
                            alb_arena *scratch) {
  uint32_t *old = ALB_NEW_ARRAY(scratch, uint32_t, 3 * table->layers);
  if (!old) return alb_fail_memory(diag, 3 * table->layers * sizeof *old, "blobs");
  for (size_t l = 0; l < table->layers; l++) {
    for (size_t i = 0; i < 3; i++) old[3 * l + i] = blob_of(graph, table, l, parameters[i]);
  }
  for (size_t l = 0; l < table->layers; l++) {
    const size_t first = first_alike(old, l);
    if (first == l) ALB_TRY(stack(diag, graph, table, l, parameters));
    *alb_layer_tensor(table, l, parameters[0]) = *alb_layer_tensor(table, first, parameters[0]);
  }
  return ALB_OK;
}

static alb_status rename_parameter(alb_diag *diag, alb_graph *graph, alb_function *layer, uint32_t parameter) {
  const char **names = ALB_NEW_ARRAY(&graph->arena, const char *, layer->parameter_count);
  if (!names) return alb_fail_memory(diag, layer->parameter_count * sizeof *names, "parameters");
  memcpy(names, layer->parameters, layer->parameter_count * sizeof *names);
  names[parameter] = stacked_name(&graph->arena, alb_str_of(names[parameter]));
  layer->parameters = names;
  return names[parameter] ? ALB_OK : alb_fail_memory(diag, 1, "a name");
}

static alb_status fuse(alb_diag *diag, alb_graph *graph, alb_function *layer, const match *m, alb_arena *scratch,
                       size_t *changes) {
  alb_layer_table table;
  ALB_TRY(alb_layer_table_read(diag, graph, scratch, &table));
  if (!table.layers || !costs_no_bytes(graph, &table, m)) return ALB_OK;
  ALB_TRY(stack_all(diag, graph, &table, m->weights, scratch));
  ALB_TRY(rename_parameter(diag, graph, layer, m->weights[0]));
  if (m->biases[0] != ALB_NONE) {
    ALB_TRY(stack_all(diag, graph, &table, m->biases, scratch));
    ALB_TRY(rename_parameter(diag, graph, layer, m->biases[0]));
  }
  ALB_TRY(alb_layer_table_write(diag, graph, &table));
  layer->nodes.items[m->attention].operand_count = 1;
  (void)alb_remove_dead(graph, layer);
  ++*changes;
  return ALB_OK;
}

alb_status alb_pass_fuse_qkv(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  const uint32_t id = alb_graph_find(graph, ALB_FN_LAYER);
  match m;
  if (id == ALB_NONE || !find_match(&graph->functions.items[id], &m)) return ALB_OK;
  alb_arena scratch = {0};
  const alb_status status = fuse(diag, graph, &graph->functions.items[id], &m, &scratch, changes);
  alb_arena_free(&scratch);
  return status;
}
