/* GraphProto and FunctionProto: initialisers, inputs, outputs, declared types, bodies of functions. */
#include "converter/onnx/onnx_reading.h"

enum { NODE = 1, GRAPH_NAME = 2, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, VALUE_INFO = 13, SPARSE = 15 };
enum { F_INPUT = 4, F_OUTPUT = 5, F_NODE = 7, F_OPSET = 9 };

ALB_WIRE_MESSAGE(
    graph_message, "GraphProto", [NODE] = ALB_WIRE_BYTES, [GRAPH_NAME] = ALB_WIRE_TEXT, [INITIALIZER] = ALB_WIRE_BYTES,
    [INPUT] = ALB_WIRE_BYTES, [OUTPUT] = ALB_WIRE_BYTES, [VALUE_INFO] = ALB_WIRE_BYTES, [SPARSE] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(value_message, "ValueInfoProto", [1] = ALB_WIRE_TEXT, [2] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(type_message, "TypeProto", [1] = ALB_WIRE_BYTES, [4] = ALB_WIRE_BYTES, [9] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(tensor_type_message, "TypeProto.Tensor", [1] = ALB_WIRE_VARINT, [2] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(shape_message, "TensorShapeProto", [1] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(dim_message, "TensorShapeProto.Dimension", [1] = ALB_WIRE_VARINT, [2] = ALB_WIRE_TEXT);

static const uint8_t function_kinds[] = {
    [1] = ALB_WIRE_TEXT,        [F_INPUT] = ALB_WIRE_TEXT, [F_OUTPUT] = ALB_WIRE_TEXT, [F_NODE] = ALB_WIRE_BYTES,
    [F_OPSET] = ALB_WIRE_BYTES, [10] = ALB_WIRE_TEXT,      [11] = ALB_WIRE_BYTES,      [13] = ALB_WIRE_TEXT};
const alb_wire_message alb_onnx_function_message = {"FunctionProto", sizeof function_kinds, function_kinds};

/* ---- declared types ---- */

static alb_status read_dim(alb_onnx_reading *r, alb_span bytes, alb_onnx_dim *dim) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  dim->size = -1;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &dim_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == 1) dim->size = (int64_t)f.value < 0 ? -1 : (int64_t)f.value;
    if (f.number == 2) dim->name = alb_wire_text(&f);
  }
}

static alb_status read_shape(alb_onnx_reading *r, alb_span bytes, alb_onnx_value *value) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  size_t rank;
  ALB_TRY(alb_wire_count(wire, &shape_message, 1, &rank));
  if (rank > ALB_ONNX_MAX_RANK) return ALB_OK; /* nothing that we run: as if it were not declared */
  value->dims = ALB_NEW_ARRAY(&r->model->arena, alb_onnx_dim, rank);
  if (!value->dims) return alb_fail_memory(r->diag, rank * sizeof(alb_onnx_dim), "a shape");
  value->rank = 0;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &shape_message, &f, &more));
    if (!more) return ALB_OK;
    ALB_TRY(read_dim(r, f.bytes, &value->dims[value->rank++]));
  }
}

static alb_status read_tensor_type(alb_onnx_reading *r, alb_span bytes, alb_onnx_value *value) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &tensor_type_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == 1) value->type = alb_onnx_type_of(f.value);
    if (f.number == 2) ALB_TRY(read_shape(r, f.bytes, value));
  }
}

/* *other: a sequence or an optional value. */
static alb_status read_type(alb_onnx_reading *r, alb_span bytes, alb_onnx_value *value, bool *other) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &type_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == 1) ALB_TRY(read_tensor_type(r, f.bytes, value));
    *other = *other || f.number != 1;
  }
}

static alb_status read_value_info(alb_onnx_reading *r, alb_span bytes, alb_str *name, alb_span *type) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  *name = (alb_str){0};
  *type = (alb_span){0};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &value_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == 1) *name = alb_wire_text(&f);
    if (f.number == 2) *type = f.bytes;
  }
}

