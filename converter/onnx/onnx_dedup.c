/* Equal constants of an ONNX file stored once: what is in the graph, which constants go, the new file. */
#include "converter/onnx/onnx_dedup.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/output.h"
#include "base/strmap.h"
#include "converter/onnx/onnx_graph.h"
#include "converter/onnx/onnx_wire.h"
#include "converter/onnx/proto_out.h"

/* Field numbers of onnx.proto. */
enum { MODEL_IR = 1, MODEL_GRAPH = 7, MODEL_TRAINING = 20 };
enum { G_NODE = 1, G_INITIALIZER = 5, G_INPUT = 11, G_OUTPUT = 12, G_VALUE_INFO = 13, G_ANNOTATION = 14 };
enum { N_INPUT = 1, N_OUTPUT = 2, N_OP = 4, N_ATTRIBUTE = 5, N_DOMAIN = 7 };
enum { A_NAME = 1, A_TENSOR = 5, A_GRAPH = 6, A_GRAPHS = 11 };
enum { T_NAME = 8, T_EXTERNAL = 13, T_LOCATION = 14, V_NAME = 1, ANNOTATED = 1, ANNOTATION_ENTRY = 2, ENTRY_VALUE = 2 };

enum { FIRST_IR_WITH_DEFAULTS = 4, BUFFER = 1 << 20, DIRECT = 1 << 16 };

typedef ALB_VEC(alb_span) spans;

/* A constant of the main graph. */
typedef struct constant {
  alb_str name;
  alb_span tensor; /* its TensorProto */
  uint32_t keeper; /* the constant that stands for it; itself when it stays */
} constant;

typedef struct dedup {
  alb_diag *diag;
  alb_arena arena;
  alb_span file, graph;
  uint64_t ir_version;
  ALB_VEC(constant) constants; /* initializers first */
  size_t initializers;
  alb_strmap names;        /* of constants: the index is theirs */
  alb_strmap fixed;        /* names that must stay */
  alb_strmap inputs;       /* of the graph */
  alb_strmap keys;         /* contents */
  ALB_VEC(uint32_t) first; /* by index of keys: the first constant of that content */
  spans pieces;            /* of the new file */
} dedup;

static alb_status no_memory(const dedup *d) {
  return alb_fail_memory(d->diag, 0, "an ONNX graph");
}

/* ---- walking messages ---- */

/* One message being walked: for (walk w = begin(d, bytes); (status = next(&w)) == ALB_OK && w.more;) */
typedef struct walk {
  alb_wire wire;
  alb_wire_field field;
  alb_span whole; /* the field with its tag */
  bool more;
} walk;

static walk begin(const dedup *d, alb_span bytes) {
  return (walk){.wire = {d->diag, d->file.p, bytes}};
}

static alb_status next(walk *w) {
  return alb_wire_any(&w->wire, &w->field, &w->whole, &w->more);
}

static alb_str text_of(const walk *w) {
  return (alb_str){(const char *)w->field.bytes.p, w->field.bytes.n};
}

/* The last field of that number; *found counts them. */
static alb_status find_field(const dedup *d, alb_span message, uint32_t number, alb_wire_field *field, size_t *found) {
  walk w = begin(d, message);
  *field = (alb_wire_field){0};
  *found = 0;
  for (;;) {
    ALB_TRY(next(&w));
    if (!w.more) return ALB_OK;
    if (w.field.number != number) continue;
    *field = w.field;
    ++*found;
  }
}

static alb_status find_text(const dedup *d, alb_span message, uint32_t number, alb_str *text) {
  alb_wire_field field;
  size_t found;
  ALB_TRY(find_field(d, message, number, &field, &found));
  *text = (alb_str){(const char *)field.bytes.p, field.bytes.n};
  return ALB_OK;
}

