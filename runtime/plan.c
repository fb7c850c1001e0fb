/* From a function of the graph to a flat list of steps: calls are written out, steps are gathered
 * into segments. */
#include "runtime/plan.h"

#include <stdlib.h>
#include <string.h>

#include "format/layout.h"
#include "runtime/memory_plan.h"
#include "runtime/plan_ops.h"

/* A function being walked: the entry, or a callee that is being written out. */
typedef struct frame {
  const Alb__Function *function;
  const Alb__ParameterSet *set; /* NULL for the entry */
  uint32_t *values;             /* function value -> plan value */
  size_t node;                  /* walked next */
  uint32_t layer;               /* of the call, 1 + index; 0: the nodes say it themselves */
} frame;

/* The reader has bounded the depth and the number of nodes with all calls written out. */
typedef struct inliner {
  alb_plan_builder b;
  const Alb__Manifest *manifest;
  frame frames[ALB_MAX_CALL_DEPTH + 1];
  size_t depth;
} inliner;

static alb_status add_inputs(inliner *in, const Alb__Function *function) {
  static const alb_rows kinds[] = {ALB_ROWS_TOKENS, ALB_ROWS_SEQUENCES, ALB_ROWS_CHOSEN};
  alb_plan *plan = in->b.plan;
  for (size_t i = 0; i < function->n_inputs; i++) {
    const Alb__Type *type = function->inputs[i];
    const size_t rank = type->n_dims;
    const bool indices = type->dtype == ALB_I32 && rank == 1;
    const bool numbers = type->dtype == ALB_F32 && rank == 2 && type->dims[1] > 0;
    if ((!indices && !numbers) || type->dims[0] >= 0 || type->dims[0] < -3) {
      return alb_fail(in->b.diag, ALB_SHAPE, "input %zu has a type that can't be given", i);
    }
    uint32_t id;
    const size_t columns = indices ? 1 : (size_t)type->dims[1];
    ALB_TRY(alb_plan_add_value(&in->b, kinds[-1 - type->dims[0]], (alb_dtype)type->dtype, columns, &id));
    plan->values.items[id].place = ALB_PLACE_INPUT;
    plan->values.items[id].slot = i;
  }
  plan->input_count = (uint32_t)function->n_inputs;
  return ALB_OK;
}

static alb_status push_frame(inliner *in, const Alb__Function *function, const Alb__ParameterSet *set, uint32_t layer) {
  const size_t count = function->n_inputs + function->n_nodes;
  uint32_t *values = calloc(count ? count : 1, sizeof *values);
  if (!values) return alb_fail_memory(in->b.diag, count * sizeof *values, "a plan");
  in->frames[in->depth++] = (frame){function, set, values, 0, layer};
  return ALB_OK;
}

static void pop_frame(inliner *in) {
  free(in->frames[--in->depth].values);
}

/* The callee's inputs are the call's operands; their declared types must be the values' types. */
static alb_status check_argument(inliner *in, const Alb__Type *type, uint32_t id) {
  const alb_plan_value *v = &in->b.plan->values.items[id];
  static const int64_t dims[] = {ALB_DIM_TOKENS, ALB_DIM_SEQUENCES, ALB_DIM_ROWS};
  const bool ok = type->dtype == (uint32_t)v->dtype && type->n_dims == (v->dtype == ALB_I32 ? 1 : 2) &&
                  type->dims[0] == dims[v->rows] && (type->n_dims == 1 || type->dims[1] == (int64_t)v->columns);
  return ok ? ALB_OK : alb_fail(in->b.diag, ALB_SHAPE, "a call's operand has another type than the callee's input");
}

static alb_status begin_call(inliner *in, const Alb__Node *node, const alb_plan_operand *operands, size_t count) {
  const frame *caller = &in->frames[in->depth - 1];
  const Alb__Function *callee = in->manifest->functions[node->callee];
  const uint32_t layer = caller->layer ? caller->layer : node->layer;
  const Alb__ParameterSet *set = callee->n_parameters ? in->manifest->sets[node->set] : NULL;
  ALB_TRY(push_frame(in, callee, set, layer));
  for (size_t i = 0; i < count; i++) {
    ALB_TRY(check_argument(in, callee->inputs[i], operands[i].id));
    in->frames[in->depth - 1].values[i] = operands[i].id;
  }
  return ALB_OK;
}