/* Gives a value that the scope itself defines the type that is declared for it; others are passed over. */
static alb_status declare(alb_onnx_reading *r, const alb_onnx_scope *scope, alb_str name, alb_span type) {
  const size_t index = alb_strmap_find(&scope->names, name);
  if (index == ALB_STRMAP_NONE) return ALB_OK;
  alb_onnx_value *value = &r->model->values.items[scope->bindings.items[index].value];
  bool other = false;
  if (value->constant != ALB_ONNX_NONE) return ALB_OK; /* a constant knows itself */
  return read_type(r, type, value, &other);
}

/* ---- the parts of a graph ---- */

typedef struct building {
  alb_onnx_reading *r;
  alb_onnx_scope *scope;
  uint32_t *inputs, *outputs;
  uint32_t input_count, output_count;
} building;

static alb_status add_initializer(building *b, alb_span bytes) {
  alb_onnx_tensor tensor = {0};
  alb_str name;
  uint32_t value;
  ALB_TRY(alb_onnx_read_tensor(b->r, bytes, &name, &tensor));
  alb_status status = name.n ? alb_onnx_define(b->r, b->scope, name, &value)
                             : alb_fail(b->r->diag, ALB_MISSING, "onnx: an initialiser has no name");
  if (status != ALB_OK) {
    alb_onnx_tensor_free(&tensor);
    return status;
  }
  if (alb_onnx_make_constant(b->r->model, value, &tensor)) return ALB_OK;
  return alb_fail_memory(b->r->diag, sizeof tensor, "a constant");
}

static alb_status add_input(building *b, alb_span bytes) {
  alb_str name;
  alb_span type;
  uint32_t value;
  bool other = false;
  ALB_TRY(read_value_info(b->r, bytes, &name, &type));
  if (name.n == 0) return alb_fail(b->r->diag, ALB_MISSING, "onnx: an input has no name");
  const size_t there = alb_strmap_find(&b->scope->names, name);
  if (there != ALB_STRMAP_NONE) { /* old files declare initialisers as inputs too */
    const uint32_t id = b->scope->bindings.items[there].value;
    if (b->r->model->values.items[id].constant != ALB_ONNX_NONE) return ALB_OK;
  }
  ALB_TRY(alb_onnx_define(b->r, b->scope, name, &value));
  b->inputs[b->input_count++] = value;
  ALB_TRY(read_type(b->r, type, &b->r->model->values.items[value], &other));
  if (!other) return ALB_OK;
  return alb_fail(b->r->diag, ALB_UNSUPPORTED, "onnx: input \"%.*s\" is not a tensor", ALB_STR_ARGS(name));
}

static alb_status declare_value(building *b, alb_span bytes) {
  alb_str name;
  alb_span type;
  ALB_TRY(read_value_info(b->r, bytes, &name, &type));
  return declare(b->r, b->scope, name, type);
}

static alb_status add_output(building *b, alb_span bytes) {
  alb_str name;
  alb_span type;
  ALB_TRY(read_value_info(b->r, bytes, &name, &type));
  if (name.n == 0) return alb_fail(b->r->diag, ALB_MISSING, "onnx: an output has no name");
  return alb_onnx_resolve(b->r, b->scope, name, &b->outputs[b->output_count++]);
}

/* Calls `take` with each field of that number. */
static alb_status each(building *b, alb_span graph, uint32_t number, alb_status (*take)(building *, alb_span)) {
  alb_wire wire = {b->r->diag, b->r->file, graph};
  alb_wire_field f;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &graph_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number == number) ALB_TRY(take(b, f.bytes));
  }
}

static alb_status refuse_sparse(building *b, alb_span bytes) {
  (void)bytes;
  return alb_fail(b->r->diag, ALB_UNSUPPORTED, "onnx: sparse initialisers");
}

/* The number of this graph's fields of that number, and an array with room for them. */
static alb_status new_list(building *b, alb_span graph, uint32_t number, uint32_t **out) {
  size_t count;
  const alb_wire wire = {b->r->diag, b->r->file, graph};
  ALB_TRY(alb_wire_count(wire, &graph_message, number, &count));
  *out = ALB_NEW_ARRAY(&b->r->model->arena, uint32_t, count);
  return *out ? ALB_OK : alb_fail_memory(b->r->diag, count * sizeof(uint32_t), "a graph");
}