static alb_status add_name(const dedup *d, alb_strmap *map, alb_str name) {
  size_t index;
  bool inserted;
  return alb_strmap_add(map, name, &index, &inserted) ? ALB_OK : no_memory(d);
}

static bool has(const alb_strmap *map, alb_str name) {
  return alb_strmap_find(map, name) != ALB_STRMAP_NONE;
}

/* ---- what is there ---- */

static alb_status find_graph(dedup *d) {
  size_t graphs = 0;
  walk w = begin(d, d->file);
  for (;;) {
    ALB_TRY(next(&w));
    if (!w.more) break;
    if (w.field.number == MODEL_IR) d->ir_version = w.field.value;
    if (w.field.number == MODEL_TRAINING) return alb_fail(d->diag, ALB_UNSUPPORTED, "onnx: a model for training");
    if (w.field.number != MODEL_GRAPH) continue;
    d->graph = w.field.bytes;
    graphs++;
  }
  if (graphs == 1) return ALB_OK;
  return alb_fail(d->diag, ALB_MALFORMED, "onnx: expected one graph, found %zu", graphs);
}

static alb_status add_constant(dedup *d, alb_str name, alb_span tensor) {
  alb_wire_field external, location;
  size_t index, externals, locations;
  bool inserted;
  ALB_TRY(find_field(d, tensor, T_EXTERNAL, &external, &externals));
  ALB_TRY(find_field(d, tensor, T_LOCATION, &location, &locations));
  if (externals || location.value) {
    return alb_fail(d->diag, ALB_UNSUPPORTED,
                    "onnx: the data of \"%.*s\" is in another file, which is not supported here", ALB_STR_ARGS(name));
  }
  if (!alb_strmap_add(&d->names, name, &index, &inserted)) return no_memory(d);
  if (!inserted) return alb_fail(d->diag, ALB_DUPLICATE, "onnx: two constants \"%.*s\"", ALB_STR_ARGS(name));
  const constant added = {.name = name, .tensor = tensor, .keeper = (uint32_t)index};
  return alb_vec_push(&d->constants, added) ? ALB_OK : no_memory(d);
}

static alb_status add_initializer(dedup *d, alb_span tensor) {
  alb_str name;
  ALB_TRY(find_text(d, tensor, T_NAME, &name));
  return add_constant(d, name, tensor);
}

static alb_status push_graphs(const dedup *d, alb_span node, spans *todo) {
  walk n = begin(d, node);
  for (;;) {
    ALB_TRY(next(&n));
    if (!n.more) return ALB_OK;
    if (n.field.number != N_ATTRIBUTE) continue;
    walk a = begin(d, n.field.bytes);
    for (;;) {
      ALB_TRY(next(&a));
      if (!a.more) break;
      const bool graph = a.field.number == A_GRAPH || a.field.number == A_GRAPHS;
      if (graph && !alb_vec_push(todo, a.field.bytes)) return no_memory(d);
    }
  }
}

/* Whatever the nodes of a subgraph take or its outputs name stays; graphs in it come after it. */
static alb_status fix_subgraph(dedup *d, alb_span graph, spans *todo) {
  walk g = begin(d, graph);
  for (;;) {
    ALB_TRY(next(&g));
    if (!g.more) return ALB_OK;
    if (g.field.number == G_OUTPUT) {
      alb_str name;
      ALB_TRY(find_text(d, g.field.bytes, V_NAME, &name));
      ALB_TRY(add_name(d, &d->fixed, name));
    }
    if (g.field.number != G_NODE) continue;
    ALB_TRY(push_graphs(d, g.field.bytes, todo));
    walk n = begin(d, g.field.bytes);
    for (;;) {
      ALB_TRY(next(&n));
      if (!n.more) break;
      if (n.field.number == N_INPUT) ALB_TRY(add_name(d, &d->fixed, text_of(&n)));
    }
  }
}

