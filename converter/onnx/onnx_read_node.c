/* NodeProto to nodes, and scopes: what a name means where. Constants become constants, calls of local functions
 * their bodies. */
#include <stdlib.h>

#include "converter/onnx/onnx_reading.h"

enum { INPUT = 1, OUTPUT = 2, NAME = 3, OP_TYPE = 4, ATTRIBUTE = 5, DOMAIN = 7, OVERLOAD = 8 };

static const uint8_t node_kinds[] = {
    [INPUT] = ALB_WIRE_TEXT,      [OUTPUT] = ALB_WIRE_TEXT, [NAME] = ALB_WIRE_TEXT,    [OP_TYPE] = ALB_WIRE_TEXT,
    [ATTRIBUTE] = ALB_WIRE_BYTES, [DOMAIN] = ALB_WIRE_TEXT, [OVERLOAD] = ALB_WIRE_TEXT};
const alb_wire_message alb_onnx_node_message = {"NodeProto", sizeof node_kinds, node_kinds};

/* ---- scopes ---- */

void alb_onnx_scope_free(alb_onnx_scope *scope) {
  alb_strmap_free(&scope->names);
  alb_vec_free(&scope->bindings);
  alb_vec_free(&scope->captures);
}

alb_status alb_onnx_define(alb_onnx_reading *r, alb_onnx_scope *scope, alb_str name, uint32_t *value) {
  size_t index;
  bool inserted;
  if (!alb_strmap_add(&scope->names, name, &index, &inserted)) return alb_fail_memory(r->diag, name.n, "a name");
  if (!inserted) {
    alb_onnx_binding *there = &scope->bindings.items[index];
    *value = there->value;
    if (!there->open) {
      return alb_fail(r->diag, ALB_DUPLICATE, "onnx: \"%.*s\" is defined twice", ALB_STR_ARGS(name));
    }
    there->open = false;
    return ALB_OK;
  }
  if (r->model->values.count >= ALB_ONNX_MAX_VALUES) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d values", ALB_ONNX_MAX_VALUES);
  }
  *value = alb_onnx_add_value(r->model, name, scope->graph);
  if (*value == ALB_ONNX_NONE || !alb_vec_push(&scope->bindings, (alb_onnx_binding){.value = *value})) {
    return alb_fail_memory(r->diag, sizeof(alb_onnx_value), "a value");
  }
  return ALB_OK;
}

/* The value leaves the scopes from `from` outward to before `to`. */
static bool note_captures(alb_onnx_scope *from, const alb_onnx_scope *to, uint32_t value) {
  for (alb_onnx_scope *s = from; s != to; s = s->outer) {
    if (!alb_vec_push(&s->captures, value)) return false;
  }
  return true;
}

alb_status alb_onnx_resolve(alb_onnx_reading *r, alb_onnx_scope *scope, alb_str name, uint32_t *value) {
  *value = ALB_ONNX_NONE;
  if (name.n == 0) return ALB_OK;
  for (alb_onnx_scope *s = scope; s; s = s->outer) {
    const size_t index = alb_strmap_find(&s->names, name);
    if (index == ALB_STRMAP_NONE) continue;
    *value = s->bindings.items[index].value;
    if (*value != ALB_ONNX_NONE && !note_captures(scope, s, *value)) return alb_fail_memory(r->diag, 4, "a use");
    return ALB_OK;
  }
  return alb_fail(r->diag, ALB_MISSING, "onnx: nothing defines \"%.*s\"", ALB_STR_ARGS(name));
}

/* ---- nodes ---- */

static alb_status opset_of(alb_onnx_reading *r, const alb_onnx_scope *scope, alb_onnx_node *node) {
  for (size_t i = 0; i < scope->opset_count; i++) {
    if (!alb_str_equal(scope->opsets[i].domain, node->domain)) continue;
    node->opset = (uint32_t)scope->opsets[i].version;
    return ALB_OK;
  }
  node->opset = 1;
  if (node->domain.n) return ALB_OK; /* exporters forget to name the domains of others */
  return alb_fail(r->diag, ALB_UNSUPPORTED, "onnx: the file does not say which opset it uses");
}

static const alb_onnx_function *find_function(const alb_onnx_reading *r, const alb_onnx_node *node, alb_str overload) {
  for (size_t i = 0; i < r->functions.count; i++) {
    const alb_onnx_function *f = &r->functions.items[i];
    if (alb_str_equal(f->name, node->type) && alb_str_equal(f->domain, node->domain) &&
        alb_str_equal(f->overload, overload)) {
      return f;
    }
  }
  return NULL;
}