/* The callee's result is the value of the caller's node. */
static void end_call(inliner *in) {
  const frame *callee = &in->frames[in->depth - 1];
  const uint32_t result = callee->values[callee->function->outputs[0]];
  pop_frame(in);
  if (in->depth == 0) {
    in->b.plan->output = result;
    return;
  }
  frame *caller = &in->frames[in->depth - 1];
  caller->values[caller->function->n_inputs + caller->node++] = result;
}

static void resolve_operands(const frame *f, const Alb__Node *node, alb_plan_operand *out) {
  for (size_t i = 0; i < node->n_operands; i++) {
    const uint32_t id = node->operands[i] / 4, kind = node->operands[i] % 4;
    if (kind == ALB_OPERAND_VALUE) out[i] = (alb_plan_operand){true, f->values[id]};
    if (kind == ALB_OPERAND_TENSOR) out[i] = (alb_plan_operand){false, id};
    if (kind == ALB_OPERAND_PARAMETER) out[i] = (alb_plan_operand){false, f->set->tensors[id]};
  }
}

static alb_status walk_node(inliner *in) {
  frame *f = &in->frames[in->depth - 1];
  const Alb__Node *node = f->function->nodes[f->node];
  alb_plan_operand operands[8] = {{0}};
  if (node->n_operands > 8) return alb_fail(in->b.diag, ALB_LIMIT, "%zu operands", node->n_operands);
  resolve_operands(f, node, operands);
  if (node->op == ALB_OP_CALL) return begin_call(in, node, operands, node->n_operands);
  Alb__Node own = *node; /* with the layer of the call it stands in */
  if (f->layer) own.layer = f->layer;
  ALB_TRY(alb_plan_node(&in->b, &own, operands, node->n_operands, &f->values[f->function->n_inputs + f->node]));
  f->node++;
  return ALB_OK;
}

static alb_status walk(inliner *in) {
  while (in->depth > 0) {
    const frame *f = &in->frames[in->depth - 1];
    if (f->node == f->function->n_nodes) {
      end_call(in);
      continue;
    }
    const size_t node = f->node;
    const Alb__Function *function = f->function;
    const alb_status status = walk_node(in);
    if (status == ALB_OK) continue;
    alb_diag_prefix(in->b.diag, "function \"%s\", node %zu (%s)", function->name, node,
                    alb_op_name((alb_op)function->nodes[node]->op));
    return status;
  }
  return ALB_OK;
}

static alb_status inline_function(alb_diag *diag, alb_weights *weights, size_t id, alb_plan *plan) {
  inliner in = {.b = {.diag = diag, .weights = weights, .plan = plan},
                .manifest = alb_reader_manifest(weights->reader)};
  const Alb__Function *function = in.manifest->functions[id];
  alb_status status = add_inputs(&in, function);
  if (status == ALB_OK) status = push_frame(&in, function, NULL, 0);
  for (size_t i = 0; status == ALB_OK && i < function->n_inputs; i++) in.frames[0].values[i] = (uint32_t)i;
  if (status == ALB_OK) status = walk(&in);
  while (in.depth > 0) pop_frame(&in);
  alb_vec_free(&in.b.quantized);
  if (status == ALB_OK && plan->output < plan->input_count) {
    return alb_fail(diag, ALB_MALFORMED, "function \"%s\" returns its input", function->name);
  }
  return status;
}

/* Steps whose rows are independent of each other stay together; others stand alone. */
static alb_status make_segments(alb_diag *diag, alb_plan *plan) {
  for (size_t i = 0; i < plan->steps.count; i++) {
    const alb_step *step = &plan->steps.items[i];
    const alb_rows rows = plan->values.items[step->out].rows;
    const alb_work work = alb_step_work(step->kind);
    const bool by_rows = work == ALB_WORK_ROWS || work == ALB_WORK_COLUMNS;
    alb_segment *last = plan->segments.count ? &plan->segments.items[plan->segments.count - 1] : NULL;
    if (by_rows && last && last->work == ALB_WORK_ROWS && last->rows == rows) {
      last->count++;
    } else if (!alb_vec_push(&plan->segments, (alb_segment){(uint32_t)i, 1, by_rows ? ALB_WORK_ROWS : work, rows})) {
      return alb_fail_memory(diag, sizeof *last, "a plan");
    }
  }
  return ALB_OK;
}