static alb_status fix_subgraphs(dedup *d, alb_span node) {
  spans todo = {0};
  alb_status status = push_graphs(d, node, &todo);
  while (status == ALB_OK && todo.count > 0) status = fix_subgraph(d, todo.items[--todo.count], &todo);
  alb_vec_free(&todo);
  return status;
}

/* A Constant of the standard domain with one output and nothing but a tensor. */
static alb_status find_constant_node(const dedup *d, alb_span node, alb_str *output, alb_span *tensor, bool *is_one) {
  alb_str op, domain, attribute;
  alb_wire_field out, attr, value;
  size_t outputs, attributes, tensors;
  *is_one = false;
  ALB_TRY(find_text(d, node, N_OP, &op));
  ALB_TRY(find_text(d, node, N_DOMAIN, &domain));
  if (!alb_str_is(op, "Constant") || (domain.n && !alb_str_is(domain, "ai.onnx"))) return ALB_OK;
  ALB_TRY(find_field(d, node, N_OUTPUT, &out, &outputs));
  ALB_TRY(find_field(d, node, N_ATTRIBUTE, &attr, &attributes));
  if (outputs != 1 || attributes != 1) return ALB_OK;
  ALB_TRY(find_text(d, attr.bytes, A_NAME, &attribute));
  ALB_TRY(find_field(d, attr.bytes, A_TENSOR, &value, &tensors));
  *output = (alb_str){(const char *)out.bytes.p, out.bytes.n};
  *tensor = value.bytes;
  *is_one = tensors == 1 && alb_str_is(attribute, "value");
  return ALB_OK;
}

static alb_status take_node(dedup *d, alb_span node) {
  alb_str name;
  alb_span tensor;
  bool is_constant;
  ALB_TRY(fix_subgraphs(d, node));
  ALB_TRY(find_constant_node(d, node, &name, &tensor, &is_constant));
  return is_constant ? add_constant(d, name, tensor) : ALB_OK;
}

static alb_status fix_annotation(dedup *d, alb_span annotation) {
  walk w = begin(d, annotation);
  for (;;) {
    ALB_TRY(next(&w));
    if (!w.more) return ALB_OK;
    alb_str name = text_of(&w);
    if (w.field.number != ANNOTATED && w.field.number != ANNOTATION_ENTRY) continue;
    if (w.field.number == ANNOTATION_ENTRY) ALB_TRY(find_text(d, w.field.bytes, ENTRY_VALUE, &name));
    ALB_TRY(add_name(d, &d->fixed, name));
  }
}

static alb_status take_port(dedup *d, alb_span port, alb_strmap *map) {
  alb_str name;
  ALB_TRY(find_text(d, port, V_NAME, &name));
  return add_name(d, map, name);
}

/* Initializers stand behind the nodes in files, but before them in meaning: so in a pass of their own. */
static alb_status scan_graph(dedup *d) {
  for (int pass = 0; pass < 2; pass++) {
    walk w = begin(d, d->graph);
    for (;;) {
      ALB_TRY(next(&w));
      if (!w.more) break;
      const uint32_t number = w.field.number;
      if (pass == 1 && number == G_NODE) ALB_TRY(take_node(d, w.field.bytes));
      if (pass == 1) continue;
      if (number == G_INITIALIZER) ALB_TRY(add_initializer(d, w.field.bytes));
      if (number == G_INPUT) ALB_TRY(take_port(d, w.field.bytes, &d->inputs));
      if (number == G_OUTPUT) ALB_TRY(take_port(d, w.field.bytes, &d->fixed));
      if (number == G_ANNOTATION) ALB_TRY(fix_annotation(d, w.field.bytes));
    }
    if (pass == 0) d->initializers = d->constants.count;
  }
  return ALB_OK;
}

/* ---- which go ---- */

