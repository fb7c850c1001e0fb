/* The text form of a graph, read back (docs/ir.md). Made for tests and tools. */
#include <stdlib.h>

#include "graph/ir.h"

typedef struct parser {
  alb_diag *diag;
  alb_graph *graph;
  const char *p, *end;
  unsigned line;
} parser;

static alb_status wrong(parser *in, const char *expected) {
  return alb_fail(in->diag, ALB_MALFORMED, "graph text: line %u: expected %s", in->line, expected);
}

static void skip_blanks(parser *in) {
  while (in->p < in->end && (*in->p == ' ' || *in->p == '\t')) in->p++;
  if (in->p < in->end && *in->p == ';') {
    while (in->p < in->end && *in->p != '\n') in->p++;
  }
}

/* Ends the line and the empty lines after it. */
static void skip_lines(parser *in) {
  skip_blanks(in);
  while (in->p < in->end && *in->p == '\n') {
    in->p++;
    in->line++;
    skip_blanks(in);
  }
}

static bool at_line_end(parser *in) {
  skip_blanks(in);
  return in->p == in->end || *in->p == '\n';
}

static bool take_char(parser *in, char c) {
  skip_blanks(in);
  if (in->p == in->end || *in->p != c) return false;
  in->p++;
  return true;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == '+';
}

static alb_str take_word(parser *in) {
  skip_blanks(in);
  const char *begin = in->p;
  while (in->p < in->end && is_word(*in->p)) in->p++;
  return (alb_str){begin, (size_t)(in->p - begin)};
}

static bool number_of(alb_str word, uint64_t *out) {
  *out = 0;
  if (word.n == 0 || word.n > 18) return false;
  for (size_t i = 0; i < word.n; i++) {
    if (word.p[i] < '0' || word.p[i] > '9') return false;
    *out = *out * 10 + (uint64_t)(word.p[i] - '0');
  }
  return true;
}

static alb_status take_number(parser *in, uint64_t *out) {
  return number_of(take_word(in), out) ? ALB_OK : wrong(in, "a number");
}

static alb_status take_id(parser *in, uint32_t *out) {
  uint64_t value;
  ALB_TRY(take_number(in, &value));
  *out = (uint32_t)value;
  return value < UINT32_MAX ? ALB_OK : wrong(in, "an id");
}

static alb_status take_quoted(parser *in, alb_str *out) {
  if (!take_char(in, '"')) return wrong(in, "a name in quotes");
  const char *begin = in->p;
  while (in->p < in->end && *in->p != '"' && *in->p != '\n') in->p++;
  *out = (alb_str){begin, (size_t)(in->p - begin)};
  return take_char(in, '"') ? ALB_OK : wrong(in, "a closing quote");
}

static alb_status take_dim(parser *in, int64_t *out) {
  static const struct {
    const char *name;
    int64_t value;
  } symbols[] = {{"tokens", ALB_DIM_TOKENS}, {"sequences", ALB_DIM_SEQUENCES}, {"rows", ALB_DIM_ROWS}};
  const alb_str word = take_word(in);
  for (size_t i = 0; i < 3; i++) {
    if (alb_str_is(word, symbols[i].name)) {
      *out = symbols[i].value;
      return ALB_OK;
    }
  }
  uint64_t value;
  if (!number_of(word, &value) || value == 0 || value > ALB_MAX_DIM) return wrong(in, "a dimension");
  *out = (int64_t)value;
  return ALB_OK;
}

/* f32[tokens,384] */
static alb_status take_type(parser *in, alb_type *type) {
  *type = (alb_type){.dtype = alb_dtype_by_name(take_word(in))};
  if (type->dtype == ALB_DTYPE_NONE || !take_char(in, '[')) return wrong(in, "a type");
  if (take_char(in, ']')) return ALB_OK;
  do {
    if (type->rank == ALB_MAX_RANK) return wrong(in, "at most 8 dimensions");
    ALB_TRY(take_dim(in, &type->dims[type->rank++]));
  } while (take_char(in, ','));
  return take_char(in, ']') ? ALB_OK : wrong(in, "]");
}

