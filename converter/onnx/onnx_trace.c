/* Runs an ONNX graph, keeps its values and sorts them into classes of the same numbers. */
#include "converter/onnx/onnx_trace.h"

#include <stdlib.h>

#include "base/hash.h"
#include "converter/onnx/onnx_eval.h"

enum {
  LARGE = 1 << 16,   /* elements of a computed constant that is not kept: it can be made again */
  MAX_REMAKE = 4096, /* nodes computed again for one constant */
  KEY = sizeof(alb_hash128) + sizeof(uint64_t)
};

typedef struct runner {
  alb_diag *diag;
  const alb_onnx_model *model;
  alb_onnx_trace *trace;
} runner;

static alb_status no_memory(alb_diag *diag) {
  return alb_fail_memory(diag, 0, "the values of an ONNX graph");
}

static bool has_data(const alb_onnx_tensor *tensor) {
  return tensor->data || (tensor->type != ALB_ONNX_NO_TYPE && tensor->count == 0);
}

/* ---- classes ---- */

/* A key for numbers: -0 is 0, so that adding zero changes nothing. False: out of memory. */
static bool make_key(const float *numbers, size_t count, uint8_t key[KEY]) {
  float *clean = malloc((count ? count : 1) * sizeof *clean);
  if (!clean) return false;
  for (size_t i = 0; i < count; i++) clean[i] = numbers[i] == 0 ? 0 : numbers[i];
  const alb_hash128 hash = alb_hash_bytes((alb_span){(const uint8_t *)clean, count * sizeof *clean});
  const uint64_t n = count;
  memcpy(key, hash.bytes, sizeof hash.bytes);
  memcpy(key + sizeof hash.bytes, &n, sizeof n);
  free(clean);
  return true;
}

alb_status alb_onnx_trace_find(alb_diag *diag, const alb_onnx_trace *trace, const float *numbers, size_t count,
                               uint32_t *value) {
  uint8_t key[KEY];
  if (!make_key(numbers, count, key)) return no_memory(diag);
  const size_t index = alb_strmap_find(&trace->classes, (alb_str){(const char *)key, KEY});
  *value = index == ALB_STRMAP_NONE ? ALB_ONNX_NONE : trace->firsts.items[index];
  return ALB_OK;
}

/* Puts a computed dynamic float value into its class; its memory is that of the first one, where types agree. */
static alb_status classify(const runner *r, uint32_t value) {
  alb_onnx_trace *t = r->trace;
  alb_onnx_tensor *tensor = &t->tensors[value];
  uint8_t key[KEY];
  const float *numbers;
  size_t index;
  bool inserted;
  if (!t->dynamic[value] || !alb_onnx_type_is_float(tensor->type) || tensor->count < 2) return ALB_OK;
  ALB_TRY(alb_onnx_trace_f32(r->diag, t, value, &numbers));
  char *kept = alb_arena_alloc(&t->arena, KEY);
  if (!kept || !make_key(numbers, tensor->count, key)) return no_memory(r->diag);
  memcpy(kept, key, KEY);
  if (!alb_strmap_add(&t->classes, (alb_str){kept, KEY}, &index, &inserted)) return no_memory(r->diag);
  if (inserted) return alb_vec_push(&t->firsts, value) ? ALB_OK : no_memory(r->diag);
  const uint32_t first = t->same[value] = t->firsts.items[index];
  free(t->numbers[value]);
  t->numbers[value] = NULL;
  if (t->tensors[first].type != tensor->type || !tensor->owned) return ALB_OK;
  const uint8_t *shared = t->tensors[first].data;
  t->bytes -= alb_onnx_tensor_bytes(tensor);
  free(tensor->owned);
  tensor->owned = NULL;
  tensor->data = shared;
  return ALB_OK;
}

/* ---- running ---- */