/* Reads a tensor of a type that we read; *known is false for others, which stay as they are. */
static alb_status read_tensor(const dedup *d, alb_span bytes, alb_onnx_tensor *out, bool *known) {
  alb_diag unsupported = {0};
  *out = (alb_onnx_tensor){0};
  alb_str name;
  alb_status status = alb_onnx_tensor_parse(&unsupported, bytes, &name, out);
  *known = status == ALB_OK;
  if (status == ALB_UNSUPPORTED || status == ALB_LIMIT) status = ALB_OK;
  if (status != ALB_OK) (void)alb_fail(d->diag, status, "%s", alb_diag_text(&unsupported, status));
  alb_diag_free(&unsupported);
  return status;
}

static bool same_tensor(const alb_onnx_tensor *a, const alb_onnx_tensor *b) {
  const size_t bytes = alb_onnx_tensor_bytes(a);
  return a->type == b->type && a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0 &&
         (bytes == 0 || memcmp(a->data, b->data, bytes) == 0);
}

/* Type, shape and hash of the bytes. */
static alb_status key_of(dedup *d, const alb_onnx_tensor *tensor, alb_str *key) {
  struct {
    alb_hash128 hash;
    int64_t facts[2 + ALB_ONNX_MAX_RANK];
  } content;
  memset(&content, 0, sizeof content);
  content.hash = alb_hash_bytes((alb_span){tensor->data, alb_onnx_tensor_bytes(tensor)});
  content.facts[0] = tensor->type;
  content.facts[1] = (int64_t)tensor->rank;
  memcpy(content.facts + 2, tensor->dims, tensor->rank * sizeof *tensor->dims);
  const char *copy = alb_arena_strdup(&d->arena, (alb_str){(const char *)&content, sizeof content});
  *key = (alb_str){copy, sizeof content};
  return copy ? ALB_OK : no_memory(d);
}

/* Equal hashes are no proof. */
static alb_status is_same(const dedup *d, const alb_onnx_tensor *tensor, uint32_t other, bool *same) {
  alb_onnx_tensor first;
  ALB_TRY(read_tensor(d, d->constants.items[other].tensor, &first, same));
  *same = *same && same_tensor(tensor, &first);
  alb_onnx_tensor_free(&first);
  return ALB_OK;
}

static alb_status choose(dedup *d, uint32_t number, const alb_onnx_tensor *tensor) {
  constant *c = &d->constants.items[number];
  alb_str key;
  size_t index;
  bool inserted, same;
  ALB_TRY(key_of(d, tensor, &key));
  if (!alb_strmap_add(&d->keys, key, &index, &inserted)) return no_memory(d);
  if (inserted) return alb_vec_push(&d->first, number) ? ALB_OK : no_memory(d);
  if (has(&d->fixed, c->name)) return ALB_OK;
  ALB_TRY(is_same(d, tensor, d->first.items[index], &same));
  if (same) c->keeper = d->first.items[index];
  return ALB_OK;
}

static alb_status choose_one(dedup *d, uint32_t number) {
  const constant *c = &d->constants.items[number];
  alb_onnx_tensor tensor;
  bool known;
  if (d->ir_version >= FIRST_IR_WITH_DEFAULTS && has(&d->inputs, c->name)) return ALB_OK; /* a run may set it */
  ALB_TRY(read_tensor(d, c->tensor, &tensor, &known));
  const alb_status status = known ? choose(d, number, &tensor) : ALB_OK;
  alb_onnx_tensor_free(&tensor);
  return status;
}

/* Initializers that must stay come first, so that others go for them; nodes last: one stands for later ones only. */
static alb_status choose_all(dedup *d) {
  for (int fixed = 1; fixed >= 0; fixed--) {
    for (uint32_t i = 0; i < d->initializers; i++) {
      if (has(&d->fixed, d->constants.items[i].name) == fixed) ALB_TRY(choose_one(d, i));
    }
  }
  for (size_t i = d->initializers; i < d->constants.count; i++) ALB_TRY(choose_one(d, (uint32_t)i));
  return ALB_OK;
}

