/* The shape rules of the operators: from a node of the graph to a step of the plan. The reader has
 * checked operators, operand counts and attributes; types along the graph are checked here. */
#include "runtime/plan_ops.h"

#include "runtime/kernels/kernels.h"

enum { MAX_COLUMNS = 1 << 24, MAX_STEPS = 1 << 15 };

/* The node being planned. */
typedef struct planner {
  alb_plan_builder *b;
  const alb_plan_operand *operands;
  size_t operand_count;
  alb_step *step;
} planner;

static const alb_plan_value *value_at(const alb_plan_builder *b, uint32_t id) {
  return &b->plan->values.items[id];
}

alb_status alb_plan_add_value(alb_plan_builder *builder, alb_rows rows, alb_dtype dtype, size_t columns, uint32_t *id) {
  alb_plan *plan = builder->plan;
  if (columns == 0 || columns > MAX_COLUMNS) {
    return alb_fail(builder->diag, ALB_LIMIT, "a value of %zu columns (limit %d)", columns, MAX_COLUMNS);
  }
  const size_t row_bytes = dtype == ALB_I8 ? alb_s8_stride(columns) : columns * alb_dtype_bytes(dtype);
  const uint32_t now = (uint32_t)plan->steps.count;
  const size_t range_bytes = dtype == ALB_I8 ? alb_s8_groups(columns) * sizeof(alb_range) : 0;
  const alb_plan_value value = {rows, dtype, columns, row_bytes, range_bytes, now, now, ALB_PLACE_SHARED, 0};
  *id = (uint32_t)plan->values.count;
  if (!alb_vec_push(&plan->values, value) || !alb_vec_push(&builder->quantized, 0)) {
    return alb_fail_memory(builder->diag, sizeof value, "a plan");
  }
  return ALB_OK;
}

/* Operand i as a value of f32 rows; *v is valid until the next value is added. */
static alb_status rows_operand(planner *p, size_t i, uint32_t *id, alb_plan_value *v) {
  *v = (alb_plan_value){0};
  if (!p->operands[i].is_value) return alb_fail(p->b->diag, ALB_MALFORMED, "operand %zu must be a value", i);
  *id = p->operands[i].id;
  *v = *value_at(p->b, *id);
  if (v->dtype == ALB_F32) return ALB_OK;
  return alb_fail(p->b->diag, ALB_SHAPE, "operand %zu holds indices, not numbers", i);
}

/* Operand i as a value of f32 rows like `model`. */
static alb_status like_operand(planner *p, size_t i, const alb_plan_value *model, uint32_t *id) {
  alb_plan_value v;
  ALB_TRY(rows_operand(p, i, id, &v));
  if (v.rows == model->rows && v.columns == model->columns) return ALB_OK;
  return alb_fail(p->b->diag, ALB_SHAPE, "operand %zu has %zu columns or other rows, expected %zu columns", i,
                  v.columns, model->columns);
}

static alb_status weight_operand(planner *p, size_t i, alb_weight_use use, alb_weight **weight) {
  if (p->operands[i].is_value) return alb_fail(p->b->diag, ALB_MALFORMED, "operand %zu must be a tensor", i);
  return alb_weights_get(p->b->diag, p->b->weights, p->operands[i].id, use, weight);
}

/* Operand i as a tensor with that many columns. */
static alb_status sized_operand(planner *p, size_t i, alb_weight_use use, size_t columns, alb_weight **weight) {
  ALB_TRY(weight_operand(p, i, use, weight));
  if ((*weight)->columns == columns) return ALB_OK;
  return alb_fail(p->b->diag, ALB_SHAPE, "tensor \"%s\" has %zu columns, expected %zu", (*weight)->name,
                  (*weight)->columns, columns);
}