/* Names, and how much of everything there is. */
static alb_status scan_node(alb_onnx_reading *r, alb_span bytes, alb_onnx_node *node, alb_str *overload) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  *node = (alb_onnx_node){0};
  *overload = (alb_str){0};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &alb_onnx_node_message, &f, &more));
    if (!more) break;
    if (f.number == NAME) node->name = alb_wire_text(&f);
    if (f.number == OP_TYPE) node->type = alb_wire_text(&f);
    if (f.number == DOMAIN) node->domain = alb_wire_text(&f);
    if (f.number == OVERLOAD) *overload = alb_wire_text(&f);
    node->input_count += f.number == INPUT;
    node->output_count += f.number == OUTPUT;
    node->attribute_count += f.number == ATTRIBUTE;
  }
  if (alb_str_is(node->domain, "ai.onnx")) node->domain.n = 0;
  if (node->type.n == 0) return alb_fail(r->diag, ALB_MISSING, "onnx: a node has no operator");
  if (node->attribute_count > ALB_ONNX_MAX_ATTRIBUTES) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d attributes", ALB_ONNX_MAX_ATTRIBUTES);
  }
  return ALB_OK;
}

static alb_status add_attribute(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, alb_onnx_node *node) {
  bool present;
  alb_onnx_attribute attribute;
  ALB_TRY(alb_onnx_read_attribute(r, scope, bytes, &attribute, &present));
  if (!present) return ALB_OK;
  for (size_t i = 0; i < node->attribute_count; i++) {
    if (alb_str_equal(node->attributes[i].name, attribute.name)) {
      return alb_fail(r->diag, ALB_DUPLICATE, "onnx: attribute \"%.*s\" stands twice", ALB_STR_ARGS(attribute.name));
    }
  }
  node->attributes[node->attribute_count++] = attribute;
  return ALB_OK;
}

static uint32_t find_output(const alb_onnx_scope *scope, alb_str name) {
  const size_t index = name.n ? alb_strmap_find(&scope->names, name) : ALB_STRMAP_NONE;
  return index == ALB_STRMAP_NONE ? ALB_ONNX_NONE : scope->bindings.items[index].value;
}

static alb_status fill_node(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, alb_onnx_node *node) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  uint32_t inputs = 0, outputs = 0;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &alb_onnx_node_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == INPUT) ALB_TRY(alb_onnx_resolve(r, scope, alb_wire_text(&f), &node->inputs[inputs++]));
    if (f.number == OUTPUT) node->outputs[outputs++] = find_output(scope, alb_wire_text(&f));
    if (f.number == ATTRIBUTE) ALB_TRY(add_attribute(r, scope, f.bytes, node));
  }
}

/* What the node's subgraphs took from outside. */
static bool gather_captures(alb_onnx_reading *r, alb_onnx_node *node) {
  size_t total = 0;
  for (size_t i = 0; i < node->attribute_count; i++) {
    if (node->attributes[i].kind == ALB_ONNX_ATTR_GRAPH) {
      total += r->model->graphs.items[node->attributes[i].graph].capture_count;
    }
  }
  node->captures = ALB_NEW_ARRAY(&r->model->arena, uint32_t, total);
  if (!node->captures) return false;
  for (size_t i = 0; i < node->attribute_count; i++) {
    if (node->attributes[i].kind != ALB_ONNX_ATTR_GRAPH) continue;
    const alb_onnx_graph *g = &r->model->graphs.items[node->attributes[i].graph];
    for (size_t k = 0; k < g->capture_count; k++) node->captures[node->capture_count++] = g->captures[k];
  }
  return true;
}

static alb_status new_lists(alb_onnx_reading *r, alb_onnx_node *node) {
  node->inputs = ALB_NEW_ARRAY(&r->model->arena, uint32_t, node->input_count);
  node->outputs = ALB_NEW_ARRAY(&r->model->arena, uint32_t, node->output_count);
  node->attributes = ALB_NEW_ARRAY(&r->model->arena, alb_onnx_attribute, node->attribute_count);
  if (node->inputs && node->outputs && node->attributes) return ALB_OK;
  return alb_fail_memory(r->diag, node->input_count * sizeof(uint32_t), "a node");
}

