/* Finding the parts of layers by name and use, reading and replacing them. */
#include "tune/layer_view.h"

#include <stdlib.h>
#include <string.h>

#include "graph/build_encoder.h"

static const struct {
  const char *name;
  int part;
  unsigned count; /* parts after each other, of equal size */
} fields[] = {
    {"attention.query.weight", ALB_ALIGN_QUERY, 1},
    {"attention.query.bias", ALB_VIEW_BIAS + ALB_ALIGN_QUERY, 1},
    {"attention.key.weight", ALB_ALIGN_KEY, 1},
    {"attention.key.bias", ALB_VIEW_BIAS + ALB_ALIGN_KEY, 1},
    {"attention.value.weight", ALB_ALIGN_VALUE, 1},
    {"attention.value.bias", ALB_VIEW_BIAS + ALB_ALIGN_VALUE, 1},
    {"attention.qkv.weight", ALB_ALIGN_QUERY, 3},
    {"attention.qkv.bias", ALB_VIEW_BIAS + ALB_ALIGN_QUERY, 3},
    {"attention.output.weight", ALB_ALIGN_OUTPUT, 1},
    {"attention.output.bias", ALB_VIEW_BIAS + ALB_ALIGN_OUTPUT, 1},
    {"attention.norm.weight", ALB_VIEW_ATTENTION_GAMMA, 1},
    {"attention.norm.bias", ALB_VIEW_ATTENTION_BETA, 1},
    {"ffn.up.weight", ALB_ALIGN_UP, 1},
    {"ffn.up.bias", ALB_VIEW_BIAS + ALB_ALIGN_UP, 1},
    {"ffn.down.weight", ALB_ALIGN_DOWN, 1},
    {"ffn.down.bias", ALB_VIEW_BIAS + ALB_ALIGN_DOWN, 1},
    {"ffn.norm.weight", ALB_VIEW_FFN_GAMMA, 1},
    {"ffn.norm.bias", ALB_VIEW_FFN_BETA, 1},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };
_Static_assert((int)FIELDS <= (int)ALB_VIEW_MAX_FIELDS, "room for the fields");

bool alb_layer_view_is_ffn(int field) {
  return fields[field].name[0] == 'f';
}

bool alb_layer_view_is_norm(int field) {
  return fields[field].part >= ALB_VIEW_ATTENTION_GAMMA;
}

int alb_layer_view_field(const alb_layer_view *view, int part) {
  for (int i = 0; i < FIELDS; i++) {
    if (view->parameter[i] == ALB_VIEW_NONE) continue;
    if (part >= fields[i].part && part < fields[i].part + (int)fields[i].count) return i;
  }
  return ALB_VIEW_NONE;
}

/* ---- what the layer function looks like ---- */

static const alb_function *layer_function(const alb_graph *graph) {
  return &graph->functions.items[alb_graph_find(graph, ALB_FN_LAYER)];
}

/* Fusions leave parameters behind that nothing uses. */
static bool is_used(const alb_function *layer, uint32_t parameter) {
  for (size_t i = 0; i < layer->nodes.count; i++) {
    const alb_node *node = &layer->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (alb_operand_equal(node->operands[k], alb_parameter(parameter))) return true;
    }
  }
  return false;
}

static void find_parameters(alb_layer_view *view) {
  for (size_t i = 0; i < ALB_VIEW_MAX_FIELDS; i++) view->parameter[i] = ALB_VIEW_NONE;
  for (size_t i = 0; i < FIELDS; i++) {
    for (size_t p = 0; p < view->table->parameter_count; p++) {
      if (strcmp(view->table->parameters[p].name, fields[i].name) != 0) continue;
      if (is_used(layer_function(view->graph), (uint32_t)p)) view->parameter[i] = (int)p;
    }
  }
}

