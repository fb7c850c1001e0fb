/* The graph's functions as one ONNX graph: inputs, masks, encoder, calls, heads, outputs. */
#include <float.h>
#include <string.h>

#include "converter/onnx/export.h"

/* Heads and the names that tools know their outputs by, one line each. Each takes the encoder's output. With two
 * names, the two columns of the result are an output each. */
static const struct {
  const char *function, *outputs[2];
  bool if_stated; /* only when the source says how it pools */
} heads[] = {
    {ALB_FN_EMBED, {"sentence_embedding"}, true},
    {ALB_FN_POOLER, {"pooler_output"}, false},
    {ALB_FN_MLM, {"logits"}, false},
    {"classify", {"logits"}, false},
    {"ner", {"logits"}, false},
    {"qa", {"start_logits", "end_logits"}, false},
};

#define HIDDEN_OUTPUT "last_hidden_state"
#define FUNCTION_DOMAIN "albert_convert"

/* ---- scopes ---- */

static alb_status open_scope(alb_export *model, alb_out_block *block, uint32_t function, alb_scope *s) {
  const alb_graph *graph = model->package->graph;
  *s = (alb_scope){.model = model, .block = block, .function = &graph->functions.items[function], .prefix = ""};
  const size_t values = s->function->input_count + s->function->nodes.count;
  alb_type *types = ALB_NEW_ARRAY(model->arena, alb_type, values);
  s->values = ALB_NEW_ARRAY(model->arena, const char *, values);
  s->quantized = alb_arena_array(model->arena, values, sizeof *s->quantized);
  if (!types || !s->values || !s->quantized) return alb_fail_memory(model->diag, values * sizeof *types, "values");
  s->types = types;
  return alb_function_types(model->diag, graph, function, types);
}

alb_status alb_export_body(alb_scope *s, const char **out) {
  const alb_function *function = s->function;
  for (size_t i = 0; i < function->nodes.count; i++) {
    ALB_TRY(alb_export_operator(s, &function->nodes.items[i], &s->values[function->input_count + i]));
    if (s->model->failed) return alb_fail_memory(s->model->diag, 1, "ONNX nodes");
  }
  *out = s->values[function->output];
  return ALB_OK;
}

static const char *layer_prefix(alb_scope *s, const alb_node *node) {
  if (node->layer == ALB_NONE) return s->prefix;
  const char *prefix = alb_arena_printf(s->model->arena, "%slayer.%u/", s->prefix, node->layer);
  if (!prefix) s->model->failed = true;
  return prefix ? prefix : "";
}

/* ---- local functions ---- */

/* How the body uses a parameter: in one way only, or it is no local function. */
static bool parameter_use(const alb_function *function, uint32_t parameter, alb_weight_use *use) {
  bool found = false;
  *use = ALB_WEIGHT_VECTOR;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (!alb_operand_equal(node->operands[k], alb_parameter(parameter))) continue;
      if (found && *use != alb_operand_use(node, k)) return false;
      *use = alb_operand_use(node, k);
      found = true;
    }
  }
  return true;
}

/* A body sees only its inputs: no tensors of its own, no attention_mask. */
static bool stands_alone(const alb_function *function) {
  alb_weight_use use;
  for (uint32_t p = 0; p < function->parameter_count; p++) {
    if (!parameter_use(function, p, &use)) return false;
  }
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    if (node->op == ALB_OP_POOL || node->op == ALB_OP_CALL) return false;
    for (size_t k = 0; k < node->operand_count; k++) {
      if (node->operands[k].kind == ALB_OPERAND_TENSOR) return false;
    }
  }
  return true;
}

static void add_input(alb_export *model, alb_out_function *f, const char *name) {
  f->inputs[f->input_count++] = alb_export_name(model, &f->body, alb_str_of(name));
}

/* The formal parameters: what a call gives for each, under names of the body. */
static alb_status name_parameters(alb_scope *s, alb_out_function *f, const alb_out_weight *bound) {
  alb_export *model = s->model;
  const size_t count = s->function->parameter_count;
  alb_out_weight *formal = ALB_NEW_ARRAY(model->arena, alb_out_weight, count);
  if (!formal) return alb_fail_memory(model->diag, count * sizeof *formal, "parameters");
  for (size_t p = 0; p < count; p++) {
    formal[p] = bound[p];
    add_input(model, f, s->function->parameters[p]);
    formal[p].name = f->inputs[f->input_count - 1];
    if (!bound[p].scale) continue;
    const char *name = alb_arena_printf(model->arena, "%s.scale", s->function->parameters[p]);
    add_input(model, f, name ? name : "");
    formal[p].scale = f->inputs[f->input_count - 1];
  }
  s->parameters = formal;
  return ALB_OK;
}

