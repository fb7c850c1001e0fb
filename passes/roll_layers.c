/* roll-layers: make equal layer bodies one function, called with parameter sets.
 *
 *   %3 = linear %2 @layer.0.w layer=0         function layer $w { %1 = linear %0 $w  return %1 }
 *   %4 = linear %3 @layer.1.w layer=1         %3 = call %2 callee=layer set=0 layer=0
 *                                             %4 = call %3 callee=layer set=1 layer=1
 *
 * A layer is a run of nodes with one layer number, one value coming in and its last value going
 * out. All layers whose body equals the first one's are rolled. Keeps all values. */
#include "graph/build_encoder.h"
#include "passes/pass.h"

/* Nodes [begin, end) of one layer; `in` is the one value from outside that they use. */
typedef struct body {
  size_t begin, end;
  uint32_t layer, in;
} body;

static uint32_t value_of(const alb_function *function, size_t node) {
  return (uint32_t)(function->input_count + node);
}

/* The next layer at or after node i; false when there is none. */
static bool next_body(const alb_function *function, size_t i, body *out) {
  const alb_node *nodes = function->nodes.items;
  while (i < function->nodes.count && (nodes[i].layer == ALB_NONE || nodes[i].op == ALB_OP_CALL)) i++;
  if (i == function->nodes.count) return false;
  *out = (body){.begin = i, .layer = nodes[i].layer, .in = ALB_NONE};
  while (i < function->nodes.count && nodes[i].layer == out->layer) i++;
  out->end = i;
  return true;
}

/* Finds the value coming in; false when there are several, or when an inner value is used outside. */
static bool find_edges(const alb_function *function, body *b) {
  const uint32_t first = value_of(function, b->begin), last = value_of(function, b->end - 1);
  for (size_t i = 0; i < function->nodes.count; i++) {
    const bool inside = i >= b->begin && i < b->end;
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      const alb_operand o = node->operands[k];
      if (o.kind != ALB_OPERAND_VALUE) continue;
      if (!inside && o.id >= first && o.id < last) return false;
      if (!inside || o.id >= first) continue;
      if (b->in != ALB_NONE && b->in != o.id) return false;
      b->in = o.id;
    }
  }
  return b->in != ALB_NONE;
}

/* An operand as seen from inside the body: the value coming in is 0, node i of the body i + 1. */
static alb_operand relative(const alb_function *function, const body *b, alb_operand o) {
  if (o.kind == ALB_OPERAND_TENSOR) return alb_parameter(0);
  if (o.id == b->in) return alb_value(0);
  return alb_value(o.id - value_of(function, b->begin) + 1);
}

static bool equal_nodes(const alb_function *function, const body *a, const body *b, size_t i) {
  const alb_node *x = &function->nodes.items[a->begin + i], *y = &function->nodes.items[b->begin + i];
  if (x->op != y->op || x->operand_count != y->operand_count || x->activation != y->activation) return false;
  if (x->pooling != y->pooling || x->heads != y->heads || memcmp(&x->eps, &y->eps, sizeof x->eps) != 0) return false;
  for (size_t k = 0; k < x->operand_count; k++) {
    if (!alb_operand_equal(relative(function, a, x->operands[k]), relative(function, b, y->operands[k]))) return false;
  }
  return true;
}

static bool equal_bodies(const alb_function *function, const body *a, const body *b) {
  if (a->end - a->begin != b->end - b->begin) return false;
  for (size_t i = 0; i < a->end - a->begin; i++) {
    if (!equal_nodes(function, a, b, i)) return false;
  }
  return true;
}

/* The tensors of a body in order of use: what its parameter set holds. Returns how many; tensors
 * may be NULL to count only. */
static size_t collect_tensors(const alb_function *function, const body *b, uint32_t *tensors) {
  size_t count = 0;
  for (size_t i = b->begin; i < b->end; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (node->operands[k].kind != ALB_OPERAND_TENSOR) continue;
      if (tensors) tensors[count] = node->operands[k].id;
      count++;
    }
  }
  return count;
}

static alb_status name_parameters(alb_diag *diag, alb_graph *graph, const alb_function *from, const body *b,
                                  alb_function *layer) {
  const size_t count = collect_tensors(from, b, NULL);
  uint32_t *tensors = ALB_NEW_ARRAY(&graph->arena, uint32_t, count);
  const char **names = ALB_NEW_ARRAY(&graph->arena, const char *, count);
  if (!tensors || !names) return alb_fail_memory(diag, count * sizeof *names, "parameters");
  (void)collect_tensors(from, b, tensors);
  for (size_t i = 0; i < count; i++) {
    names[i] = alb_arena_strdup(&graph->arena, alb_parameter_name(graph->tensors->tensors.items[tensors[i]].name));
    if (!names[i]) return alb_fail_memory(diag, 1, "a name");
  }
  layer->parameters = names;
  layer->parameter_count = count;
  return ALB_OK;
}

/* Fills `layer` with the body's nodes; parameter i is the i-th tensor of the body. */
static alb_status outline(alb_diag *diag, alb_graph *graph, const alb_function *from, const body *b,
                          alb_function *layer) {
  uint32_t parameter = 0, value = ALB_NONE;
  ALB_TRY(name_parameters(diag, graph, from, b, layer));
  for (size_t i = b->begin; i < b->end; i++) {
    alb_node node = from->nodes.items[i];
    alb_operand operands[ALB_MAX_OPERANDS];
    for (size_t k = 0; k < node.operand_count; k++) {
      operands[k] = relative(from, b, node.operands[k]);
      if (operands[k].kind == ALB_OPERAND_PARAMETER) operands[k].id = parameter++;
    }
    node.layer = ALB_NONE;
    ALB_TRY(alb_function_append(diag, graph, layer, node, operands, node.operand_count, &value));
  }
  layer->output = value;
  return ALB_OK;
}