/* What is used must be known by name first: initialisers and inputs, then what nodes make, then uses. */
static alb_status read_parts(building *b, alb_span bytes) {
  const alb_wire wire = {b->r->diag, b->r->file, bytes};
  ALB_TRY(each(b, bytes, SPARSE, refuse_sparse));
  ALB_TRY(new_list(b, bytes, INPUT, &b->inputs));
  ALB_TRY(new_list(b, bytes, OUTPUT, &b->outputs));
  ALB_TRY(each(b, bytes, INITIALIZER, add_initializer));
  ALB_TRY(each(b, bytes, INPUT, add_input));
  ALB_TRY(alb_onnx_read_nodes(b->r, b->scope, wire, &graph_message, NODE));
  ALB_TRY(each(b, bytes, VALUE_INFO, declare_value));
  ALB_TRY(each(b, bytes, OUTPUT, declare_value));
  return each(b, bytes, OUTPUT, add_output);
}

static alb_status read_graph_name(building *b, alb_span bytes) {
  b->r->model->graphs.items[b->scope->graph].name = (alb_str){(const char *)bytes.p, bytes.n};
  return ALB_OK;
}

static alb_status keep_captures(building *b, alb_onnx_graph *graph) {
  const size_t n = b->scope->captures.count;
  graph->captures = ALB_NEW_ARRAY(&b->r->model->arena, uint32_t, n);
  if (!graph->captures) return alb_fail_memory(b->r->diag, n * sizeof(uint32_t), "a graph");
  if (n) memcpy(graph->captures, b->scope->captures.items, n * sizeof(uint32_t));
  graph->capture_count = (uint32_t)n;
  return ALB_OK;
}

alb_status alb_onnx_read_graph(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, uint32_t *graph) {
  building b = {.r = r, .scope = scope};
  if (scope->depth > ALB_ONNX_MAX_DEPTH) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: subgraphs are nested deeper than %d", ALB_ONNX_MAX_DEPTH);
  }
  if (++r->nodes > ALB_ONNX_MAX_NODES) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d nodes and graphs", ALB_ONNX_MAX_NODES);
  }
  if (!alb_vec_push(&r->model->graphs, (alb_onnx_graph){0})) {
    return alb_fail_memory(r->diag, sizeof(alb_onnx_graph), "a graph");
  }
  *graph = scope->graph = (uint32_t)r->model->graphs.count - 1;
  ALB_TRY(each(&b, bytes, GRAPH_NAME, read_graph_name));
  ALB_TRY(read_parts(&b, bytes));
  alb_onnx_graph *done = &r->model->graphs.items[*graph];
  done->inputs = b.inputs;
  done->outputs = b.outputs;
  done->input_count = b.input_count;
  done->output_count = b.output_count;
  return keep_captures(&b, done);
}

/* ---- functions ---- */

static bool bind(alb_onnx_scope *body, alb_str name, alb_onnx_binding binding, bool *inserted) {
  size_t index;
  if (!alb_strmap_add(&body->names, name, &index, inserted)) return false;
  return !*inserted || alb_vec_push(&body->bindings, binding);
}

static alb_status bind_input(alb_onnx_reading *r, alb_onnx_scope *body, alb_str name, uint32_t value) {
  bool inserted = false;
  if (!bind(body, name, (alb_onnx_binding){.value = value}, &inserted)) return alb_fail_memory(r->diag, 8, "a call");
  if (inserted) return ALB_OK;
  return alb_fail(r->diag, ALB_DUPLICATE, "onnx: function input \"%.*s\" stands twice", ALB_STR_ARGS(name));
}