/* Constant with numbers in an attribute, as a tensor; *done is false for kinds that stay nodes. */
static alb_status constant_tensor(alb_onnx_reading *r, const alb_onnx_node *node, alb_onnx_tensor *out, bool *done) {
  const alb_onnx_attribute *a = node->attribute_count == 1 ? &node->attributes[0] : NULL;
  *done = a != NULL;
  if (!a) return ALB_OK;
  const int64_t n = (int64_t)a->count;
  switch (a->kind) {
    case ALB_ONNX_ATTR_TENSOR:
      if (a->tensor->owned) return alb_onnx_tensor_copy(r->diag, a->tensor, out);
      *out = *a->tensor;
      return ALB_OK;
    case ALB_ONNX_ATTR_INT:
      ALB_TRY(alb_onnx_tensor_new(r->diag, ALB_ONNX_INT64, 0, NULL, out));
      alb_onnx_set_i64(out, 0, a->i);
      return ALB_OK;
    case ALB_ONNX_ATTR_FLOAT:
      ALB_TRY(alb_onnx_tensor_new(r->diag, ALB_ONNX_FLOAT, 0, NULL, out));
      memcpy(out->owned, &a->f, sizeof a->f);
      return ALB_OK;
    case ALB_ONNX_ATTR_INTS:
      ALB_TRY(alb_onnx_tensor_new(r->diag, ALB_ONNX_INT64, 1, &n, out));
      if (n) memcpy(out->owned, a->ints, a->count * sizeof *a->ints);
      return ALB_OK;
    case ALB_ONNX_ATTR_FLOATS:
      ALB_TRY(alb_onnx_tensor_new(r->diag, ALB_ONNX_FLOAT, 1, &n, out));
      if (n) memcpy(out->owned, a->floats, a->count * sizeof *a->floats);
      return ALB_OK;
    default:
      *done = false;
      return ALB_OK;
  }
}

static alb_status add_node(alb_onnx_reading *r, alb_onnx_scope *scope, alb_onnx_node *node) {
  ALB_TRY(opset_of(r, scope, node));
  node->op = alb_onnx_op_find(node->domain, node->type);
  const bool single = node->output_count == 1 && node->outputs[0] != ALB_ONNX_NONE;
  if (node->op == ALB_ONNX_OP_Constant && single) {
    alb_onnx_tensor tensor = {0};
    bool done;
    ALB_TRY(constant_tensor(r, node, &tensor, &done));
    if (done && !alb_onnx_make_constant(r->model, node->outputs[0], &tensor)) {
      return alb_fail_memory(r->diag, sizeof tensor, "a constant");
    }
    if (done) return ALB_OK;
  }
  if (!alb_vec_push(&r->model->graphs.items[scope->graph].nodes, *node)) {
    return alb_fail_memory(r->diag, sizeof *node, "a node");
  }
  return ALB_OK;
}

static alb_status read_node(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes) {
  alb_onnx_node node;
  alb_str overload;
  if (++r->nodes > ALB_ONNX_MAX_NODES) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d nodes", ALB_ONNX_MAX_NODES);
  }
  ALB_TRY(scan_node(r, bytes, &node, &overload));
  ALB_TRY(new_lists(r, &node));
  node.attribute_count = 0; /* counts those that are taken from here on */
  alb_status status = fill_node(r, scope, bytes, &node);
  if (status == ALB_OK && !gather_captures(r, &node)) status = alb_fail_memory(r->diag, 4, "a use");
  if (status == ALB_OK) {
    const alb_onnx_function *function = find_function(r, &node, overload);
    status = function ? alb_onnx_inline(r, scope, function, &node) : add_node(r, scope, &node);
  }
  if (status != ALB_OK && !scope->call) {
    alb_diag_prefix(r->diag, "%.*s node \"%.*s\"", ALB_STR_ARGS(node.type), ALB_STR_ARGS(node.name));
  }
  return status;
}

/* Names of what the nodes make are known before the nodes are read, so that their order does not matter. */
static alb_status define_outputs(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  for (bool more;;) {
    uint32_t value;
    ALB_TRY(alb_wire_next(&wire, &alb_onnx_node_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == OUTPUT && f.bytes.n) ALB_TRY(alb_onnx_define(r, scope, alb_wire_text(&f), &value));
  }
}

alb_status alb_onnx_read_nodes(alb_onnx_reading *r, alb_onnx_scope *scope, alb_wire wire,
                               const alb_wire_message *message, uint32_t number) {
  for (int pass = 0; pass < 2; pass++) {
    alb_wire nodes = wire;
    alb_wire_field f;
    size_t count = 0;
    for (bool more;;) {
      ALB_TRY(alb_wire_next(&nodes, message, &f, &more));
      if (!more) break;
      if (f.number != number) continue;
      if (++count > ALB_ONNX_MAX_NODES) {
        return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d nodes", ALB_ONNX_MAX_NODES);
      }
      ALB_TRY(pass == 0 ? define_outputs(r, scope, f.bytes) : read_node(r, scope, f.bytes));
    }
  }
  return ALB_OK;
}
