/* The reference interpreter: plain C, f32 values with f64 sums, one function an operator. */
#include "graph/interpret.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "graph/build_encoder.h"
#include "graph/products.h"
#include "graph/weight.h"

/* What an operator sees: its node, its arrays, and how to open its weights. */
typedef struct frame {
  alb_diag *diag;
  const alb_graph *graph;
  const alb_function *function;
  const alb_set *set; /* bound to the function's parameters; NULL for none */
  const alb_sequences *batch;
  const alb_layer_tap *tap;
  alb_array *values;
} frame;

static const alb_array *value(const frame *f, const alb_node *node, size_t operand) {
  return &f->values[node->operands[operand].id];
}

static alb_status open_weight(const frame *f, const alb_node *node, size_t operand, alb_weight *out) {
  const alb_operand o = node->operands[operand];
  const uint32_t tensor = o.kind == ALB_OPERAND_PARAMETER ? f->set->tensors[o.id] : o.id;
  return alb_weight_open(f->diag, f->graph->tensors, tensor, out);
}

/* A row-per-row output; NULL when memory is not to be had. */
static float *new_rows(const frame *f, size_t rows, size_t width, alb_array *out) {
  (void)f;
  size_t n;
  float *p = alb_mul_ok(rows, width, &n) ? calloc(n ? n : 1, sizeof *p) : NULL;
  *out = (alb_array){.rows = rows, .width = width, .f32 = p};
  return p;
}

static alb_status no_memory(const frame *f) {
  return alb_fail_memory(f->diag, 0, "a value of the interpreter");
}

/* out[i] += table[ids[i]] for every row. */
static alb_status add_rows(const frame *f, alb_weight *table, const alb_array *ids, float *out) {
  for (size_t i = 0; i < ids->rows; i++) {
    const int32_t id = ids->i32[i];
    if (id < 0 || (size_t)id >= table->rows) {
      return alb_fail(f->diag, ALB_ARGUMENT, "id %d at token %zu is outside of a table of %zu rows", id, i,
                      table->rows);
    }
    const float *row = alb_weight_row(table, (size_t)id);
    for (size_t k = 0; k < table->width; k++) out[i * table->width + k] += row[k];
  }
  return ALB_OK;
}

static alb_status gather(const frame *f, const alb_node *node, size_t ids, size_t table, alb_array *out) {
  alb_weight weight;
  alb_status status = open_weight(f, node, table, &weight);
  float *p = (float *)(uintptr_t)out->f32;
  if (status == ALB_OK && !p) {
    p = new_rows(f, value(f, node, ids)->rows, weight.width, out);
    if (!p) status = no_memory(f);
  }
  if (status == ALB_OK) status = add_rows(f, &weight, value(f, node, ids), p);
  alb_weight_close(&weight);
  return status;
}

static alb_status run_embedding(const frame *f, const alb_node *node, alb_array *out) {
  return gather(f, node, 0, 1, out);
}

static alb_status run_add(const frame *f, const alb_node *node, alb_array *out) {
  const alb_array *x = value(f, node, 0), *y = value(f, node, 1);
  float *p = new_rows(f, x->rows, x->width, out);
  if (!p) return no_memory(f);
  for (size_t i = 0; i < x->rows * x->width; i++) p[i] = x->f32[i] + y->f32[i];
  return ALB_OK;
}

double alb_activation_value(alb_activation activation, double x) {
  switch (activation) {
    case ALB_ACT_GELU:
      return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440));
    case ALB_ACT_GELU_TANH:
      return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case ALB_ACT_RELU:
      return x > 0 ? x : 0;
    case ALB_ACT_SILU:
      return x / (1.0 + exp(-x));
    case ALB_ACT_TANH:
      return tanh(x);
    case ALB_ACT_SIGMOID:
      return 1.0 / (1.0 + exp(-x));
    case ALB_ACT_NONE:
    case ALB_ACT_COUNT:
      break;
  }
  return x;
}