/* Every part of the block is there once; biases may be missing. */
static bool has_parts(const alb_layer_view *view, bool ffn) {
  unsigned seen[ALB_VIEW_PARTS] = {0};
  for (int i = 0; i < FIELDS; i++) {
    if (view->parameter[i] == ALB_VIEW_NONE || alb_layer_view_is_ffn(i) != ffn) continue;
    for (unsigned k = 0; k < fields[i].count; k++) seen[fields[i].part + (int)k]++;
  }
  for (int i = 0; i < FIELDS; i++) {
    const bool bias = fields[i].part >= ALB_VIEW_BIAS && !alb_layer_view_is_norm(i);
    if (alb_layer_view_is_ffn(i) != ffn || fields[i].count > 1) continue;
    if (seen[fields[i].part] > 1 || (seen[fields[i].part] == 0 && !bias)) return false;
  }
  return true;
}

static const alb_node *definition_of(const alb_function *layer, const alb_node *node, size_t operand) {
  return node && operand < node->operand_count ? alb_definition(layer, node->operands[operand]) : NULL;
}

static bool is_linear(const alb_node *node) {
  return node && node->op == ALB_OP_LINEAR;
}

/* The node that has the parameter of that name as operand. */
static const alb_node *node_with(const alb_function *layer, const char *name) {
  for (size_t i = 0; i < layer->nodes.count; i++) {
    const alb_node *node = &layer->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      const alb_operand o = node->operands[k];
      if (o.kind == ALB_OPERAND_PARAMETER && strcmp(layer->parameters[o.id], name) == 0) return node;
    }
  }
  return NULL;
}

/* The norm of a block is of linear + residual: returns eps through the node, or NULL. */
static const alb_node *norm_of(const alb_function *layer, const char *gamma, const alb_node *last) {
  const alb_node *norm = node_with(layer, gamma), *sum = norm;
  if (norm && norm->op == ALB_OP_LAYER_NORM) sum = definition_of(layer, norm, 0);
  if (!sum || (sum->op != ALB_OP_ADD && sum->op != ALB_OP_ADD_NORM)) return NULL;
  return definition_of(layer, sum, 0) == last || definition_of(layer, sum, 1) == last ? norm : NULL;
}

/* output(attention(linear, linear, linear)), all plain. */
static bool look_at_attention(alb_layer_view *view, const alb_function *layer) {
  const alb_node *output = node_with(layer, "attention.output.weight");
  const alb_node *attention = definition_of(layer, output, 0);
  if (!is_linear(output) || !attention || attention->op != ALB_OP_ATTENTION) return false;
  for (size_t i = 0; i < attention->operand_count; i++) {
    const alb_node *node = definition_of(layer, attention, i);
    if (!is_linear(node) || node->activation != ALB_ACT_NONE) return false;
  }
  const alb_node *norm = norm_of(layer, "attention.norm.weight", output);
  if (!norm) return false;
  view->dims.heads = attention->heads;
  view->attention_eps = norm->eps;
  return view->dims.heads && view->dims.hidden % view->dims.heads == 0;
}

/* down(activation(up)), where the activation is of each neuron by itself. */
static bool look_at_ffn(alb_layer_view *view, const alb_function *layer) {
  const alb_node *down = node_with(layer, "ffn.down.weight"), *node = definition_of(layer, down, 0);
  const alb_node *norm = norm_of(layer, "ffn.norm.weight", down);
  if (!norm || !is_linear(down) || !node) return false;
  view->ffn_eps = norm->eps;
  view->activation = node->activation;
  if (node->op == ALB_OP_ACTIVATION) node = definition_of(layer, node, 0);
  return is_linear(node) && node == node_with(layer, "ffn.up.weight");
}

static const alb_tensor *tensor_of(const alb_layer_view *view, int field) {
  return &view->graph->tensors->tensors.items[*alb_layer_tensor(view->table, 0, (size_t)view->parameter[field])];
}

static size_t part_elements(const alb_layer_view *view, int part) {
  if (part < ALB_VIEW_BIAS) return alb_align_elements(&view->dims, (alb_align_matrix)part);
  if (part < ALB_VIEW_ATTENTION_GAMMA) return alb_align_rows(&view->dims, (alb_align_matrix)(part - ALB_VIEW_BIAS));
  return view->dims.hidden;
}