/* An output that is an input as well: the call hands it on. */
static alb_status hand_on(alb_onnx_reading *r, alb_onnx_scope *body, alb_str name, uint32_t value) {
  uint32_t from;
  ALB_TRY(alb_onnx_resolve(r, body, name, &from));
  if (value == ALB_ONNX_NONE) return ALB_OK;
  alb_onnx_node *node = alb_onnx_add_node(r->model, body->graph, ALB_ONNX_OP_Identity, 1, 1, 0);
  if (!node) return alb_fail_memory(r->diag, sizeof *node, "a node");
  node->inputs[0] = from;
  node->outputs[0] = value;
  return ALB_OK;
}

static alb_status bind_output(alb_onnx_reading *r, alb_onnx_scope *body, alb_str name, uint32_t value) {
  bool inserted = false;
  if (alb_strmap_find(&body->names, name) != ALB_STRMAP_NONE) return hand_on(r, body, name, value);
  if (value == ALB_ONNX_NONE) value = alb_onnx_add_value(r->model, name, body->graph);
  if (value == ALB_ONNX_NONE || !bind(body, name, (alb_onnx_binding){value, true}, &inserted)) {
    return alb_fail_memory(r->diag, 8, "a call");
  }
  return ALB_OK;
}

static alb_status bind_operands(alb_onnx_reading *r, alb_onnx_scope *body, const alb_onnx_node *node) {
  alb_wire wire = {r->diag, r->file, body->function->bytes};
  alb_wire_field f;
  uint32_t inputs = 0, outputs = 0;
  for (int pass = 0; pass < 2; pass++) { /* inputs first */
    alb_wire again = wire;
    for (bool more;;) {
      ALB_TRY(alb_wire_next(&again, &alb_onnx_function_message, &f, &more));
      if (!more) break;
      const alb_str name = alb_wire_text(&f);
      if (pass == 0 && f.number == F_INPUT) {
        ALB_TRY(bind_input(r, body, name, inputs < node->input_count ? node->inputs[inputs] : ALB_ONNX_NONE));
        inputs++;
      }
      if (pass == 1 && f.number == F_OUTPUT) {
        ALB_TRY(bind_output(r, body, name, outputs < node->output_count ? node->outputs[outputs] : ALB_ONNX_NONE));
        outputs++;
      }
    }
  }
  if (inputs < node->input_count || outputs < node->output_count) {
    return alb_fail(r->diag, ALB_MALFORMED,
                    "onnx: a call of function \"%.*s\" has %u inputs and %u outputs, not %u and %u",
                    ALB_STR_ARGS(body->function->name), node->input_count, node->output_count, inputs, outputs);
  }
  return ALB_OK;
}

static alb_status check_closed(alb_onnx_reading *r, const alb_onnx_scope *body) {
  for (size_t i = 0; i < body->bindings.count; i++) {
    if (body->bindings.items[i].open) {
      return alb_fail(r->diag, ALB_MISSING, "onnx: no node of function \"%.*s\" makes its output \"%.*s\"",
                      ALB_STR_ARGS(body->function->name), ALB_STR_ARGS(body->names.keys[i]));
    }
  }
  return ALB_OK;
}

static alb_status inline_body(alb_onnx_reading *r, alb_onnx_scope *body, const alb_onnx_node *node) {
  const alb_wire wire = {r->diag, r->file, body->function->bytes};
  ALB_TRY(bind_operands(r, body, node));
  ALB_TRY(alb_onnx_read_nodes(r, body, wire, &alb_onnx_function_message, F_NODE));
  return check_closed(r, body);
}

alb_status alb_onnx_inline(alb_onnx_reading *r, alb_onnx_scope *scope, const alb_onnx_function *function,
                           const alb_onnx_node *node) {
  alb_onnx_scope body = {.graph = scope->graph,
                         .depth = scope->depth + 1,
                         .opsets = function->opsets.items,
                         .opset_count = function->opsets.count,
                         .call = node,
                         .function = function};
  if (body.depth > ALB_ONNX_MAX_DEPTH) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: functions call one another deeper than %d", ALB_ONNX_MAX_DEPTH);
  }
  const alb_status status = inline_body(r, &body, node);
  alb_onnx_scope_free(&body);
  return status;
}
