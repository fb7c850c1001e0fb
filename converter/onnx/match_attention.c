/* Recognises the attention of a layer: its three products, their biases, the number of heads. */
#include "converter/onnx/match_attention.h"

#include <math.h>
#include <stdlib.h>

typedef struct attention {
  alb_onnx_match *m;
  size_t tokens, hidden;
  uint32_t y[3];    /* classes of the three products' results; for a merged one all the same */
  float *values[3]; /* [tokens][hidden] of each, bias added; owned */
  alb_onnx_part weight[3], bias[3];
} attention;

static const size_t orders[6][3] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {2, 0, 1}, {1, 2, 0}, {2, 1, 0}};

/* Row t of head h of softmax(q k^T / sqrt(width)) v; scores: [tokens] of scratch. */
static void attend(const attention *a, const size_t order[3], size_t width, size_t t, size_t h, double *scores,
                   float *out) {
  const float *q = a->values[order[0]] + t * a->hidden + h * width;
  double highest = -INFINITY, sum = 0;
  for (size_t s = 0; s < a->tokens; s++) {
    const float *k = a->values[order[1]] + s * a->hidden + h * width;
    double dot = 0;
    for (size_t i = 0; i < width; i++) dot += (double)q[i] * (double)k[i];
    scores[s] = dot / sqrt((double)width);
    highest = fmax(highest, scores[s]);
  }
  for (size_t s = 0; s < a->tokens; s++) sum += scores[s] = exp(scores[s] - highest);
  for (size_t i = 0; i < width; i++) {
    double value = 0;
    for (size_t s = 0; s < a->tokens; s++)
      value += scores[s] * (double)a->values[order[2]][s * a->hidden + h * width + i];
    out[h * width + i] = (float)(value / sum);
  }
}

/* How far the context of this order and number of heads is from `target` in the first `rows` rows. */
static double context_error(const attention *a, const size_t order[3], size_t heads, size_t rows, const float *target,
                            double *scores, float *row) {
  double worst = 0;
  for (size_t t = 0; t < rows; t++) {
    for (size_t h = 0; h < heads; h++) attend(a, order, a->hidden / heads, t, h, scores, row);
    worst = fmax(worst, alb_match_error(row, target + t * a->hidden, a->hidden));
  }
  return worst;
}

/* An order and a number of heads, and how far its context is off. */
typedef struct guess {
  size_t order, heads; /* order: an index of `orders` */
  double error;
} guess;

/* The best guess for a context. Where tokens have become alike, as they do in deep layers of models that are not
 * trained, many guesses are as good as the right one: then it is that of the layers before. */
static guess best_guess(const attention *a, const float *target, double *scores, float *row) {
  guess best = {0, 0, INFINITY}, before = {a->m->order, a->m->out->heads, INFINITY};
  for (size_t n = 1; n <= a->hidden; n++) {
    if (a->hidden % n) continue;
    for (size_t i = 0; i < 6; i++) {
      if (context_error(a, orders[i], n, 1, target, scores, row) > 4 * a->m->tolerance) continue;
      const guess this = {i, n, context_error(a, orders[i], n, a->tokens, target, scores, row)};
      if (this.error < best.error) best = this;
      if (i == before.order && n == before.heads) before = this;
    }
  }
  const bool alike = a->m->out->layers.count && before.error <= fmax(4 * best.error, 1e-6);
  return alike ? before : best;
}

static alb_status explain(const attention *a, const float *target, guess *out) {
  double *scores = calloc(a->tokens, sizeof *scores);
  float *row = calloc(a->hidden, sizeof *row);
  const bool memory = scores && row;
  if (memory) *out = best_guess(a, target, scores, row);
  free(scores);
  free(row);
  return memory ? ALB_OK : alb_fail_memory(a->m->diag, 0, "an attention");
}

/* ---- what q, k and v are ---- */

static alb_onnx_part piece(const alb_onnx_part *whole, size_t first, size_t size) {
  alb_onnx_part part = *whole;
  if (part.value == ALB_ONNX_NONE) return part;
  part.first = (uint32_t)first;
  part.size = (uint32_t)size;
  return part;
}

static alb_status copy_columns(attention *a, size_t i, uint32_t value, size_t width, size_t first) {
  alb_onnx_matrix from;
  ALB_TRY(alb_match_matrix(a->m, value, width, &from));
  a->values[i] = malloc(a->tokens * a->hidden * sizeof(float));
  if (!a->values[i]) return alb_fail_memory(a->m->diag, 0, "an attention");
  for (size_t t = 0; t < a->tokens; t++)
    memcpy(a->values[i] + t * a->hidden, from.p + t * width + first, a->hidden * sizeof(float));
  return ALB_OK;
}