static alb_status build_function(alb_export *model, uint32_t callee, const alb_out_weight *bound, alb_out_function *f) {
  alb_scope s;
  ALB_TRY(open_scope(model, &f->body, callee, &s));
  f->name = s.function->name;
  f->inputs = ALB_NEW_ARRAY(model->arena, const char *, s.function->input_count + 1 + 2 * s.function->parameter_count);
  if (!f->inputs) return alb_fail_memory(model->diag, sizeof *f, "a local function");
  for (size_t i = 0; i < s.function->input_count; i++) {
    add_input(model, f, i ? "operand" : "hidden");
    s.values[i] = f->inputs[i];
  }
  add_input(model, f, "attention_bias");
  s.bias = f->inputs[f->input_count - 1];
  ALB_TRY(name_parameters(&s, f, bound));
  return alb_export_body(&s, &f->output);
}

static alb_status find_function(alb_export *model, uint32_t callee, const alb_out_weight *bound,
                                const alb_out_function **out) {
  const char *name = model->package->graph->functions.items[callee].name;
  for (size_t i = 0; i < model->functions.count; i++) {
    *out = model->functions.items[i];
    if (strcmp((*out)->name, name) == 0) return ALB_OK;
  }
  alb_out_function *f = ALB_NEW(model->arena, alb_out_function);
  if (!f || !alb_vec_push(&model->functions, f)) return alb_fail_memory(model->diag, sizeof *f, "a local function");
  *out = f;
  return build_function(model, callee, bound, f);
}

/* One node: the operands, the bias, the weights of the call's set and their scales. */
static alb_status call_function(alb_scope *s, const alb_node *node, const alb_out_weight *bound, const char **out) {
  const alb_out_function *f = NULL;
  ALB_TRY(find_function(s->model, node->callee, bound, &f));
  const alb_function *callee = &s->model->package->graph->functions.items[node->callee];
  const char **inputs = ALB_NEW_ARRAY(s->model->arena, const char *, f->input_count + 1);
  size_t n = 0;
  if (!inputs) return alb_fail_memory(s->model->diag, f->input_count * sizeof *inputs, "a call");
  for (size_t k = 0; k < node->operand_count; k++) inputs[n++] = s->values[node->operands[k].id];
  inputs[n++] = s->bias;
  for (size_t p = 0; p < callee->parameter_count; p++) {
    inputs[n++] = bound[p].name;
    if (bound[p].scale) inputs[n++] = bound[p].scale;
  }
  alb_export_node(s, f->name, inputs, NULL, 0, 1, out);
  if (s->model->failed) return alb_fail_memory(s->model->diag, 1, "ONNX nodes");
  s->block->nodes.items[s->block->nodes.count - 1].domain = FUNCTION_DOMAIN;
  return ALB_OK;
}

static alb_status bind_call(alb_scope *s, const alb_node *node, alb_out_weight **out) {
  const alb_graph *graph = s->model->package->graph;
  const alb_function *callee = &graph->functions.items[node->callee];
  alb_out_weight *bound = *out = ALB_NEW_ARRAY(s->model->arena, alb_out_weight, callee->parameter_count);
  if (!bound) return alb_fail_memory(s->model->diag, callee->parameter_count * sizeof *bound, "a call");
  for (uint32_t p = 0; p < callee->parameter_count; p++) {
    alb_weight_use use;
    (void)parameter_use(callee, p, &use);
    ALB_TRY(alb_export_weight(s->model, graph->sets.items[node->set].tensors[p], use, &bound[p]));
  }
  return ALB_OK;
}

/* A set that stores a matrix as a table too is not like the others. */
static bool plain_weights(const alb_out_weight *bound, size_t count) {
  for (size_t p = 0; p < count; p++) {
    if (bound[p].as_rows) return false;
  }
  return true;
}

static alb_status inline_call(alb_scope *s, const alb_node *node, const char **out) {
  alb_scope inner;
  ALB_TRY(open_scope(s->model, s->block, node->callee, &inner));
  for (size_t k = 0; k < node->operand_count; k++) inner.values[k] = s->values[node->operands[k].id];
  inner.set = &s->model->package->graph->sets.items[node->set];
  inner.prefix = layer_prefix(s, node);
  inner.bias = s->bias;
  return alb_export_body(&inner, out);
}