/* Operands i (indices, an input of the function) and t (table): rows of the table are gathered. */
static alb_status gather_operands(planner *p, size_t i, size_t t, size_t k, alb_rows *rows) {
  alb_weight **table = &p->step->tables[k];
  ALB_TRY(weight_operand(p, t, ALB_USE_TABLE, table));
  const uint32_t id = p->operands[i].id;
  if (!p->operands[i].is_value || value_at(p->b, id)->dtype != ALB_I32) {
    return alb_fail(p->b->diag, ALB_MALFORMED, "operand %zu must be indices", i);
  }
  size_t *limit = &p->b->plan->index_limit[id]; /* only inputs hold indices, and there are at most 3 */
  if ((*table)->rows < *limit) *limit = (*table)->rows;
  p->step->in[k] = id;
  *rows = value_at(p->b, id)->rows;
  return ALB_OK;
}

static alb_status emit(planner *p, alb_rows rows, alb_dtype dtype, size_t columns, uint32_t *out) {
  alb_plan *plan = p->b->plan;
  if (plan->steps.count >= MAX_STEPS) return alb_fail(p->b->diag, ALB_LIMIT, "more than %d steps", MAX_STEPS);
  ALB_TRY(alb_plan_add_value(p->b, rows, dtype, columns, out));
  p->step->out = *out;
  for (uint32_t i = 0; i < p->step->in_count; i++) {
    plan->values.items[p->step->in[i]].last = (uint32_t)plan->steps.count;
  }
  if (!alb_vec_push(&plan->steps, *p->step)) return alb_fail_memory(p->b->diag, sizeof *p->step, "a plan");
  return ALB_OK;
}

/* The quantised form of a value, made once however many products use it. */
static alb_status quantized(planner *p, uint32_t x, uint32_t *out) {
  const uint32_t known = p->b->quantized.items[x];
  if (known) {
    *out = known - 1;
    return ALB_OK;
  }
  const alb_plan_value v = *value_at(p->b, x);
  alb_step step = {.kind = ALB_STEP_QUANTIZE, .in = {x}, .in_count = 1, .layer = p->step->layer};
  planner q = {p->b, NULL, 0, &step};
  ALB_TRY(emit(&q, v.rows, ALB_I8, v.columns, out));
  p->b->quantized.items[x] = *out + 1;
  return ALB_OK;
}

static alb_status plan_embedding(planner *p, const Alb__Node *node, uint32_t *out) {
  (void)node;
  alb_rows rows = ALB_ROWS_TOKENS;
  p->step->in_count = 1;
  ALB_TRY(gather_operands(p, 0, 1, 0, &rows));
  return emit(p, rows, ALB_F32, p->step->tables[0]->columns, out);
}

static alb_status plan_add(planner *p, const Alb__Node *node, uint32_t *out) {
  (void)node;
  alb_plan_value x;
  p->step->in_count = 2;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  ALB_TRY(like_operand(p, 1, &x, &p->step->in[1]));
  return emit(p, x.rows, ALB_F32, x.columns, out);
}

static alb_status plan_linear(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  alb_step *s = p->step;
  s->in_count = 1;
  s->activation = (alb_activation)node->activation;
  ALB_TRY(rows_operand(p, 0, &s->in[0], &x));
  ALB_TRY(sized_operand(p, 1, ALB_USE_MATRIX, x.columns, &s->weight));
  if (p->operand_count > 2) ALB_TRY(sized_operand(p, 2, ALB_USE_VECTOR, s->weight->rows, &s->bias));
  if (alb_dtype_is_quantised(s->weight->dtype)) ALB_TRY(quantized(p, s->in[0], &s->in[0]));
  return emit(p, x.rows, ALB_F32, s->weight->rows, out);
}

/* gamma, beta and eps, from operand i on. */
static alb_status norm_operands(planner *p, const Alb__Node *node, size_t i, size_t columns) {
  p->step->eps = node->eps;
  ALB_TRY(sized_operand(p, i, ALB_USE_VECTOR, columns, &p->step->gamma));
  return sized_operand(p, i + 1, ALB_USE_VECTOR, columns, &p->step->beta);
}

static alb_status plan_layer_norm(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  p->step->in_count = 1;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  ALB_TRY(norm_operands(p, node, 1, x.columns));
  return emit(p, x.rows, ALB_F32, x.columns, out);
}

static alb_status plan_activation(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  p->step->in_count = 1;
  p->step->activation = (alb_activation)node->activation;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  return emit(p, x.rows, ALB_F32, x.columns, out);
}