static alb_status take_blob_kind(parser *in, alb_blob *blob) {
  static const char *const kinds[] = {
#define ALB_BLOB_KIND(id, name) name,
#include "graph/blob_kind.def"
#undef ALB_BLOB_KIND
  };
  const alb_str word = take_word(in);
  for (size_t i = 0; i < ALB_BLOB_KIND_COUNT; i++) {
    if (!alb_str_is(word, kinds[i])) continue;
    blob->kind = (alb_blob_kind)i;
    return ALB_OK;
  }
  return wrong(in, "a blob kind");
}

/* = concat 1 2 3 [as 8x4 [of int4]] */
static alb_status take_recipe(parser *in, alb_blob *blob) {
  ALB_TRY(take_blob_kind(in, blob));
  uint32_t inputs[64];
  while (!at_line_end(in) && *in->p >= '0' && *in->p <= '9') {
    if (blob->input_count == 64) return wrong(in, "at most 64 inputs");
    ALB_TRY(take_id(in, &inputs[blob->input_count]));
    if (inputs[blob->input_count++] >= in->graph->tensors->blobs.count) return wrong(in, "an earlier blob");
  }
  uint32_t *copy = ALB_NEW_ARRAY(&in->graph->tensors->arena, uint32_t, blob->input_count);
  if (!copy) return alb_fail_memory(in->diag, sizeof inputs, "a recipe");
  memcpy(copy, inputs, blob->input_count * sizeof *copy);
  blob->inputs = copy;
  if (at_line_end(in)) return ALB_OK;
  if (!alb_str_is(take_word(in), "as")) return wrong(in, "as ROWSxCOLUMNS");
  const char *begin = in->p;
  while (in->p < in->end && *in->p != 'x') in->p++;
  alb_str rows = {begin, (size_t)(in->p - begin)};
  while (rows.n && rows.p[0] == ' ') rows = (alb_str){rows.p + 1, rows.n - 1};
  if (!number_of(rows, &blob->rows) || !take_char(in, 'x')) return wrong(in, "ROWSxCOLUMNS");
  ALB_TRY(take_number(in, &blob->columns));
  if (at_line_end(in)) return ALB_OK;
  if (!alb_str_is(take_word(in), "of")) return wrong(in, "of DTYPE");
  blob->of = alb_dtype_by_name(take_word(in));
  return blob->of == ALB_DTYPE_NONE ? wrong(in, "a dtype") : ALB_OK;
}

static alb_status parse_blob(parser *in) {
  uint32_t id;
  alb_blob blob = {.kind = ALB_BLOB_BYTES};
  ALB_TRY(take_id(in, &id));
  if (id != in->graph->tensors->blobs.count) return wrong(in, "blob ids in order");
  blob.dtype = alb_dtype_by_name(take_word(in));
  if (blob.dtype == ALB_DTYPE_NONE) return wrong(in, "a dtype");
  ALB_TRY(take_number(in, &blob.elements));
  if (take_char(in, '=')) ALB_TRY(take_recipe(in, &blob));
  return alb_vec_push(&in->graph->tensors->blobs, blob) ? ALB_OK : alb_fail_memory(in->diag, sizeof blob, "a blob");
}

static alb_status parse_tensor(parser *in) {
  uint32_t id, blob, added;
  alb_str name;
  alb_type type;
  ALB_TRY(take_id(in, &id));
  ALB_TRY(take_quoted(in, &name));
  ALB_TRY(take_type(in, &type));
  if (!alb_str_is(take_word(in), "blob")) return wrong(in, "blob ID");
  ALB_TRY(take_id(in, &blob));
  alb_tensors *tensors = in->graph->tensors;
  if (blob >= tensors->blobs.count || tensors->blobs.items[blob].dtype != type.dtype)
    return wrong(in, "a blob of the type");
  uint64_t dims[ALB_MAX_RANK];
  for (size_t i = 0; i < type.rank; i++) dims[i] = (uint64_t)type.dims[i];
  ALB_TRY(alb_tensors_view(in->diag, tensors, name, type.rank, dims, blob, &added));
  if (added != id) return wrong(in, "tensor ids in order");
  if (at_line_end(in)) return ALB_OK;
  if (!alb_str_is(take_word(in), "scale")) return wrong(in, "scale ID");
  return take_id(in, &tensors->tensors.items[id].scale_blob);
}