static bool can_be_tapped(const alb_plan *plan, uint32_t value) {
  const alb_plan_value *v = &plan->values.items[value], *out = &plan->values.items[plan->output];
  return v->dtype == ALB_F32 && v->rows == out->rows && v->columns == out->columns;
}

/* The values at which the layer changes from one step to the next. */
static alb_status find_taps(alb_diag *diag, alb_plan *plan) {
  for (size_t i = 1; i <= plan->steps.count; i++) {
    const alb_step *step = &plan->steps.items[i - 1];
    const uint32_t next = i < plan->steps.count ? plan->steps.items[i].layer : 0;
    if (step->layer == next || !can_be_tapped(plan, step->out)) continue;
    if (!alb_vec_push(&plan->taps, step->out)) return alb_fail_memory(diag, sizeof next, "a plan");
  }
  return ALB_OK;
}

/* Attention's multiply-adds take longer than those of the large products. */
static void add_costs(alb_plan *plan) {
  static const double attention = 3;
  plan->cost.token = 1; /* at least something */
  for (size_t i = 0; i < plan->steps.count; i++) {
    const alb_step *step = &plan->steps.items[i];
    if (step->weight) plan->cost.token += (double)step->weight->rows * (double)step->weight->columns;
    if (step->heads) plan->cost.pair += attention * 2 * (double)plan->values.items[step->out].columns;
  }
}

alb_status alb_plan_make(alb_diag *diag, alb_weights *weights, size_t id, alb_plan *plan) {
  plan->name = alb_reader_manifest(weights->reader)->functions[id]->name;
  for (size_t i = 0; i < 3; i++) plan->index_limit[i] = SIZE_MAX;
  if (alb_reader_manifest(weights->reader)->functions[id]->n_inputs > 3) {
    return alb_fail(diag, ALB_UNSUPPORTED, "function \"%s\" has more than 3 inputs", plan->name);
  }
  ALB_TRY(inline_function(diag, weights, id, plan));
  ALB_TRY(make_segments(diag, plan));
  ALB_TRY(find_taps(diag, plan));
  add_costs(plan);
  return alb_memory_plan_make(diag, plan);
}

enum { STEP_WEIGHTS = 7 };

static void weights_of(const alb_step *s, alb_weight *used[STEP_WEIGHTS]) {
  alb_weight *const all[] = {s->weight, s->bias, s->gamma, s->beta, s->tables[0], s->tables[1], s->tables[2]};
  memcpy(used, all, sizeof all);
}

alb_status alb_plan_prepare(alb_diag *diag, const alb_plan *plan, alb_weights *weights, alb_pool *pool) {
  alb_weight *used[STEP_WEIGHTS];
  size_t bytes = 0;
  for (size_t i = 0; i < plan->steps.count; i++) {
    weights_of(&plan->steps.items[i], used);
    for (size_t k = 0; k < STEP_WEIGHTS; k++) {
      if (used[k]) ALB_TRY(alb_weights_count(diag, used[k], &bytes));
    }
  }
  ALB_TRY(alb_weights_reserve(diag, weights, bytes));
  for (size_t i = 0; i < plan->steps.count; i++) {
    weights_of(&plan->steps.items[i], used);
    for (size_t k = 0; k < STEP_WEIGHTS; k++) {
      if (used[k]) ALB_TRY(alb_weights_prepare(diag, weights, used[k], pool));
    }
  }
  return ALB_OK;
}

void alb_plan_free(alb_plan *plan) {
  alb_vec_free(&plan->values);
  alb_vec_free(&plan->steps);
  alb_vec_free(&plan->segments);
  alb_vec_free(&plan->slots);
  alb_vec_free(&plan->taps);
}
