/* Which input of an ONNX encoder is which. */
#include "converter/onnx/onnx_inputs.h"

#include <ctype.h>

/* Parts of names, looked for in this order. */
static const struct {
  const char *part;
  alb_onnx_input_role role;
} names[] = {
    {"mask", ALB_ONNX_INPUT_MASK},          {"segment", ALB_ONNX_INPUT_TYPES}, {"type", ALB_ONNX_INPUT_TYPES},
    {"position", ALB_ONNX_INPUT_POSITIONS}, {"ids", ALB_ONNX_INPUT_IDS},       {"token", ALB_ONNX_INPUT_IDS},
    {"word", ALB_ONNX_INPUT_IDS},
};

static bool contains(alb_str name, const char *part) {
  const size_t n = strlen(part);
  for (size_t i = 0; i + n <= name.n; i++) {
    size_t k = 0;
    while (k < n && tolower((unsigned char)name.p[i + k]) == part[k]) k++;
    if (k == n) return true;
  }
  return false;
}

static bool role_by_name(alb_str name, alb_onnx_input_role *role) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!contains(name, names[i].part)) continue;
    *role = names[i].role;
    return true;
  }
  return false;
}

/* ---- by use: rows of the table that an input looks up; 0: none ---- */

static bool passes_on(alb_onnx_op op) {
  return op == ALB_ONNX_OP_Cast || op == ALB_ONNX_OP_Reshape || op == ALB_ONNX_OP_Squeeze ||
         op == ALB_ONNX_OP_Unsqueeze || op == ALB_ONNX_OP_Identity || op == ALB_ONNX_OP_Flatten ||
         op == ALB_ONNX_OP_Expand;
}

/* The input and what it becomes without other numbers; enough of them for all that exporters write. */
typedef struct aliases {
  uint32_t values[16];
  size_t count;
} aliases;

static bool is_alias(const aliases *a, uint32_t value) {
  for (size_t i = 0; i < a->count; i++) {
    if (a->values[i] == value) return true;
  }
  return false;
}

/* The constant table that a node looks up with one of these, or NULL. */
static const alb_onnx_tensor *table_looked_up(const alb_onnx_model *model, const alb_onnx_node *node,
                                              const aliases *a) {
  if (node->op == ALB_ONNX_OP_Gather && is_alias(a, node->inputs[1])) return alb_onnx_constant(model, node->inputs[0]);
  if (node->op != ALB_ONNX_OP_ms_EmbedLayerNormalization || node->input_count < 5) return NULL;
  if (is_alias(a, node->inputs[0])) return alb_onnx_constant(model, node->inputs[2]);
  return is_alias(a, node->inputs[1]) ? alb_onnx_constant(model, node->inputs[4]) : NULL;
}

static int64_t rows_looked_up(const alb_onnx_model *model, uint32_t input) {
  const alb_onnx_graph *graph = &model->graphs.items[0];
  aliases a = {{input}, 1};
  int64_t rows = 0;
  for (size_t i = 0; i < graph->nodes.count; i++) {
    const alb_onnx_node *node = &graph->nodes.items[i];
    const alb_onnx_tensor *table = table_looked_up(model, node, &a);
    if (table && table->rank == 2 && table->dims[0] > rows) rows = table->dims[0];
    if (passes_on(node->op) && is_alias(&a, node->inputs[0]) && a.count < sizeof a.values / sizeof a.values[0])
      a.values[a.count++] = node->outputs[0];
  }
  return rows;
}

int64_t alb_onnx_inputs_rows(const alb_onnx_model *model, uint32_t input, int64_t otherwise) {
  const int64_t rows = input == ALB_ONNX_NONE ? 0 : rows_looked_up(model, input);
  return rows ? rows : otherwise;
}

/* Inputs without telling names: the largest table is that of the words, the next that of the types; the rest is a
 * mask. */