static alb_status parse_set(parser *in) {
  uint32_t id, added, tensors[256];
  size_t count = 0;
  alb_str name;
  ALB_TRY(take_id(in, &id));
  ALB_TRY(take_quoted(in, &name));
  while (!at_line_end(in)) {
    if (count == 256) return wrong(in, "at most 256 tensors");
    ALB_TRY(take_id(in, &tensors[count++]));
  }
  const char *text = alb_arena_strdup(&in->graph->arena, name);
  if (!text) return alb_fail_memory(in->diag, name.n, "a name");
  ALB_TRY(alb_graph_add_set(in->diag, in->graph, text, tensors, count, &added));
  return added == id ? ALB_OK : wrong(in, "set ids in order");
}

static alb_status find_parameter(parser *in, const alb_function *function, alb_operand *out) {
  const alb_str name = take_word(in);
  for (size_t i = 0; i < function->parameter_count; i++) {
    if (!alb_str_is(name, function->parameters[i])) continue;
    *out = alb_parameter((uint32_t)i);
    return ALB_OK;
  }
  return wrong(in, "a parameter of the function");
}

static alb_status take_operand(parser *in, const alb_function *function, alb_operand *out) {
  if (take_char(in, '%')) {
    out->kind = ALB_OPERAND_VALUE;
    return take_id(in, &out->id);
  }
  if (take_char(in, '$')) return find_parameter(in, function, out);
  if (!take_char(in, '@')) return wrong(in, "an operand");
  *out = alb_tensor_operand(alb_tensors_find(in->graph->tensors, take_word(in)));
  return out->id == ALB_NONE ? wrong(in, "a tensor of the table") : ALB_OK;
}

static alb_status take_float(parser *in, alb_str word, float *out) {
  char text[32];
  if (word.n >= sizeof text) return wrong(in, "a number");
  memcpy(text, word.p, word.n);
  text[word.n] = '\0';
  char *end;
  *out = strtof(text, &end);
  return *end ? wrong(in, "a number") : ALB_OK;
}

static alb_status take_uint(parser *in, alb_str word, uint32_t *out) {
  uint64_t value;
  if (!number_of(word, &value) || value >= UINT32_MAX) return wrong(in, "a number");
  *out = (uint32_t)value;
  return ALB_OK;
}

static alb_status set_attribute(parser *in, alb_node *node, alb_str key, alb_str value) {
  if (alb_str_is(key, "heads")) return take_uint(in, value, &node->heads);
  if (alb_str_is(key, "set")) return take_uint(in, value, &node->set);
  if (alb_str_is(key, "layer")) return take_uint(in, value, &node->layer);
  if (alb_str_is(key, "eps")) return take_float(in, value, &node->eps);
  if (alb_str_is(key, "activation")) {
    node->activation = alb_activation_by_name(value);
    return node->activation < ALB_ACT_COUNT ? ALB_OK : wrong(in, "an activation");
  }
  if (alb_str_is(key, "pooling")) {
    node->pooling = alb_pooling_by_name(value);
    return node->pooling < ALB_POOL_COUNT ? ALB_OK : wrong(in, "a pooling");
  }
  if (!alb_str_is(key, "callee")) return wrong(in, "an attribute");
  const char *name = alb_arena_strdup(&in->graph->arena, value);
  node->callee = name ? alb_graph_find(in->graph, name) : ALB_NONE;
  return node->callee == ALB_NONE ? wrong(in, "an earlier function") : ALB_OK;
}