/* The constant that stands for a name that goes; NULL for any other name. */
static const constant *keeper_of(const dedup *d, alb_str name) {
  const size_t index = alb_strmap_find(&d->names, name);
  if (index == ALB_STRMAP_NONE || d->constants.items[index].keeper == index) return NULL;
  return &d->constants.items[d->constants.items[index].keeper];
}

/* ---- the new file ---- */

/* Neighbours in the old file are one piece. */
static alb_status add_piece(dedup *d, alb_span piece, uint64_t *size) {
  alb_span *last = d->pieces.count ? &d->pieces.items[d->pieces.count - 1] : NULL;
  *size += piece.n;
  if (last && last->p + last->n == piece.p) {
    last->n += piece.n;
    return ALB_OK;
  }
  return alb_vec_push(&d->pieces, piece) ? ALB_OK : no_memory(d);
}

/* A copy in the arena of what was made. */
static alb_status add_made(dedup *d, alb_proto *made, uint64_t *size) {
  uint8_t *copy = made->failed ? NULL : alb_arena_alloc(&d->arena, made->bytes.count);
  const size_t n = made->bytes.count;
  if (copy && n) memcpy(copy, made->bytes.items, n);
  alb_proto_free(made);
  return copy ? add_piece(d, (alb_span){copy, n}, size) : no_memory(d);
}

/* A node whose inputs have other names now. */
static alb_status rename_inputs(dedup *d, alb_span node, uint64_t *size) {
  alb_proto content = {0}, whole = {0};
  alb_status status;
  walk w = begin(d, node);
  while ((status = next(&w)) == ALB_OK && w.more) {
    const constant *keeper = w.field.number == N_INPUT ? keeper_of(d, text_of(&w)) : NULL;
    if (keeper) alb_proto_bytes(&content, N_INPUT, keeper->name.p, keeper->name.n);
    if (!keeper) alb_proto_append(&content, w.whole.p, w.whole.n);
  }
  alb_proto_bytes(&whole, G_NODE, content.bytes.items, content.bytes.count);
  whole.failed |= content.failed;
  alb_proto_free(&content);
  if (status == ALB_OK) return add_made(d, &whole, size);
  alb_proto_free(&whole);
  return status;
}

static alb_status copy_node(dedup *d, const walk *w, uint64_t *size) {
  bool renamed = false, is_constant;
  alb_str output;
  alb_span tensor;
  ALB_TRY(find_constant_node(d, w->field.bytes, &output, &tensor, &is_constant));
  if (is_constant && keeper_of(d, output)) return ALB_OK;
  walk n = begin(d, w->field.bytes);
  for (;;) {
    ALB_TRY(next(&n));
    if (!n.more) break;
    renamed |= n.field.number == N_INPUT && keeper_of(d, text_of(&n));
  }
  return renamed ? rename_inputs(d, w->field.bytes, size) : add_piece(d, w->whole, size);
}

static alb_status copy_field(dedup *d, const walk *w, uint64_t *size) {
  const uint32_t number = w->field.number;
  alb_str name = {0};
  if (number == G_NODE) return copy_node(d, w, size);
  if (number == G_INITIALIZER) ALB_TRY(find_text(d, w->field.bytes, T_NAME, &name));
  if (number == G_INPUT || number == G_VALUE_INFO) ALB_TRY(find_text(d, w->field.bytes, V_NAME, &name));
  return name.n && keeper_of(d, name) ? ALB_OK : add_piece(d, w->whole, size);
}

static alb_status copy_graph(dedup *d, uint64_t *size) {
  walk w = begin(d, d->graph);
  for (;;) {
    ALB_TRY(next(&w));
    if (!w.more) return ALB_OK;
    ALB_TRY(copy_field(d, &w, size));
  }
}