static void find_by_use(const alb_onnx_model *model, const uint32_t *unnamed, size_t count, alb_onnx_inputs *out) {
  const alb_onnx_input_role roles[2] = {ALB_ONNX_INPUT_IDS, ALB_ONNX_INPUT_TYPES};
  for (size_t round = 0; round < 2; round++) {
    for (size_t i = 0; i < count && out->values[roles[round]] == ALB_ONNX_NONE; i++) {
      const int64_t rows = rows_looked_up(model, unnamed[i]);
      bool largest = rows > 0;
      for (size_t k = 0; k < count; k++) {
        const bool taken = unnamed[k] == out->values[ALB_ONNX_INPUT_IDS];
        largest = largest && (k == i || taken || rows_looked_up(model, unnamed[k]) < rows);
      }
      if (largest && unnamed[i] != out->values[ALB_ONNX_INPUT_IDS]) out->values[roles[round]] = unnamed[i];
    }
  }
  for (size_t i = 0; i < count; i++) {
    const bool taken = unnamed[i] == out->values[ALB_ONNX_INPUT_IDS] || unnamed[i] == out->values[ALB_ONNX_INPUT_TYPES];
    if (!taken && out->values[ALB_ONNX_INPUT_MASK] == ALB_ONNX_NONE) out->values[ALB_ONNX_INPUT_MASK] = unnamed[i];
  }
}

/* ---- shapes ---- */

static alb_status check_shape(alb_diag *diag, const alb_onnx_model *model, uint32_t input, size_t *length) {
  const alb_onnx_value *v = &model->values.items[input];
  if (v->rank != 1 && v->rank != 2 && v->rank != -1) {
    return alb_fail(diag, ALB_UNSUPPORTED, "input \"%.*s\" has rank %d; expected [batch, length]",
                    ALB_STR_ARGS(v->name), (int)v->rank);
  }
  if (v->rank == 2 && v->dims[0].size > 1) {
    return alb_fail(diag, ALB_UNSUPPORTED, "input \"%.*s\" takes batches of %lld only; expected any number, or 1",
                    ALB_STR_ARGS(v->name), (long long)v->dims[0].size);
  }
  const int64_t size = v->rank > 0 ? v->dims[v->rank - 1].size : -1;
  if (size == 0 || (size > 0 && *length && (size_t)size != *length))
    return alb_fail(diag, ALB_UNSUPPORTED, "input \"%.*s\" has length %lld", ALB_STR_ARGS(v->name), (long long)size);
  if (size > ALB_ONNX_LONGEST) {
    return alb_fail(diag, ALB_LIMIT, "input \"%.*s\" has length %lld, the limit is %d", ALB_STR_ARGS(v->name),
                    (long long)size, ALB_ONNX_LONGEST);
  }
  if (size > 0) *length = (size_t)size;
  return ALB_OK;
}