static void widen(const float *x, size_t n, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = (double)x[i];
}

/* Rows of a weight that are taken at a time, so that each row of x is fetched once for all of them. */
enum { BLOCK = 8 };

/* One product; each part of it has rows of the weight of its own, as float and as double. */
typedef struct product {
  const alb_node *node;
  const alb_array *x;
  const alb_weight *weight;
  const float *bias;
  double *wide;  /* [x->rows][x->width], x */
  double *wides; /* [ALB_PARALLEL_MAX][BLOCK][x->width] */
  double *sums;  /* [ALB_PARALLEL_MAX][x->rows][BLOCK] */
  float *rows;   /* [ALB_PARALLEL_MAX][x->width] */
  float *out;
} product;

/* Columns first .. first + n - 1 of the output from their sums. */
static void finish(const product *p, const double *sums, size_t first, size_t n) {
  for (size_t i = 0; i < p->x->rows; i++) {
    for (size_t k = 0; k < n; k++) {
      const double sum = sums[i * BLOCK + k] + (p->bias ? (double)p->bias[first + k] : 0.0);
      p->out[i * p->weight->rows + first + k] = (float)alb_activation_value(p->node->activation, (double)(float)sum);
    }
  }
}

/* Rows first .. last-1 of the weight, columns of the output. */
static void multiply(void *context, size_t index, size_t first, size_t last) {
  const product *p = context;
  const size_t width = p->x->width;
  const alb_products *products = alb_products_of(alb_wide_best());
  alb_weight weight = *p->weight;
  double *block = p->wides + index * BLOCK * width, *sums = p->sums + index * BLOCK * p->x->rows;
  weight.row = p->rows + index * width;
  for (size_t at = first; at < last; at += BLOCK) {
    const size_t n = last - at < BLOCK ? last - at : BLOCK;
    for (size_t k = 0; k < n; k++) widen(alb_weight_row(&weight, at + k), width, block + k * width);
    products->dots(p->wide, p->x->rows, block, n, width, sums, BLOCK);
    finish(p, sums, at, n);
  }
}

/* Numbers of multiply-adds for which a thread is worth starting. */
enum { WORTH_A_THREAD = 1 << 19 };

static alb_status multiply_rows(const frame *f, product *p) {
  const size_t width = p->x->width, work = p->x->rows * width, parts = (size_t)ALB_PARALLEL_MAX * BLOCK;
  size_t n;
  if (!alb_mul_ok(p->x->rows + parts, width + parts, &n)) return no_memory(f);
  p->wide = calloc(n ? n : 1, sizeof *p->wide);
  p->rows = calloc(ALB_PARALLEL_MAX * width + 1, sizeof *p->rows);
  const bool memory = p->wide && p->rows;
  if (memory) {
    p->wides = p->wide + work;
    p->sums = p->wides + parts * width;
    widen(p->x->f32, work, p->wide);
    alb_parallel(p->weight->rows, WORTH_A_THREAD / (work + 1) + 1, multiply, p);
  }
  free(p->wide);
  free(p->rows);
  return memory ? ALB_OK : no_memory(f);
}

static alb_status run_linear(const frame *f, const alb_node *node, alb_array *out) {
  const alb_array *x = value(f, node, 0);
  alb_weight weight = {0}, bias = {0};
  alb_status status = open_weight(f, node, 1, &weight);
  if (status == ALB_OK && node->operand_count == 3) status = open_weight(f, node, 2, &bias);
  float *p = status == ALB_OK ? new_rows(f, x->rows, weight.rows, out) : NULL;
  if (status == ALB_OK && !p) status = no_memory(f);
  if (status == ALB_OK) {
    product all = {.node = node, .x = x, .weight = &weight, .out = p};
    all.bias = bias.row ? alb_weight_row(&bias, 0) : NULL;
    status = multiply_rows(f, &all);
  }
  alb_weight_close(&weight);
  alb_weight_close(&bias);
  return status;
}