/* One product gives all three, side by side. */
static alb_status take_merged(attention *a, const alb_onnx_product *p) {
  alb_onnx_part bias = p->bias;
  uint32_t biased = p->y;
  if (bias.value == ALB_ONNX_NONE) ALB_TRY(alb_match_bias(a->m, p->y, p->n, &bias, &biased));
  for (size_t i = 0; i < 3; i++) {
    a->y[i] = biased;
    a->weight[i] = piece(&p->weight, i * a->hidden, a->hidden);
    a->bias[i] = piece(&bias, i * a->hidden, a->hidden);
    ALB_TRY(copy_columns(a, i, biased, p->n, i * a->hidden));
  }
  return ALB_OK;
}

/* A MultiHeadAttention adds the biases of all three itself. */
static void take_fused_bias(attention *a, uint32_t y, size_t i) {
  const alb_onnx_match *m = a->m;
  alb_onnx_region region;
  uint32_t node;
  alb_region_begin(&region, a->m, 0);
  alb_region_add(&region, y);
  while ((node = alb_region_next(&region)) != ALB_ONNX_NONE && m->product_of[node] == ALB_ONNX_NONE) {
    const alb_onnx_node *n = alb_match_node(m, node);
    if (n->op != ALB_ONNX_OP_ms_MultiHeadAttention) continue;
    if (n->input_count < 4 || !alb_match_is_vector(m, n->inputs[3], 3 * a->hidden)) return;
    const alb_onnx_part whole = alb_match_whole(n->inputs[3]);
    for (uint32_t k = 0; k < 3; k++) {
      if (n->inputs[k] != ALB_ONNX_NONE && m->trace->same[n->inputs[k]] == y)
        a->bias[i] = piece(&whole, k * a->hidden, a->hidden);
    }
    return;
  }
}

static alb_status add_vector(attention *a, size_t i) {
  const float *vector;
  ALB_TRY(alb_match_vector(a->m, &a->bias[i], &vector));
  for (size_t k = 0; k < a->tokens * a->hidden; k++) a->values[i][k] += vector[k % a->hidden];
  return ALB_OK;
}

static alb_status take_single(attention *a, size_t i, const alb_onnx_product *p) {
  a->y[i] = p->y;
  a->weight[i] = p->weight;
  a->bias[i] = p->bias;
  if (p->bias.value == ALB_ONNX_NONE) ALB_TRY(alb_match_bias(a->m, p->y, p->n, &a->bias[i], &a->y[i]));
  ALB_TRY(copy_columns(a, i, a->y[i], p->n, 0));
  if (a->bias[i].value != ALB_ONNX_NONE) return ALB_OK;
  take_fused_bias(a, p->y, i);
  return a->bias[i].value == ALB_ONNX_NONE ? ALB_OK : add_vector(a, i);
}

static void fill(const attention *a, const size_t order[3], alb_onnx_matched_layer *layer) {
  layer->query_w = a->weight[order[0]];
  layer->query_b = a->bias[order[0]];
  layer->key_w = a->weight[order[1]];
  layer->key_b = a->bias[order[1]];
  layer->value_w = a->weight[order[2]];
  layer->value_b = a->bias[order[2]];
}

/* Finds the product that takes the context, and with it the order and the heads. */
static alb_status find_context(attention *a, uint32_t node, alb_onnx_matched_layer *layer, size_t *heads,
                               alb_onnx_product **output) {
  alb_onnx_match *m = a->m;
  alb_onnx_region region;
  uint32_t reached, nearest = ALB_ONNX_NONE;
  alb_region_begin(&region, m, 0);
  for (size_t i = 0; i < 3; i++) alb_region_add(&region, a->y[i]);
  while ((reached = alb_region_next(&region)) != ALB_ONNX_NONE) {
    if (m->product_of[reached] == ALB_ONNX_NONE) continue;
    alb_onnx_product *p = &m->products.items[m->product_of[reached]];
    if (p->used || p->kind != ALB_ONNX_PRODUCT || p->k != a->hidden || p->rows != a->tokens) continue;
    guess found = {0, 0, INFINITY};
    const float *target;
    ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, p->x, &target));
    ALB_TRY(explain(a, target, &found));
    if (found.error <= m->tolerance) {
      fill(a, orders[found.order], layer);
      *heads = found.heads;
      m->order = found.order;
      *output = p;
      return ALB_OK;
    }
    nearest = reached;
    break;
  }
  return alb_match_refuse(
      m, nearest == ALB_ONNX_NONE ? node : nearest,
      "expected softmax(q k^T / sqrt(width of a head)) v of the three products before it, all tokens "
      "seeing all; no order and no number of heads gives these numbers");
}