/* The graph's length stands before it, and is known after it: its head is a piece that is set later. */
static alb_status copy_model(dedup *d, uint64_t *size) {
  walk w = begin(d, d->file);
  for (;;) {
    ALB_TRY(next(&w));
    if (!w.more) return ALB_OK;
    if (w.field.number != MODEL_GRAPH) {
      ALB_TRY(add_piece(d, w.whole, size));
      continue;
    }
    const size_t head = d->pieces.count;
    uint64_t graph = 0;
    if (!alb_vec_push(&d->pieces, (alb_span){0})) return no_memory(d);
    ALB_TRY(copy_graph(d, &graph));
    alb_proto key = {0};
    alb_proto_head(&key, MODEL_GRAPH, graph);
    ALB_TRY(add_made(d, &key, size));
    d->pieces.items[head] = d->pieces.items[--d->pieces.count];
    *size += graph;
  }
}

/* Small pieces are gathered, large ones are written from where they lie. */
static alb_status write_pieces(const dedup *d, alb_output *out, uint8_t *buffer) {
  uint64_t offset = 0;
  size_t held = 0;
  for (size_t i = 0; i < d->pieces.count; i++) {
    const alb_span piece = d->pieces.items[i];
    const bool direct = piece.n >= DIRECT;
    if (direct || held + piece.n > BUFFER) {
      ALB_TRY(alb_output_write(d->diag, out, offset, buffer, held));
      offset += held;
      held = 0;
    }
    if (direct) {
      ALB_TRY(alb_output_write(d->diag, out, offset, piece.p, piece.n));
      offset += piece.n;
    } else if (piece.n) {
      memcpy(buffer + held, piece.p, piece.n);
      held += piece.n;
    }
  }
  return alb_output_write(d->diag, out, offset, buffer, held);
}

static alb_status write_file(const dedup *d, const char *path, bool replace) {
  alb_output out = {.fd = -1};
  uint8_t *buffer = malloc(BUFFER);
  alb_status status =
      buffer ? alb_output_open(d->diag, path, replace, &out) : alb_fail_memory(d->diag, BUFFER, "a buffer");
  if (status == ALB_OK) status = write_pieces(d, &out, buffer);
  if (status == ALB_OK) status = alb_output_commit(d->diag, &out);
  alb_output_abort(&out);
  free(buffer);
  return status;
}

static alb_status run(dedup *d, alb_onnx_dedup_report *report) {
  ALB_TRY(find_graph(d));
  ALB_TRY(scan_graph(d));
  ALB_TRY(choose_all(d));
  report->constants_before = d->constants.count;
  for (uint32_t i = 0; i < d->constants.count; i++) report->constants_after += d->constants.items[i].keeper == i;
  report->bytes_before = d->file.n;
  return copy_model(d, &report->bytes_after);
}

static void free_dedup(dedup *d) {
  alb_vec_free(&d->constants);
  alb_vec_free(&d->first);
  alb_vec_free(&d->pieces);
  alb_strmap_free(&d->names);
  alb_strmap_free(&d->fixed);
  alb_strmap_free(&d->inputs);
  alb_strmap_free(&d->keys);
  alb_arena_free(&d->arena);
}

alb_status alb_onnx_dedup_bytes(alb_diag *diag, alb_span bytes, const char *out_path, bool replace,
                                alb_onnx_dedup_report *report) {
  dedup d = {.diag = diag, .file = bytes};
  *report = (alb_onnx_dedup_report){0};
  alb_status status = run(&d, report);
  if (status == ALB_OK && out_path) status = write_file(&d, out_path, replace);
  free_dedup(&d);
  return status;
}

alb_status alb_onnx_dedup(alb_diag *diag, const char *in_path, const char *out_path, bool replace,
                          alb_onnx_dedup_report *report) {
  alb_file file = {0};
  ALB_TRY(alb_file_map(diag, in_path, &file));
  const alb_status status = alb_onnx_dedup_bytes(diag, file.bytes, out_path, replace, report);
  alb_file_unmap(&file);
  return status;
}