static bool sizes_fit(const alb_layer_view *view, bool ffn) {
  for (int i = 0; i < FIELDS; i++) {
    if (view->parameter[i] == ALB_VIEW_NONE || alb_layer_view_is_ffn(i) != ffn) continue;
    const alb_blob *blob = &view->graph->tensors->blobs.items[tensor_of(view, i)->blob];
    if (blob->elements != part_elements(view, fields[i].part) * fields[i].count) return false;
  }
  return true;
}

void alb_layer_view_open(alb_graph *graph, const alb_layer_table *table, alb_layer_view *out) {
  *out = (alb_layer_view){.graph = graph, .table = table};
  const alb_function *layer = layer_function(graph);
  find_parameters(out);
  out->attention = has_parts(out, false);
  out->ffn = has_parts(out, true);
  if (out->ffn) {
    out->dims.hidden = tensor_of(out, alb_layer_view_field(out, ALB_ALIGN_DOWN))->dims[0];
    out->dims.inner = tensor_of(out, alb_layer_view_field(out, ALB_ALIGN_DOWN))->dims[1];
  }
  if (out->attention) out->dims.hidden = tensor_of(out, alb_layer_view_field(out, ALB_ALIGN_OUTPUT))->dims[0];
  out->attention = out->attention && look_at_attention(out, layer) && sizes_fit(out, false);
  out->ffn = out->ffn && look_at_ffn(out, layer) && sizes_fit(out, true);
}

/* ---- numbers ---- */

static alb_status load_field(alb_diag *diag, const alb_layer_view *view, uint32_t tensor, int field,
                             alb_layer_values *out) {
  const alb_tensors *tensors = view->graph->tensors;
  const uint32_t blob = tensors->tensors.items[tensor].blob;
  const size_t elements = (size_t)tensors->blobs.items[blob].elements;
  float *values = out->field[field] = malloc((elements + 1) * sizeof *values);
  if (!values) return alb_fail_memory(diag, elements * sizeof *values, "a layer");
  for (unsigned k = 0; k < fields[field].count; k++) {
    out->part[fields[field].part + (int)k] = values + k * (elements / fields[field].count);
  }
  return alb_blob_f32(diag, tensors, blob, values);
}

alb_status alb_layer_view_load(alb_diag *diag, const alb_layer_view *view, const uint32_t *tensors, size_t layer,
                               bool attention, bool ffn, alb_layer_values *out) {
  alb_status status = ALB_OK;
  *out = (alb_layer_values){0};
  for (int i = 0; status == ALB_OK && i < FIELDS; i++) {
    const bool wanted = alb_layer_view_is_ffn(i) ? ffn && view->ffn : attention && view->attention;
    if (view->parameter[i] == ALB_VIEW_NONE || !wanted) continue;
    const size_t at = layer * view->table->parameter_count + (size_t)view->parameter[i];
    status = load_field(diag, view, tensors[at], i, out);
  }
  if (status != ALB_OK) alb_layer_values_free(out);
  return status;
}

alb_status alb_layer_view_store(alb_diag *diag, const alb_layer_view *view, size_t layer, int field,
                                const float *values) {
  alb_tensors *tensors = view->graph->tensors;
  uint32_t *id = alb_layer_tensor(view->table, layer, (size_t)view->parameter[field]), blob;
  const alb_tensor old = tensors->tensors.items[*id];
  const size_t elements = (size_t)tensors->blobs.items[old.blob].elements;
  float *made;
  char name[64];
  ALB_TRY(alb_tensors_made(diag, tensors, elements, &made, &blob));
  memcpy(made, values, elements * sizeof *made);
  (void)snprintf(name, sizeof name, "layer.%zu.%s", layer, fields[field].name);
  return alb_tensors_view(diag, tensors, alb_str_of(name), old.rank, old.dims, blob, id);
}

void alb_layer_values_free(alb_layer_values *values) {
  for (size_t i = 0; i < ALB_VIEW_MAX_FIELDS; i++) free(values->field[i]);
  *values = (alb_layer_values){0};
}