/* The QuantizeLinear (or the dynamic one) whose dynamic numbers this node gives back, or NULL. */
static const alb_onnx_node *rounding_pair(const runner *r, const alb_onnx_node *node) {
  const alb_onnx_trace *t = r->trace;
  const bool dequantizes = node->op == ALB_ONNX_OP_DequantizeLinear || node->op == ALB_ONNX_OP_ms_DequantizeLinear;
  if (!t->options.unquantised || !dequantizes || node->inputs[0] == ALB_ONNX_NONE || !t->dynamic[node->inputs[0]])
    return NULL;
  const alb_onnx_node *from = alb_onnx_producer(r->model, node->inputs[0]);
  const bool pair = from && (from->op == ALB_ONNX_OP_QuantizeLinear || from->op == ALB_ONNX_OP_ms_QuantizeLinear ||
                             from->op == ALB_ONNX_OP_DynamicQuantizeLinear);
  return pair && has_data(&t->tensors[from->inputs[0]]) ? from : NULL;
}

/* PyTorch 1.4 joined scalars to vectors of sizes, which runtimes of the time took as vectors of one. */
static void widen_scalars(const alb_onnx_node *node, const alb_onnx_tensor **inputs, alb_onnx_tensor *room) {
  bool vectors = node->op == ALB_ONNX_OP_Concat;
  for (uint32_t i = 0; i < node->input_count; i++) vectors = vectors && inputs[i] && inputs[i]->rank <= 1;
  for (uint32_t i = 0; vectors && i < node->input_count; i++) {
    if (inputs[i]->rank == 1) continue;
    room[i] = *inputs[i];
    room[i].owned = NULL;
    room[i].rank = 1;
    room[i].dims[0] = 1;
    inputs[i] = &room[i];
  }
}

/* What is left, for one node. */
static alb_onnx_limits limits_left(const alb_onnx_trace *t) {
  const alb_onnx_trace_options *o = &t->options;
  return (alb_onnx_limits){.tensor_bytes = o->bytes ? o->bytes - t->bytes + 1 : 0,
                           .work = o->work ? o->work - t->work + 1 : 0};
}

static alb_status compute(const runner *r, const alb_onnx_node *node, alb_onnx_tensor *outputs) {
  const alb_onnx_trace *t = r->trace;
  const alb_onnx_node *pair = rounding_pair(r, node);
  if (pair) return alb_onnx_tensor_copy(r->diag, &t->tensors[pair->inputs[0]], &outputs[0]);
  const alb_onnx_tensor **inputs = calloc(node->input_count + 1, sizeof *inputs);
  alb_onnx_tensor *room = calloc(node->input_count + 1, sizeof *room);
  alb_status status = inputs && room ? ALB_OK : no_memory(r->diag);
  if (status == ALB_OK) {
    for (uint32_t i = 0; i < node->input_count; i++) {
      if (node->inputs[i] != ALB_ONNX_NONE) inputs[i] = &t->tensors[node->inputs[i]];
    }
    widen_scalars(node, inputs, room);
    const alb_onnx_limits limits = limits_left(t);
    status = alb_onnx_eval_node(r->diag, r->model, node, inputs, &limits, outputs);
  }
  free(inputs);
  free(room);
  return status;
}

/* Does a value depend on the model's inputs, apart from their shapes? */
static bool depends(const runner *r, const alb_onnx_node *node) {
  if (node->op == ALB_ONNX_OP_Shape || node->op == ALB_ONNX_OP_Size) return false;
  bool dynamic = false;
  for (uint32_t i = 0; i < node->input_count; i++) {
    dynamic = dynamic || (node->inputs[i] != ALB_ONNX_NONE && r->trace->dynamic[node->inputs[i]]);
  }
  for (uint32_t i = 0; i < node->capture_count; i++) dynamic = dynamic || r->trace->dynamic[node->captures[i]];
  return dynamic;
}

/* Counts what a node took, by its operands: products read each element of a once for every column of the result. */
static alb_status spend(const runner *r, const alb_onnx_node *node, const alb_onnx_tensor *outputs) {
  alb_onnx_trace *t = r->trace;
  const alb_onnx_trace_options *o = &t->options;
  uint64_t written = 0, read = 0;
  for (uint32_t i = 0; i < node->output_count; i++) {
    written += outputs[i].count;
    if (outputs[i].owned) t->bytes += alb_onnx_tensor_bytes(&outputs[i]);
  }
  for (uint32_t i = 0; i < node->input_count; i++) {
    if (node->inputs[i] != ALB_ONNX_NONE && node->op != ALB_ONNX_OP_Gather) read += t->tensors[node->inputs[i]].count;
  }
  t->work += written + read;
  if ((!o->bytes || t->bytes <= o->bytes) && (!o->work || t->work <= o->work)) return ALB_OK;
  char label[300];
  return alb_fail(r->diag, ALB_LIMIT, "%s: the graph computes more than a model of its size needs",
                  alb_onnx_node_label(node, label));
}