static alb_status append_call(alb_diag *diag, alb_graph *graph, alb_function *to, const alb_function *from,
                              const body *b, uint32_t in, uint32_t *value) {
  const size_t count = collect_tensors(from, b, NULL);
  uint32_t *tensors = ALB_NEW_ARRAY(&graph->arena, uint32_t, count), set;
  const char *name = alb_arena_printf(&graph->arena, "layer.%u", b->layer);
  if (!tensors || !name) return alb_fail_memory(diag, count * sizeof *tensors, "a parameter set");
  (void)collect_tensors(from, b, tensors);
  ALB_TRY(alb_graph_add_set(diag, graph, name, tensors, count, &set));
  alb_node node = alb_node_make(ALB_OP_CALL);
  node.callee = 0;
  node.set = set;
  node.layer = b->layer;
  return alb_function_append(diag, graph, to, node, (alb_operand[]){alb_value(in)}, 1, value);
}

/* Copies node i with its value operands renamed. */
static alb_status append_copy(alb_diag *diag, alb_graph *graph, alb_function *to, const alb_function *from, size_t i,
                              const uint32_t *renamed, uint32_t *value) {
  alb_operand operands[ALB_MAX_OPERANDS];
  const alb_node node = from->nodes.items[i];
  for (size_t k = 0; k < node.operand_count; k++) {
    operands[k] = node.operands[k];
    if (operands[k].kind == ALB_OPERAND_VALUE) operands[k].id = renamed[operands[k].id];
  }
  return alb_function_append(diag, graph, to, node, operands, node.operand_count, value);
}

/* Writes `from` again with calls in the place of every body that equals the first one. */
static alb_status rewrite(alb_diag *diag, alb_graph *graph, const alb_function *from, const body *first,
                          alb_function *to, size_t *changes) {
  uint32_t *renamed = ALB_NEW_ARRAY(&graph->arena, uint32_t, from->input_count + from->nodes.count);
  if (!renamed) return alb_fail_memory(diag, from->nodes.count * sizeof *renamed, "values");
  for (uint32_t i = 0; i < from->input_count; i++) renamed[i] = i;
  for (size_t i = 0; i < from->nodes.count;) {
    body b;
    const bool rolls = next_body(from, i, &b) && b.begin == i && find_edges(from, &b) && equal_bodies(from, first, &b);
    const size_t last = rolls ? b.end - 1 : i;
    uint32_t *value = &renamed[value_of(from, last)];
    ALB_TRY(rolls ? append_call(diag, graph, to, from, &b, renamed[b.in], value)
                  : append_copy(diag, graph, to, from, i, renamed, value));
    *changes += rolls;
    i = last + 1;
  }
  to->output = renamed[from->output];
  return ALB_OK;
}

/* Puts the function at the front, so that it stands before its callers. */
static alb_status insert_first(alb_diag *diag, alb_graph *graph, const alb_function *function) {
  if (!alb_vec_push(&graph->functions, *function)) return alb_fail_memory(diag, sizeof *function, "a function");
  alb_function *items = graph->functions.items;
  memmove(items + 1, items, (graph->functions.count - 1) * sizeof *items);
  items[0] = *function;
  for (size_t f = 1; f < graph->functions.count; f++) {
    for (size_t i = 0; i < items[f].nodes.count; i++) {
      if (items[f].nodes.items[i].op == ALB_OP_CALL) items[f].nodes.items[i].callee++;
    }
  }
  return ALB_OK;
}

static alb_status roll(alb_diag *diag, alb_graph *graph, uint32_t encoder, const body *first, const alb_type *in,
                       size_t *changes) {
  const alb_function from = graph->functions.items[encoder];
  alb_function layer = {.name = ALB_FN_LAYER, .inputs = in, .input_count = 1}, to = from;
  to.nodes = (alb_nodes){0};
  alb_status status = outline(diag, graph, &from, first, &layer);
  if (status == ALB_OK) status = insert_first(diag, graph, &layer);
  if (status != ALB_OK) {
    alb_vec_free(&layer.nodes);
    return status;
  }
  status = rewrite(diag, graph, &from, first, &to, changes);
  alb_vec_free(&graph->functions.items[encoder + 1].nodes);
  graph->functions.items[encoder + 1] = to;
  return status;
}

alb_status alb_pass_roll_layers(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  const uint32_t encoder = alb_graph_find(graph, ALB_FN_ENCODER);
  body first;
  if (encoder == ALB_NONE || alb_graph_find(graph, ALB_FN_LAYER) != ALB_NONE) return ALB_OK;
  const alb_function *function = &graph->functions.items[encoder];
  if (!next_body(function, 0, &first) || !find_edges(function, &first)) return ALB_OK;
  alb_type *types = ALB_NEW_ARRAY(&graph->arena, alb_type, function->input_count + function->nodes.count);
  if (!types) return alb_fail_memory(diag, function->nodes.count * sizeof *types, "types");
  ALB_TRY(alb_function_types(diag, graph, encoder, types));
  return roll(diag, graph, encoder, &first, &types[first.in], changes);
}
