/* Runs single nodes and whole models: finds the operator, checks how many operands it has, frees values after use. */
#include "converter/onnx/onnx_eval.h"

#include <stdlib.h>

#include "converter/onnx/onnx_op.h"

static const struct {
  uint32_t fewest, most, outputs;
  alb_onnx_function_of_op *run;
} ops[ALB_ONNX_OP_COUNT] = {
    {0, 0, 0, NULL},
#define ALB_ONNX_OP(id, domain, name, min_in, max_in, max_out, function) \
  {min_in, max_in, max_out, alb_onnx_run_##function},
#include "converter/onnx/onnx_ops.def"
#undef ALB_ONNX_OP
};

/* The values of a running model. */
typedef struct alb_onnx_frame {
  const alb_onnx_model *model;
  alb_onnx_tensor *values; /* [values] */
  bool *ready;             /* [values] */
  uint32_t *uses_left;     /* [values] */
  uint64_t tensor_bytes, work;
} alb_onnx_frame;

static alb_status check_operands(const alb_onnx_call *c) {
  const alb_onnx_node *node = c->node;
  if (node->op == ALB_ONNX_OP_UNKNOWN) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "this operator is not known");
  if (node->input_count < ops[node->op].fewest || node->input_count > ops[node->op].most) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "has %u inputs", node->input_count);
  }
  if (node->output_count < 1 || node->output_count > ops[node->op].outputs) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "has %u outputs", node->output_count);
  }
  for (size_t i = 0; i < ops[node->op].fewest; i++) {
    if (!c->inputs[i]) return alb_onnx_refuse(c, ALB_MISSING, "input %zu is left out", i);
  }
  return ALB_OK;
}

static alb_status run_call(alb_onnx_call *c) {
  for (size_t i = 0; i < c->node->output_count; i++) c->outputs[i] = (alb_onnx_tensor){0};
  alb_status status = check_operands(c);
  if (status == ALB_OK) status = ops[c->node->op].run(c);
  for (size_t i = 0; status != ALB_OK && i < c->node->output_count; i++) alb_onnx_tensor_free(&c->outputs[i]);
  return status;
}

static uint64_t bytes_limit(const alb_onnx_limits *limits) {
  return limits && limits->tensor_bytes ? limits->tensor_bytes : (uint64_t)1 << 40;
}

static uint64_t work_limit(const alb_onnx_limits *limits) {
  return limits && limits->work ? limits->work : UINT64_MAX;
}

alb_status alb_onnx_eval_node(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_node *node,
                              const alb_onnx_tensor *const *inputs, const alb_onnx_limits *limits,
                              alb_onnx_tensor *outputs) {
  uint64_t work = work_limit(limits);
  alb_onnx_call call = {.diag = diag,
                        .model = model,
                        .node = node,
                        .inputs = inputs,
                        .outputs = outputs,
                        .tensor_bytes = bytes_limit(limits),
                        .work = &work};
  return run_call(&call);
}

/* ---- whole models ---- */

static const alb_onnx_tensor *value_of(const alb_onnx_frame *f, uint32_t id) {
  if (id == ALB_ONNX_NONE) return NULL;
  const alb_onnx_tensor *constant = alb_onnx_constant(f->model, id);
  return constant ? constant : f->ready[id] ? &f->values[id] : NULL;
}

/* One use of a value is over. */
static void release(const alb_onnx_frame *f, uint32_t id) {
  if (id == ALB_ONNX_NONE || f->uses_left[id] == 0) return;
  if (--f->uses_left[id] > 0) return;
  alb_onnx_tensor_free(&f->values[id]);
  f->ready[id] = false;
}

static void keep_outputs(const alb_onnx_frame *f, const alb_onnx_node *node, alb_onnx_tensor *outputs) {
  for (size_t i = 0; i < node->output_count; i++) {
    const uint32_t id = node->outputs[i];
    if (id == ALB_ONNX_NONE || f->uses_left[id] == 0) {
      alb_onnx_tensor_free(&outputs[i]);
      continue;
    }
    alb_onnx_tensor_free(&f->values[id]);
    f->values[id] = outputs[i];
    f->ready[id] = true;
  }
}

static alb_status run_node(alb_diag *diag, alb_onnx_frame *f, const alb_onnx_node *node) {
  const size_t in = node->input_count, out = node->output_count;
  const alb_onnx_tensor **inputs = calloc(in + 1, sizeof *inputs);
  alb_onnx_tensor *outputs = calloc(out + 1, sizeof *outputs);
  alb_status status = inputs && outputs ? ALB_OK : alb_fail_memory(diag, out * sizeof *outputs, "a node");
  alb_onnx_call call = {.diag = diag,
                        .model = f->model,
                        .node = node,
                        .inputs = inputs,
                        .outputs = outputs,
                        .tensor_bytes = f->tensor_bytes,
                        .work = &f->work,
                        .frame = f};
  for (size_t i = 0; status == ALB_OK && i < in; i++) {
    inputs[i] = value_of(f, node->inputs[i]);
    if (node->inputs[i] != ALB_ONNX_NONE && !inputs[i]) {
      status = alb_onnx_refuse(&call, ALB_UNSUPPORTED, "input %zu has no value", i);
    }
  }
  if (status == ALB_OK) status = run_call(&call);
  if (status == ALB_OK) keep_outputs(f, node, outputs);
  for (size_t i = 0; i < in; i++) release(f, node->inputs[i]);
  free((void *)inputs);
  free(outputs);
  return status;
}