/* q, k and v as three values, or as thirds of one value's columns. */
static alb_status plan_attention(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  alb_step *s = p->step;
  s->in_count = 3;
  s->heads = node->heads;
  ALB_TRY(rows_operand(p, 0, &s->in[0], &x));
  const bool merged = p->operand_count == 1;
  const size_t hidden = merged ? x.columns / 3 : x.columns;
  if (merged && x.columns % 3) return alb_fail(p->b->diag, ALB_SHAPE, "%zu columns do not hold q, k and v", x.columns);
  for (size_t i = 1; i < 3; i++) {
    s->in[i] = s->in[0];
    s->column[i] = merged ? i * hidden : 0;
    if (!merged) ALB_TRY(like_operand(p, i, &x, &s->in[i]));
  }
  if (x.rows != ALB_ROWS_TOKENS) return alb_fail(p->b->diag, ALB_SHAPE, "attention needs the tokens' rows");
  if (hidden % s->heads) {
    return alb_fail(p->b->diag, ALB_SHAPE, "%u heads do not divide %zu columns", s->heads, hidden);
  }
  if (hidden / s->heads > p->b->plan->head_width) p->b->plan->head_width = hidden / s->heads;
  return emit(p, x.rows, ALB_F32, hidden, out);
}

static alb_status plan_pool(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  p->step->in_count = 1;
  p->step->pooling = (alb_pooling)node->pooling;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  if (x.rows != ALB_ROWS_TOKENS) return alb_fail(p->b->diag, ALB_SHAPE, "pooling needs the tokens' rows");
  return emit(p, ALB_ROWS_SEQUENCES, ALB_F32, x.columns, out);
}

static alb_status plan_normalize(planner *p, const Alb__Node *node, uint32_t *out) {
  (void)node;
  alb_plan_value x;
  p->step->in_count = 1;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  return emit(p, x.rows, ALB_F32, x.columns, out);
}

static alb_status plan_add_norm(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_plan_value x;
  p->step->in_count = 2;
  ALB_TRY(rows_operand(p, 0, &p->step->in[0], &x));
  ALB_TRY(like_operand(p, 1, &x, &p->step->in[1]));
  ALB_TRY(norm_operands(p, node, 2, x.columns));
  return emit(p, x.rows, ALB_F32, x.columns, out);
}

static alb_status plan_embed_norm(planner *p, const Alb__Node *node, uint32_t *out) {
  alb_step *s = p->step;
  alb_rows rows[3];
  s->in_count = 3;
  for (size_t i = 0; i < 3; i++) {
    ALB_TRY(gather_operands(p, i, 3 + i, i, &rows[i]));
    if (rows[i] != rows[0] || s->tables[i]->columns != s->tables[0]->columns) {
      return alb_fail(p->b->diag, ALB_SHAPE, "table \"%s\" differs in width from \"%s\"", s->tables[i]->name,
                      s->tables[0]->name);
    }
  }
  ALB_TRY(norm_operands(p, node, 6, s->tables[0]->columns));
  return emit(p, rows[0], ALB_F32, s->tables[0]->columns, out);
}

typedef alb_status plan_rule(planner *p, const Alb__Node *node, uint32_t *out);

static const struct {
  plan_rule *rule;
  alb_work work;
} rules[ALB_STEP_COUNT] = {
#define ALB_RUNTIME_OP(id, work, name) [ALB_OP_##id] = {plan_##name, ALB_WORK_##work},
#include "runtime/ops.def"
#undef ALB_RUNTIME_OP
    [ALB_STEP_QUANTIZE] = {NULL, ALB_WORK_ROWS},
};

alb_work alb_step_work(uint32_t kind) {
  return rules[kind].work;
}

alb_status alb_plan_node(alb_plan_builder *builder, const Alb__Node *node, const alb_plan_operand *operands,
                         size_t count, uint32_t *out) {
  alb_step step = {.kind = node->op, .layer = node->layer};
  planner p = {builder, operands, count, &step};
  return rules[node->op].rule(&p, node, out);
}