static void normalize_row(const float *x, const float *gamma, const float *beta, size_t width, double eps, float *out) {
  double mean = 0, variance = 0;
  for (size_t k = 0; k < width; k++) mean += (double)x[k];
  mean /= (double)width;
  for (size_t k = 0; k < width; k++) variance += ((double)x[k] - mean) * ((double)x[k] - mean);
  const double scale = 1.0 / sqrt(variance / (double)width + eps);
  for (size_t k = 0; k < width; k++)
    out[k] = (float)(((double)x[k] - mean) * scale * (double)gamma[k] + (double)beta[k]);
}

/* layer_norm of x, with gamma and beta at the operands from `first` on. */
static alb_status norm_rows(const frame *f, const alb_node *node, const alb_array *x, size_t first, alb_array *out) {
  alb_weight gamma = {0}, beta = {0};
  alb_status status = open_weight(f, node, first, &gamma);
  if (status == ALB_OK) status = open_weight(f, node, first + 1, &beta);
  float *p = status == ALB_OK ? new_rows(f, x->rows, x->width, out) : NULL;
  if (status == ALB_OK && !p) status = no_memory(f);
  if (p) {
    const float *g = alb_weight_row(&gamma, 0), *b = alb_weight_row(&beta, 0);
    for (size_t i = 0; i < x->rows; i++) {
      normalize_row(x->f32 + i * x->width, g, b, x->width, (double)node->eps, p + i * x->width);
    }
  }
  alb_weight_close(&gamma);
  alb_weight_close(&beta);
  return status;
}

static alb_status run_layer_norm(const frame *f, const alb_node *node, alb_array *out) {
  return norm_rows(f, node, value(f, node, 0), 1, out);
}

static alb_status run_add_norm(const frame *f, const alb_node *node, alb_array *out) {
  alb_array sum = {0};
  ALB_TRY(run_add(f, node, &sum));
  const alb_status status = norm_rows(f, node, &sum, 2, out);
  alb_array_free(&sum);
  return status;
}

static alb_status run_embed_norm(const frame *f, const alb_node *node, alb_array *out) {
  alb_array sum = {0};
  alb_status status = ALB_OK;
  for (size_t i = 0; status == ALB_OK && i < 3; i++) status = gather(f, node, i, 3 + i, &sum);
  if (status == ALB_OK) status = norm_rows(f, node, &sum, 6, out);
  alb_array_free(&sum);
  return status;
}

static alb_status run_activation(const frame *f, const alb_node *node, alb_array *out) {
  const alb_array *x = value(f, node, 0);
  float *p = new_rows(f, x->rows, x->width, out);
  if (!p) return no_memory(f);
  for (size_t i = 0; i < x->rows * x->width; i++)
    p[i] = (float)alb_activation_value(node->activation, (double)x->f32[i]);
  return ALB_OK;
}

/* q, k, v: rows of one sequence; consecutive tokens are `stride` floats apart. */
typedef struct head {
  const float *q, *k, *v;
  size_t stride, tokens, width;
} head;

static double score(const float *q, const float *k, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)q[i] * (double)k[i];
  return sum;
}

static void attend(const head *h, size_t token, double *scores, float *out) {
  double highest = -DBL_MAX, total = 0;
  for (size_t j = 0; j < h->tokens; j++) {
    scores[j] = score(h->q + token * h->stride, h->k + j * h->stride, h->width) / sqrt((double)h->width);
    if (scores[j] > highest) highest = scores[j];
  }
  for (size_t j = 0; j < h->tokens; j++) total += scores[j] = exp(scores[j] - highest);
  for (size_t d = 0; d < h->width; d++) {
    double sum = 0;
    for (size_t j = 0; j < h->tokens; j++) sum += scores[j] * (double)h->v[j * h->stride + d];
    out[d] = (float)(sum / total);
  }
}