static alb_status run_graph(alb_diag *diag, alb_onnx_frame *f, uint32_t graph) {
  const alb_onnx_graph *g = &f->model->graphs.items[graph];
  for (size_t i = 0; i < g->nodes.count; i++) ALB_TRY(run_node(diag, f, &g->nodes.items[i]));
  return ALB_OK;
}

/* If: the outputs of one branch's graph, copied. Subgraphs are nested at most as deep as the reader allows. */
alb_status alb_onnx_run_if(alb_onnx_call *c) {
  const alb_onnx_tensor *condition = c->inputs[0];
  if (condition->type != ALB_ONNX_BOOL || condition->count != 1) {
    return alb_onnx_refuse(c, ALB_SHAPE, "its condition must be one bool");
  }
  const alb_onnx_attribute *branch =
      alb_onnx_attribute_find(c->node, condition->data[0] ? "then_branch" : "else_branch");
  if (!branch || branch->kind != ALB_ONNX_ATTR_GRAPH) return alb_onnx_refuse(c, ALB_MISSING, "has no such branch");
  if (!c->frame) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "outside of a running model");
  ALB_TRY(run_graph(c->diag, c->frame, branch->graph));
  const alb_onnx_graph *g = &c->model->graphs.items[branch->graph];
  if (g->output_count != c->node->output_count)
    return alb_onnx_refuse(c, ALB_MALFORMED, "its branch has other outputs");
  for (size_t i = 0; i < g->output_count; i++) {
    const alb_onnx_tensor *value = value_of(c->frame, g->outputs[i]);
    if (!value) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "output %zu of its branch has no value", i);
    ALB_TRY(alb_onnx_tensor_copy(c->diag, value, &c->outputs[i]));
    release(c->frame, g->outputs[i]);
  }
  return ALB_OK;
}

static alb_status give_outputs(alb_diag *diag, const alb_onnx_frame *f, alb_onnx_tensor *outputs) {
  const alb_onnx_graph *g = &f->model->graphs.items[0];
  for (size_t i = 0; i < g->output_count; i++) {
    const alb_onnx_tensor *value = value_of(f, g->outputs[i]);
    if (!value) return alb_fail(diag, ALB_UNSUPPORTED, "onnx: output %zu has no value", i);
    ALB_TRY(alb_onnx_tensor_copy(diag, value, &outputs[i]));
  }
  return ALB_OK;
}

static alb_status start(alb_diag *diag, alb_onnx_frame *f, const alb_onnx_tensor *inputs) {
  const size_t n = f->model->values.count;
  const alb_onnx_graph *g = &f->model->graphs.items[0];
  f->values = calloc(n + 1, sizeof *f->values);
  f->ready = calloc(n + 1, sizeof *f->ready);
  f->uses_left = calloc(n + 1, sizeof *f->uses_left);
  if (!f->values || !f->ready || !f->uses_left) return alb_fail_memory(diag, n * sizeof *f->values, "values");
  for (size_t i = 0; i < n; i++) f->uses_left[i] = f->model->values.items[i].uses;
  for (size_t i = 0; i < g->input_count; i++) {
    f->values[g->inputs[i]] = inputs[i];
    f->values[g->inputs[i]].owned = NULL; /* the caller's */
    f->ready[g->inputs[i]] = true;
  }
  return ALB_OK;
}

alb_status alb_onnx_run(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_tensor *inputs,
                        const alb_onnx_limits *limits, alb_onnx_tensor *outputs) {
  alb_onnx_frame f = {.model = model, .tensor_bytes = bytes_limit(limits), .work = work_limit(limits)};
  const size_t count = model->graphs.items[0].output_count;
  for (size_t i = 0; i < count; i++) outputs[i] = (alb_onnx_tensor){0};
  alb_status status = start(diag, &f, inputs);
  if (status == ALB_OK) status = run_graph(diag, &f, 0);
  if (status == ALB_OK) status = give_outputs(diag, &f, outputs);
  for (size_t i = 0; f.values && i < model->values.count; i++) alb_onnx_tensor_free(&f.values[i]);
  for (size_t i = 0; status != ALB_OK && i < count; i++) alb_onnx_tensor_free(&outputs[i]);
  free(f.values);
  free(f.ready);
  free(f.uses_left);
  return status;
}