static alb_status take_attributes(parser *in, alb_node *node) {
  while (!at_line_end(in)) {
    const alb_str key = take_word(in);
    if (key.n == 0 || !take_char(in, '=')) return wrong(in, "attribute=value");
    ALB_TRY(set_attribute(in, node, key, take_word(in)));
  }
  return ALB_OK;
}

/* %7 = linear %6 $query.weight $query.bias activation=gelu layer=0 */
static alb_status parse_node(parser *in, alb_function *function) {
  uint32_t id, value;
  alb_operand operands[ALB_MAX_OPERANDS];
  size_t count = 0;
  ALB_TRY(take_id(in, &id));
  if (!take_char(in, '=')) return wrong(in, "=");
  alb_node node = alb_node_make(alb_op_by_name(take_word(in)));
  if (node.op == ALB_OP_NONE) return wrong(in, "an operator");
  while (!at_line_end(in) && strchr("%$@", *in->p)) {
    if (count == ALB_MAX_OPERANDS) return wrong(in, "at most 8 operands");
    ALB_TRY(take_operand(in, function, &operands[count++]));
  }
  ALB_TRY(take_attributes(in, &node));
  ALB_TRY(alb_function_append(in->diag, in->graph, function, node, operands, count, &value));
  return value == id ? ALB_OK : wrong(in, "value ids in order");
}

static alb_status parse_parameters(parser *in, alb_function *function) {
  const char *names[256];
  size_t count = 0;
  while (take_char(in, '$')) {
    if (count == 256) return wrong(in, "at most 256 parameters");
    names[count] = alb_arena_strdup(&in->graph->arena, take_word(in));
    if (!names[count++]) return alb_fail_memory(in->diag, 1, "a name");
  }
  const char **copy = ALB_NEW_ARRAY(&in->graph->arena, const char *, count);
  if (!copy) return alb_fail_memory(in->diag, sizeof names, "parameters");
  if (count) memcpy(copy, names, count * sizeof *copy);
  function->parameters = copy;
  function->parameter_count = count;
  return take_char(in, '{') ? ALB_OK : wrong(in, "{");
}

static alb_status parse_function(parser *in) {
  const alb_str name = take_word(in);
  const char *text = alb_arena_strdup(&in->graph->arena, name);
  if (!name.n || !text) return wrong(in, "a function name");
  alb_type inputs[16];
  size_t count = 0;
  for (skip_blanks(in); in->p < in->end && *in->p != '$' && *in->p != '{'; skip_blanks(in)) {
    if (count == 16) return wrong(in, "at most 16 inputs");
    ALB_TRY(take_type(in, &inputs[count++]));
  }
  uint32_t id;
  ALB_TRY(alb_graph_add_function(in->diag, in->graph, text, inputs, count, &id));
  alb_function *function = &in->graph->functions.items[id];
  ALB_TRY(parse_parameters(in, function));
  for (skip_lines(in); take_char(in, '%'); skip_lines(in)) ALB_TRY(parse_node(in, function));
  if (!alb_str_is(take_word(in), "return") || !take_char(in, '%')) return wrong(in, "return %ID");
  ALB_TRY(take_id(in, &function->output));
  skip_lines(in);
  return take_char(in, '}') ? ALB_OK : wrong(in, "}");
}

alb_status alb_graph_parse(alb_diag *diag, alb_str text, alb_graph *graph) {
  static const struct {
    const char *keyword;
    alb_status (*parse)(parser *);
  } statements[] = {{"blob", parse_blob}, {"tensor", parse_tensor}, {"set", parse_set}, {"function", parse_function}};
  parser in = {diag, graph, text.p, text.p + text.n, 1};
  for (skip_lines(&in); in.p < in.end; skip_lines(&in)) {
    const alb_str word = take_word(&in);
    size_t i = 0;
    while (i < 4 && !alb_str_is(word, statements[i].keyword)) i++;
    if (i == 4) return wrong(&in, "blob, tensor, set or function");
    ALB_TRY(statements[i].parse(&in));
    if (!at_line_end(&in)) return wrong(&in, "the end of the line");
  }
  return ALB_OK;
}