alb_status alb_export_call(alb_scope *s, const alb_node *node, const char **out) {
  const alb_function *callee = &s->model->package->graph->functions.items[node->callee];
  if (s->model->options.functions && stands_alone(callee)) {
    alb_out_weight *bound;
    ALB_TRY(bind_call(s, node, &bound));
    if (plain_weights(bound, callee->parameter_count)) return call_function(s, node, bound, out);
  }
  return inline_call(s, node, out);
}

/* ---- inputs ---- */

static alb_status add_port(alb_export *model, bool output, alb_out_port port) {
  const bool done = output ? alb_vec_push(&model->outputs, port) : alb_vec_push(&model->inputs, port);
  return done ? ALB_OK : alb_fail_memory(model->diag, sizeof port, "an input");
}

static alb_status take_input(alb_scope *s, const char *name, const char **out) {
  *out = alb_export_name(s->model, s->block, alb_str_of(name));
  return add_port(s->model, false, (alb_out_port){*out, ALB_OUT_I64, 2, {-1, -2}});
}

/* offset, offset + 1 ... for the tokens of a sequence: [1,S] */
static const char *positions(alb_scope *s, const char *ids) {
  const int64_t offset = s->model->package->config->position_offset;
  const alb_out_attr attrs[] = {ALB_OUT_INT("start", 1), ALB_OUT_INT("end", 2)};
  const char *length, *begin = alb_export_i64(s, offset);
  alb_export_node(s, "Shape", (const char *const[]){ids, NULL}, attrs, 2, 1, &length);
  const char *end = ALB_EMIT(s, "Squeeze", length, ALB_I64S(s, 0));
  if (offset) end = ALB_EMIT(s, "Add", end, begin);
  return ALB_EMIT(s, "Unsqueeze", ALB_EMIT(s, "Range", begin, end, alb_export_i64(s, 1)), ALB_I64S(s, 0));
}

/* The mask as f32, and what attention adds to scores: 0 for a token, the lowest number for padding. */
static void make_masks(alb_scope *s, const char *attention_mask) {
  s->model->mask = ALB_EMIT_WITH(s, "Cast", ALB_OUT_INT("to", ALB_OUT_F32), attention_mask);
  const char *padding = ALB_EMIT(s, "Sub", alb_export_f32(s, 1), s->model->mask);
  const char *bias = ALB_EMIT(s, "Mul", padding, alb_export_f32(s, -FLT_MAX));
  s->bias = ALB_EMIT(s, "Unsqueeze", bias, ALB_I64S(s, 1, 2));
}

static alb_status make_inputs(alb_scope *s) {
  static const char *const names[] = {"input_ids", "token_type_ids"};
  const char *mask;
  if (s->function->input_count != 3) {
    return alb_fail(s->model->diag, ALB_UNSUPPORTED, "an encoder of %zu inputs has no ONNX form here",
                    s->function->input_count);
  }
  ALB_TRY(take_input(s, names[0], &s->values[0]));
  ALB_TRY(take_input(s, "attention_mask", &mask));
  if (alb_use_count(s->function, 1)) ALB_TRY(take_input(s, names[1], &s->values[1]));
  if (alb_use_count(s->function, 2)) s->values[2] = positions(s, s->values[0]);
  make_masks(s, mask);
  return ALB_OK;
}

/* ---- outputs ---- */

static bool is_output(const alb_export *model, const char *value) {
  for (size_t i = 0; i < model->outputs.count; i++) {
    if (strcmp(model->outputs.items[i].name, value) == 0) return true;
  }
  return false;
}

/* Gives a value of the graph an output's name, everywhere. */
static bool rename_value(alb_export *model, const char *from, const char *to) {
  bool made = false;
  for (size_t i = 0; i < model->graph.nodes.count; i++) {
    alb_out_node *node = &model->graph.nodes.items[i];
    for (size_t k = 0; k < node->output_count; k++) {
      if (strcmp(node->outputs[k], from) != 0) continue;
      node->outputs[k] = to;
      made = true;
    }
    for (size_t k = 0; k < node->input_count; k++) {
      if (strcmp(node->inputs[k], from) == 0) node->inputs[k] = to;
    }
  }
  return made;
}

/* Makes a value an output; width 0: of one number for each token or sequence. */
static alb_status add_output(alb_scope *s, const char *output, const char *value, int64_t width, const char **renamed) {
  alb_export *model = s->model;
  alb_out_port port = {.type = ALB_OUT_F32};
  port.name = alb_export_name(model, s->block, alb_str_of(output));
  if (is_output(model, value)) value = ALB_EMIT(s, "Identity", value);
  if (!rename_value(model, value, port.name)) {
    return alb_fail(model->diag, ALB_UNSUPPORTED, "output \"%s\" is an input as it is", output);
  }
  if (renamed) *renamed = port.name;
  port.dims[port.rank++] = -1;
  if (s->types[s->function->output].dims[0] != ALB_DIM_SEQUENCES) port.dims[port.rank++] = -2;
  if (width) port.dims[port.rank++] = width;
  return add_port(model, true, port);
}