static alb_status store(const runner *r, const alb_onnx_node *node, alb_onnx_tensor *outputs) {
  alb_onnx_trace *t = r->trace;
  const bool dynamic = depends(r, node);
  for (uint32_t i = 0; i < node->output_count; i++) {
    const uint32_t value = node->outputs[i];
    if (value == ALB_ONNX_NONE || has_data(&t->tensors[value])) continue;
    t->tensors[value] = outputs[i];
    outputs[i] = (alb_onnx_tensor){0};
    t->dynamic[value] = dynamic;
    if (!t->options.wanted) ALB_TRY(classify(r, value));
  }
  return ALB_OK;
}

static void drop(alb_onnx_trace *t, uint32_t value) {
  const bool owned = t->tensors[value].owned != NULL;
  free(t->numbers[value]);
  t->numbers[value] = NULL;
  if (!owned) return;
  t->bytes -= alb_onnx_tensor_bytes(&t->tensors[value]);
  free(t->tensors[value].owned);
  t->tensors[value].owned = NULL;
  t->tensors[value].data = NULL;
}

/* After its last use a value goes: when it is not wanted, or when it is a large constant. */
static void release(alb_onnx_trace *t, uint32_t value) {
  if (value == ALB_ONNX_NONE || t->left[value] == 0 || --t->left[value] > 0) return;
  const bool spent =
      t->options.wanted ? !t->options.wanted[value] : !t->dynamic[value] && t->tensors[value].count > LARGE;
  if (spent && t->model->values.items[value].constant == ALB_ONNX_NONE) drop(t, value);
}

static alb_status run_node(const runner *r, const alb_onnx_node *node, bool again) {
  alb_onnx_tensor *outputs = calloc(node->output_count + 1, sizeof *outputs);
  if (!outputs) return no_memory(r->diag);
  alb_status status = compute(r, node, outputs);
  if (status == ALB_OK) status = spend(r, node, outputs);
  if (status == ALB_OK) status = store(r, node, outputs);
  for (uint32_t i = 0; i < node->output_count; i++) alb_onnx_tensor_free(&outputs[i]);
  free(outputs);
  if (status != ALB_OK || again) return status;
  for (uint32_t i = 0; i < node->input_count; i++) release(r->trace, node->inputs[i]);
  for (uint32_t i = 0; i < node->capture_count; i++) release(r->trace, node->captures[i]);
  return ALB_OK;
}

/* Constants and fed inputs, borrowed. */
static alb_status set_givens(const runner *r, const alb_onnx_feed *feeds, size_t count) {
  alb_onnx_trace *t = r->trace;
  for (uint32_t v = 0; v < t->values; v++) {
    const alb_onnx_tensor *constant = alb_onnx_constant(r->model, v);
    t->same[v] = v;
    t->left[v] = r->model->values.items[v].uses;
    if (!constant) continue;
    t->tensors[v] = *constant;
    t->tensors[v].owned = NULL;
  }
  for (size_t i = 0; i < count; i++) {
    t->tensors[feeds[i].value] = *feeds[i].tensor;
    t->tensors[feeds[i].value].owned = NULL;
    t->dynamic[feeds[i].value] = feeds[i].dynamic;
  }
  const alb_onnx_graph *graph = &r->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->input_count; i++) {
    if (has_data(&t->tensors[graph->inputs[i]])) continue;
    return alb_fail(r->diag, ALB_MISSING, "the graph's input \"%.*s\" is given nothing",
                    ALB_STR_ARGS(r->model->values.items[graph->inputs[i]].name));
  }
  return ALB_OK;
}