alb_status alb_onnx_inputs_find(alb_diag *diag, const alb_onnx_model *model, alb_onnx_inputs *out) {
  enum { MAX_INPUTS = 8 };
  const alb_onnx_graph *graph = &model->graphs.items[0];
  uint32_t unnamed[MAX_INPUTS];
  size_t count = 0;
  *out = (alb_onnx_inputs){{ALB_ONNX_NONE, ALB_ONNX_NONE, ALB_ONNX_NONE, ALB_ONNX_NONE}, 0};
  if (graph->input_count == 0 || graph->input_count > MAX_INPUTS)
    return alb_fail(diag, ALB_UNSUPPORTED, "the graph has %u inputs; an encoder has one to four", graph->input_count);
  for (uint32_t i = 0; i < graph->input_count; i++) {
    alb_onnx_input_role role;
    const alb_str name = model->values.items[graph->inputs[i]].name;
    ALB_TRY(check_shape(diag, model, graph->inputs[i], &out->length));
    if (!role_by_name(name, &role)) {
      unnamed[count++] = graph->inputs[i];
    } else if (out->values[role] == ALB_ONNX_NONE) {
      out->values[role] = graph->inputs[i];
    } else {
      return alb_fail(diag, ALB_UNSUPPORTED, "inputs \"%.*s\" and \"%.*s\" seem to mean the same", ALB_STR_ARGS(name),
                      ALB_STR_ARGS(model->values.items[out->values[role]].name));
    }
  }
  find_by_use(model, unnamed, count, out);
  for (size_t i = 0; i < count; i++) {
    bool taken = false;
    for (size_t r = 0; r < ALB_ONNX_INPUT_ROLES; r++) taken = taken || out->values[r] == unnamed[i];
    if (taken) continue;
    return alb_fail(diag, ALB_UNSUPPORTED, "input \"%.*s\" is none of token ids, attention mask, type ids, positions",
                    ALB_STR_ARGS(model->values.items[unnamed[i]].name));
  }
  if (out->values[ALB_ONNX_INPUT_IDS] != ALB_ONNX_NONE) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "the graph has no input of token ids");
}

void alb_onnx_inputs_bound(const alb_onnx_model *model, size_t length, alb_onnx_trace_options *options) {
  uint64_t elements = 0;
  for (size_t i = 0; i < model->constants.count; i++) elements += model->constants.items[i].count;
  options->bytes = ((uint64_t)1 << 29) + 64 * elements;
  options->work = ((uint64_t)1 << 24) * (length < 512 ? length + 8 : 512) + 64 * length * elements;
}

/* ---- feeding ---- */

static alb_status make_feed(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_inputs *inputs,
                            alb_onnx_input_role role, const int64_t *numbers, size_t length, alb_onnx_feeds *out) {
  const uint32_t value = inputs->values[role];
  if (value == ALB_ONNX_NONE) return ALB_OK;
  const alb_onnx_value *v = &model->values.items[value];
  const int64_t dims[2] = {1, (int64_t)length};
  const size_t rank = v->rank == 1 ? 1 : 2;
  alb_onnx_tensor *t = &out->tensors[role];
  ALB_TRY(alb_onnx_tensor_new(diag, v->type ? v->type : ALB_ONNX_INT64, rank, rank == 1 ? dims + 1 : dims, t));
  for (size_t i = 0; i < length; i++) {
    const int64_t number = numbers ? numbers[i] : role == ALB_ONNX_INPUT_MASK ? 1 : (int64_t)i;
    if (alb_onnx_type_is_float(t->type)) {
      alb_onnx_set_f64(t, i, (double)number);
    } else {
      alb_onnx_set_i64(t, i, number);
    }
  }
  const bool dynamic = role == ALB_ONNX_INPUT_IDS || role == ALB_ONNX_INPUT_TYPES;
  out->feeds[out->count++] = (alb_onnx_feed){value, t, dynamic};
  return ALB_OK;
}

alb_status alb_onnx_feeds_make(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_inputs *inputs,
                               const int64_t *ids, const int64_t *type_ids, size_t length, alb_onnx_feeds *out) {
  *out = (alb_onnx_feeds){.count = 0};
  ALB_TRY(make_feed(diag, model, inputs, ALB_ONNX_INPUT_IDS, ids, length, out));
  ALB_TRY(make_feed(diag, model, inputs, ALB_ONNX_INPUT_MASK, NULL, length, out));
  ALB_TRY(make_feed(diag, model, inputs, ALB_ONNX_INPUT_TYPES, type_ids, length, out));
  return make_feed(diag, model, inputs, ALB_ONNX_INPUT_POSITIONS, NULL, length, out);
}

void alb_onnx_feeds_free(alb_onnx_feeds *feeds) {
  for (size_t i = 0; i < ALB_ONNX_INPUT_ROLES; i++) alb_onnx_tensor_free(&feeds->tensors[i]);
  feeds->count = 0;
}