/* ---- com.microsoft Attention: one node ---- */

static alb_status take_fused(alb_onnx_match *m, const alb_onnx_product *p, alb_onnx_matched_layer *layer, size_t *heads,
                             alb_onnx_product **output) {
  const alb_onnx_node *node = alb_match_node(m, p->node);
  const size_t hidden = p->n / 3;
  const int64_t stated = alb_onnx_attr_int(node, "num_heads", 0);
  const double scale = (double)alb_onnx_attr_float(node, "scale", 0);
  if (stated < 1 || hidden % (size_t)stated)
    return alb_match_refuse(m, p->node, "expected heads that divide %zu", hidden);
  *heads = (size_t)stated;
  const double usual = 1 / sqrt((double)(hidden / *heads));
  if (alb_onnx_attr_int(node, "unidirectional", 0) || alb_onnx_attr_int(node, "do_rotary", 0) ||
      (scale != 0 && fabs(scale - usual) > 1e-4 * usual)) {
    return alb_match_refuse(m, p->node, "expected softmax(q k^T / sqrt(width of a head)) v, all tokens seeing all");
  }
  alb_onnx_part *weights[] = {&layer->query_w, &layer->key_w, &layer->value_w};
  alb_onnx_part *biases[] = {&layer->query_b, &layer->key_b, &layer->value_b};
  for (size_t i = 0; i < 3; i++) {
    *weights[i] = piece(&p->weight, i * hidden, hidden);
    *biases[i] = piece(&p->bias, i * hidden, hidden);
  }
  alb_onnx_region region;
  uint32_t reached;
  alb_region_begin(&region, m, 0);
  alb_region_add(&region, p->y);
  while ((reached = alb_region_next(&region)) != ALB_ONNX_NONE) {
    if (m->product_of[reached] == ALB_ONNX_NONE) continue;
    *output = &m->products.items[m->product_of[reached]];
    if ((*output)->kind == ALB_ONNX_PRODUCT && (*output)->k == hidden && (*output)->x == p->y) return ALB_OK;
  }
  return alb_match_refuse(m, p->node, "expected a product of its output behind it");
}

/* ---- all forms ---- */

size_t alb_match_products_on(const alb_onnx_match *m, uint32_t x, alb_onnx_product **out, size_t room) {
  size_t count = 0;
  for (size_t i = 0; i < m->products.count && count < room; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (!p->used && p->x == x && (p->kind == ALB_ONNX_PRODUCT || p->kind == ALB_ONNX_ATTENTION)) out[count++] = p;
  }
  return count;
}

static void release(attention *a) {
  for (size_t i = 0; i < 3; i++) free(a->values[i]);
}

static alb_status take_products(attention *a, alb_onnx_product **on, size_t count) {
  if (count == 1) return take_merged(a, on[0]);
  for (size_t i = 0; i < 3; i++) ALB_TRY(take_single(a, i, on[i]));
  return ALB_OK;
}

size_t alb_match_choose(alb_onnx_product **on, size_t count, size_t hidden) {
  size_t single = 0;
  for (size_t i = 0; i < count; i++) {
    if (on[i]->kind == ALB_ONNX_ATTENTION || on[i]->n == 3 * hidden) {
      on[0] = on[i];
      return 1;
    }
    if (on[i]->n == hidden) on[single++] = on[i];
  }
  return single >= 3 ? 3 : 0;
}

alb_status alb_match_attention(alb_onnx_match *m, uint32_t x, alb_onnx_matched_layer *layer, size_t *heads,
                               alb_onnx_product **output, bool *found) {
  alb_onnx_product *on[8];
  attention a = {.m = m, .tokens = m->tokens, .hidden = m->out->hidden};
  const size_t count = alb_match_choose(on, alb_match_products_on(m, x, on, sizeof on / sizeof on[0]), a.hidden);
  *found = count > 0;
  if (!count) return ALB_OK;
  alb_status status;
  if (on[0]->kind == ALB_ONNX_ATTENTION) {
    status = take_fused(m, on[0], layer, heads, output);
  } else {
    status = take_products(&a, on, count);
    if (status == ALB_OK) status = find_context(&a, on[0]->node, layer, heads, output);
    release(&a);
  }
  for (size_t i = 0; i < count; i++) on[i]->used = true;
  return status;
}