/* [..., 2] as two outputs [...]. */
static alb_status add_columns(alb_scope *s, const char *const names[2], const char *value) {
  const alb_out_attr axis = ALB_OUT_INT("axis", -1);
  const char *columns[2];
  alb_export_node(s, "Split", (const char *const[]){value, ALB_I64S(s, 1, 1), NULL}, &axis, 1, 2, columns);
  for (size_t i = 0; i < 2; i++) {
    ALB_TRY(add_output(s, names[i], ALB_EMIT(s, "Squeeze", columns[i], ALB_I64S(s, -1)), 0, NULL));
  }
  return ALB_OK;
}

static alb_status build_head(alb_export *model, uint32_t function, const char *const names[2], const char *hidden) {
  alb_scope s;
  const char *value = NULL;
  ALB_TRY(open_scope(model, &model->graph, function, &s));
  const int64_t width = s.types[s.function->output].dims[1];
  s.prefix = alb_arena_printf(model->arena, "%s/", s.function->name);
  if (!s.prefix) return alb_fail_memory(model->diag, 1, "a name");
  s.values[0] = hidden;
  ALB_TRY(alb_export_body(&s, &value));
  if (!names[1]) return add_output(&s, names[0], value, width, NULL);
  if (width == 2) return add_columns(&s, names, value);
  return alb_fail(model->diag, ALB_UNSUPPORTED, "head \"%s\" of %lld columns, expected 2", s.function->name,
                  (long long)width);
}

static alb_status build_heads(alb_export *model, const char *hidden) {
  const alb_package *package = model->package;
  const bool stated = package->embedding && package->embedding->stated;
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    const uint32_t id = alb_graph_find(package->graph, heads[i].function);
    if (id == ALB_NONE || (heads[i].if_stated && !stated)) continue;
    ALB_TRY(build_head(model, id, heads[i].outputs, hidden));
  }
  return ALB_OK;
}

static alb_status build_encoder(alb_export *model, const char **hidden) {
  const uint32_t id = alb_graph_find(model->package->graph, ALB_FN_ENCODER);
  alb_scope s;
  const char *value = NULL;
  if (id == ALB_NONE) return alb_fail(model->diag, ALB_UNSUPPORTED, "a model without an encoder has no ONNX form here");
  ALB_TRY(open_scope(model, &model->graph, id, &s));
  ALB_TRY(make_inputs(&s));
  ALB_TRY(alb_export_body(&s, &value));
  return add_output(&s, HIDDEN_OUTPUT, value, s.types[s.function->output].dims[1], hidden);
}

alb_status alb_export_build(alb_diag *diag, alb_arena *arena, const alb_package *package,
                            const alb_onnx_options *options, alb_export *out) {
  const char *hidden = NULL;
  *out = (alb_export){.diag = diag, .arena = arena, .package = package, .options = *options};
  if (!out->options.opset) out->options.opset = ALB_OUT_OPSET_MIN;
  if (out->options.opset < ALB_OUT_OPSET_MIN || out->options.opset > ALB_OUT_OPSET_MAX) {
    return alb_fail(diag, ALB_UNSUPPORTED, "--opset %u is not supported (%d to %d are)", out->options.opset,
                    ALB_OUT_OPSET_MIN, ALB_OUT_OPSET_MAX);
  }
  ALB_TRY(alb_export_find_uses(out));
  ALB_TRY(build_encoder(out, &hidden));
  ALB_TRY(build_heads(out, hidden));
  return out->failed ? alb_fail_memory(diag, 1, "ONNX nodes") : ALB_OK;
}

static void free_block(alb_out_block *block) {
  alb_vec_free(&block->nodes);
  alb_strmap_free(&block->names);
}

void alb_export_free(alb_export *model) {
  for (size_t i = 0; i < model->functions.count; i++) free_block(&model->functions.items[i]->body);
  free_block(&model->graph);
  alb_vec_free(&model->initializers);
  alb_vec_free(&model->weights);
  alb_strmap_free(&model->initializer_keys);
  alb_strmap_free(&model->weight_keys);
  alb_vec_free(&model->functions);
  alb_vec_free(&model->inputs);
  alb_vec_free(&model->outputs);
}