static alb_status allocate(const runner *r) {
  alb_onnx_trace *t = r->trace;
  const size_t n = r->model->values.count + 1;
  t->values = (uint32_t)r->model->values.count;
  t->tensors = calloc(n, sizeof *t->tensors);
  t->dynamic = calloc(n, sizeof *t->dynamic);
  t->same = calloc(n, sizeof *t->same);
  t->left = calloc(n, sizeof *t->left);
  t->numbers = calloc(n, sizeof *t->numbers);
  return t->tensors && t->dynamic && t->same && t->left && t->numbers ? ALB_OK : no_memory(r->diag);
}

alb_status alb_onnx_trace_run(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_feed *feeds, size_t count,
                              const alb_onnx_trace_options *options, alb_onnx_trace *trace) {
  const runner r = {diag, model, trace};
  *trace = (alb_onnx_trace){.model = model, .options = *options};
  ALB_TRY(allocate(&r));
  ALB_TRY(set_givens(&r, feeds, count));
  const alb_onnx_graph *graph = &model->graphs.items[0];
  for (size_t i = 0; i < graph->nodes.count; i++) ALB_TRY(run_node(&r, &graph->nodes.items[i], false));
  return ALB_OK;
}

/* ---- looking ---- */

/* Computes a constant again, and before it what it is made of: a stack of values that are wanted. */
static alb_status remake(alb_diag *diag, alb_onnx_trace *trace, uint32_t value) {
  const runner r = {diag, trace->model, trace};
  uint32_t stack[64];
  size_t depth = 0, steps = 0;
  stack[depth++] = value;
  while (depth) {
    const alb_onnx_node *node = alb_onnx_producer(trace->model, stack[depth - 1]);
    if (!node || ++steps > MAX_REMAKE) return alb_fail(diag, ALB_INTERNAL, "a value of the ONNX graph was not kept");
    uint32_t needed = ALB_ONNX_NONE;
    for (uint32_t i = 0; i < node->input_count && needed == ALB_ONNX_NONE; i++) {
      const uint32_t input = node->inputs[i];
      if (input != ALB_ONNX_NONE && !has_data(&trace->tensors[input])) needed = input;
    }
    if (needed == ALB_ONNX_NONE) {
      ALB_TRY(run_node(&r, node, true));
      depth--;
    } else if (depth < sizeof stack / sizeof stack[0] && !trace->dynamic[needed]) {
      stack[depth++] = needed;
    } else {
      return alb_fail(diag, ALB_LIMIT, "a constant of the ONNX graph is computed in more than %zu steps",
                      sizeof stack / sizeof stack[0]);
    }
  }
  return ALB_OK;
}

alb_status alb_onnx_trace_tensor(alb_diag *diag, alb_onnx_trace *trace, uint32_t value, const alb_onnx_tensor **out) {
  if (!has_data(&trace->tensors[value])) ALB_TRY(remake(diag, trace, value));
  *out = &trace->tensors[value];
  return ALB_OK;
}

alb_status alb_onnx_trace_f32(alb_diag *diag, alb_onnx_trace *trace, uint32_t value, const float **out) {
  const alb_onnx_tensor *tensor;
  ALB_TRY(alb_onnx_trace_tensor(diag, trace, value, &tensor));
  *out = trace->numbers[value];
  if (*out) return ALB_OK;
  if (tensor->type == ALB_ONNX_FLOAT && (uintptr_t)tensor->data % sizeof(float) == 0 && tensor->data) {
    *out = (const float *)(const void *)tensor->data;
    return ALB_OK;
  }
  float *made = trace->numbers[value] = malloc((tensor->count ? tensor->count : 1) * sizeof *made);
  if (!made) return no_memory(diag);
  for (size_t i = 0; i < tensor->count; i++) made[i] = (float)alb_onnx_get_f64(tensor, i);
  *out = made;
  return ALB_OK;
}

void alb_onnx_trace_free(alb_onnx_trace *trace) {
  for (uint32_t v = 0; v < trace->values; v++) {
    if (trace->tensors) free(trace->tensors[v].owned);
    if (trace->numbers) free(trace->numbers[v]);
  }
  free(trace->tensors);
  free(trace->dynamic);
  free(trace->same);
  free(trace->left);
  free(trace->numbers);
  alb_strmap_free(&trace->classes);
  alb_vec_free(&trace->firsts);
  alb_arena_free(&trace->arena);
  *trace = (alb_onnx_trace){0};
}