static void attend_sequence(const head *whole, uint32_t heads, size_t width, double *scores, float *out) {
  for (uint32_t i = 0; i < heads; i++) {
    head h = *whole;
    h.q += i * h.width;
    h.k += i * h.width;
    h.v += i * h.width;
    for (size_t t = 0; t < h.tokens; t++) attend(&h, t, scores, out + t * width + i * h.width);
  }
}

static alb_status run_attention(const frame *f, const alb_node *node, alb_array *out) {
  const bool merged = node->operand_count == 1;
  const alb_array *q = value(f, node, 0);
  const size_t width = merged ? q->width / 3 : q->width;
  const float *k = merged ? q->f32 + width : value(f, node, 1)->f32;
  const float *v = merged ? q->f32 + 2 * width : value(f, node, 2)->f32;
  float *p = new_rows(f, q->rows, width, out);
  double *scores = calloc(q->rows, sizeof *scores);
  for (size_t s = 0, first = 0; p && scores && s < f->batch->sequences; first += f->batch->lengths[s++]) {
    const size_t at = first * q->width;
    const head whole = {q->f32 + at, k + at, v + at, q->width, f->batch->lengths[s], width / node->heads};
    attend_sequence(&whole, node->heads, width, scores, p + first * width);
  }
  const bool done = p && scores;
  free(scores);
  return done ? ALB_OK : no_memory(f);
}

static void pool_sequence(alb_pooling pooling, const float *x, size_t tokens, size_t width, float *out) {
  for (size_t k = 0; k < width; k++) {
    double sum = 0;
    float highest = x[k];
    for (size_t t = 0; t < tokens; t++) {
      sum += (double)x[t * width + k];
      if (x[t * width + k] > highest) highest = x[t * width + k];
    }
    if (pooling == ALB_POOL_MEAN) out[k] = (float)(sum / (double)tokens);
    if (pooling == ALB_POOL_CLS) out[k] = x[k];
    if (pooling == ALB_POOL_MAX) out[k] = highest;
    if (pooling == ALB_POOL_LAST) out[k] = x[(tokens - 1) * width + k];
  }
}

static alb_status run_pool(const frame *f, const alb_node *node, alb_array *out) {
  const alb_array *x = value(f, node, 0);
  float *p = new_rows(f, f->batch->sequences, x->width, out);
  if (!p) return no_memory(f);
  for (size_t s = 0, first = 0; s < f->batch->sequences; first += f->batch->lengths[s++]) {
    pool_sequence(node->pooling, x->f32 + first * x->width, f->batch->lengths[s], x->width, p + s * x->width);
  }
  return ALB_OK;
}

static alb_status run_normalize(const frame *f, const alb_node *node, alb_array *out) {
  const alb_array *x = value(f, node, 0);
  float *p = new_rows(f, x->rows, x->width, out);
  if (!p) return no_memory(f);
  for (size_t i = 0; i < x->rows; i++) {
    const float *row = x->f32 + i * x->width;
    const double length = fmax(sqrt(score(row, row, x->width)), 1e-12);
    for (size_t k = 0; k < x->width; k++) p[i * x->width + k] = (float)((double)row[k] / length);
  }
  return ALB_OK;
}

static alb_status run_function(const frame *outer, uint32_t function, const alb_set *set, const alb_array *inputs,
                               alb_array *output);

static alb_status run_call(const frame *f, const alb_node *node, alb_array *out) {
  alb_array inputs[ALB_MAX_OPERANDS];
  for (size_t i = 0; i < node->operand_count; i++) inputs[i] = *value(f, node, i);
  return run_function(f, node->callee, &f->graph->sets.items[node->set], inputs, out);
}

static alb_status (*const run_op[ALB_OP_COUNT])(const frame *, const alb_node *, alb_array *) = {
    [ALB_OP_EMBEDDING] = run_embedding,
    [ALB_OP_ADD] = run_add,
    [ALB_OP_LINEAR] = run_linear,
    [ALB_OP_LAYER_NORM] = run_layer_norm,
    [ALB_OP_ACTIVATION] = run_activation,
    [ALB_OP_ATTENTION] = run_attention,
    [ALB_OP_POOL] = run_pool,
    [ALB_OP_NORMALIZE] = run_normalize,
    [ALB_OP_ADD_NORM] = run_add_norm,
    [ALB_OP_EMBED_NORM] = run_embed_norm,
    [ALB_OP_CALL] = run_call,
};

static void tap_layer(const frame *f, size_t i, const alb_array *out) {
  const alb_node *node = &f->function->nodes.items[i];
  const bool last = i + 1 == f->function->nodes.count || node[1].layer != node->layer;
  if (f->tap && f->tap->layer && !f->set && node->layer != ALB_NONE && last) {
    f->tap->layer(f->tap->context, node->layer, out);
  }
}

/* Frees the operands of node i that nobody uses after it. */
static void free_spent(const frame *f, size_t i) {
  const alb_node *node = &f->function->nodes.items[i];
  for (size_t k = 0; k < node->operand_count; k++) {
    const alb_operand o = node->operands[k];
    if (o.kind != ALB_OPERAND_VALUE || o.id < f->function->input_count || o.id == f->function->output) continue;
    bool spent = true;
    for (size_t later = i + 1; spent && later < f->function->nodes.count; later++) {
      const alb_node *user = &f->function->nodes.items[later];
      for (size_t m = 0; m < user->operand_count; m++) spent = spent && !alb_operand_equal(user->operands[m], o);
    }
    if (spent) alb_array_free(&f->values[o.id]);
  }
}

static alb_status run_nodes(const frame *f) {
  for (size_t i = 0; i < f->function->nodes.count; i++) {
    const alb_node *node = &f->function->nodes.items[i];
    alb_array *out = &f->values[f->function->input_count + i];
    ALB_TRY(run_op[node->op](f, node, out));
    tap_layer(f, i, out);
    free_spent(f, i);
  }
  return ALB_OK;
}

/* A callee calls nothing (the verifier says so), so this is at most two deep. */
static alb_status run_function(const frame *outer, uint32_t function, const alb_set *set, const alb_array *inputs,
                               alb_array *output) {
  frame f = *outer;
  f.function = &f.graph->functions.items[function];
  f.set = set;
  const size_t count = f.function->input_count + f.function->nodes.count;
  f.values = calloc(count, sizeof *f.values);
  if (!f.values) return no_memory(&f);
  memcpy(f.values, inputs, f.function->input_count * sizeof *inputs);
  const alb_status status = run_nodes(&f);
  if (status == ALB_OK) {
    *output = f.values[f.function->output];
    f.values[f.function->output] = (alb_array){0};
  }
  for (size_t i = f.function->input_count; i < count; i++) alb_array_free(&f.values[i]);
  free(f.values);
  return status;
}

void alb_array_free(alb_array *array) {
  free((void *)(uintptr_t)array->f32);
  *array = (alb_array){0};
}

alb_status alb_interpret(alb_diag *diag, const alb_graph *graph, uint32_t function, const alb_sequences *batch,
                         const alb_array *inputs, const alb_layer_tap *tap, alb_array *output) {
  const frame f = {.diag = diag, .graph = graph, .batch = batch, .tap = tap};
  return run_function(&f, function, NULL, inputs, output);
}

alb_status alb_interpret_encoder(alb_diag *diag, const alb_graph *graph, const alb_sequences *batch,
                                 const alb_layer_tap *tap, alb_array *hidden) {
  const alb_array inputs[3] = {{.rows = batch->tokens, .i32 = batch->ids},
                               {.rows = batch->tokens, .i32 = batch->type_ids},
                               {.rows = batch->tokens, .i32 = batch->positions}};
  const uint32_t encoder = alb_graph_find(graph, ALB_FN_ENCODER);
  if (encoder == ALB_NONE) return alb_fail(diag, ALB_MISSING, "the graph has no function \"%s\"", ALB_FN_ENCODER);
  return alb_interpret(diag, graph, encoder, batch, inputs, tap, hidden);
}
