/* Recognises what stands behind the encoder: pooler, classifiers, masked-language head, pooled outputs. */
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/match.h"

/* Marks a look-up or product as understood and says which value it gives, its own bias added. */
static alb_status take_linear(alb_onnx_match *m, alb_onnx_product *p, alb_onnx_part *weight, alb_onnx_part *bias,
                              uint32_t *y) {
  *weight = p->weight;
  *bias = p->bias;
  *y = p->y;
  p->used = true;
  return p->bias.value == ALB_ONNX_NONE ? alb_match_bias(m, p->y, p->n, bias, y) : ALB_OK;
}

/* The first token through a product and tanh. */
static alb_status match_pooler(alb_onnx_match *m, alb_onnx_product *p, uint32_t *pooled) {
  alb_onnx_encoder *out = m->out;
  alb_activation activation = ALB_ACT_TANH;
  bool found;
  ALB_TRY(alb_match_activation(m, p, ALB_ONNX_NONE, &out->pooler_b, &activation, pooled, &found));
  if (!found || p->n != out->hidden)
    return alb_match_refuse(m, p->node, "expected a pooler: a square product of the first token, a bias and tanh");
  out->pooler_w = p->weight;
  out->pooler_value = *pooled;
  p->used = true;
  return ALB_OK;
}

/* Does an output of the graph end in two numbers for every token, not split into starts and ends? */
static bool gives_pairs(const alb_onnx_match *m) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->output_count; i++) {
    const alb_onnx_tensor *t = &m->trace->tensors[graph->outputs[i]];
    if (t->count == 2 * m->tokens && t->rank && t->dims[t->rank - 1] == 2) return true;
  }
  return false;
}

static alb_status match_token_head(alb_onnx_match *m, alb_onnx_product *p) {
  alb_onnx_encoder *out = m->out;
  if (p->n == 2 && !gives_pairs(m) && out->span_w.value == ALB_ONNX_NONE)
    return take_linear(m, p, &out->span_w, &out->span_b, &out->span_value);
  if (out->classifier_w.value != ALB_ONNX_NONE)
    return alb_match_refuse(m, p->node, "a second head of classes is not supported");
  out->token_classes = true;
  out->classes = p->n;
  return take_linear(m, p, &out->classifier_w, &out->classifier_b, &out->classifier_value);
}

/* The product that ends a masked-language head: as many columns as there are words. */
static alb_onnx_product *decoder_on(const alb_onnx_match *m, uint32_t x) {
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (!p->used && p->kind == ALB_ONNX_PRODUCT && p->x == x) return p;
  }
  return NULL;
}

/* Product, bias, the layers' activation, LayerNorm, product with the words, bias. *found false: it is something else.
 */
static alb_status match_mlm(alb_onnx_match *m, alb_onnx_product *p, bool *found) {
  alb_onnx_encoder *out = m->out;
  alb_activation activation = out->activation;
  alb_onnx_part bias;
  uint32_t y;
  const float *base;
  ALB_TRY(alb_match_activation(m, p, ALB_ONNX_NONE, &bias, &activation, &y, found));
  if (!*found) return ALB_OK;
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, y, &base));
  ALB_TRY(alb_match_norm(m, y, base, m->tokens, p->n, &out->mlm_norm, found));
  alb_onnx_product *decoder = *found ? decoder_on(m, out->mlm_norm.y) : NULL;
  *found = decoder != NULL;
  if (!decoder) return ALB_OK;
  out->mlm_dense_w = p->weight;
  out->mlm_dense_b = bias;
  out->mlm_width = p->n;
  p->used = true;
  return take_linear(m, decoder, &out->mlm_decoder_w, &out->mlm_decoder_b, &out->mlm_value);
}

/* A classifier of the pooled text; beside a masked-language head it is BERT's next-sentence head, which is left. */
static alb_status match_classifier(alb_onnx_match *m, alb_onnx_product *p, bool pretraining) {
  alb_onnx_encoder *out = m->out;
  if (pretraining && p->n == 2) {
    p->used = true;
    return ALB_OK;
  }
  if (out->classifier_w.value != ALB_ONNX_NONE)
    return alb_match_refuse(m, p->node, "a second head of classes is not supported");
  out->classes = p->n;
  return take_linear(m, p, &out->classifier_w, &out->classifier_b, &out->classifier_value);
}

enum { MAX_HEADS = 16 };

static alb_status match_on_tokens(alb_onnx_match *m, uint32_t x) {
  size_t heads = 0;
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    bool mlm = false;
    if (p->used || p->x != x || p->kind != ALB_ONNX_PRODUCT) continue;
    if (++heads > MAX_HEADS) return alb_match_refuse(m, p->node, "more than %d heads", MAX_HEADS);
    if (m->out->mlm_dense_w.value == ALB_ONNX_NONE) ALB_TRY(match_mlm(m, p, &mlm));
    if (!mlm) ALB_TRY(match_token_head(m, p));
  }
  return ALB_OK;
}

static alb_status match_on_text(alb_onnx_match *m, uint32_t first) {
  const bool pretraining = m->out->mlm_dense_w.value != ALB_ONNX_NONE;
  uint32_t pooled = ALB_ONNX_NONE;
  for (size_t i = 0; i < m->products.count && first != ALB_ONNX_NONE; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (!p->used && p->kind == ALB_ONNX_PRODUCT && p->x == first && pooled == ALB_ONNX_NONE)
      ALB_TRY(match_pooler(m, p, &pooled));
  }
  for (size_t i = 0; i < m->products.count && pooled != ALB_ONNX_NONE; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (!p->used && p->kind == ALB_ONNX_PRODUCT && p->x == pooled) ALB_TRY(match_classifier(m, p, pretraining));
  }
  return ALB_OK;
}

/* ---- outputs that are one vector of the hidden size ---- */

static float pooled_number(alb_pooling pooling, const float *x, size_t tokens, size_t width, size_t i) {
  double sum = 0, highest = -INFINITY;
  for (size_t t = 0; t < tokens; t++) {
    sum += (double)x[t * width + i];
    highest = fmax(highest, (double)x[t * width + i]);
  }
  switch (pooling) {
    case ALB_POOL_CLS:
      return x[i];
    case ALB_POOL_LAST:
      return x[(tokens - 1) * width + i];
    case ALB_POOL_MAX:
      return (float)highest;
    default:
      return (float)(sum / (double)tokens);
  }
}

static void normalize(float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  const double length = fmax(sqrt(sum), 1e-12);
  for (size_t i = 0; i < n; i++) x[i] = (float)((double)x[i] / length);
}

static bool explains(const alb_onnx_match *m, alb_pooling pooling, bool normalized, const float *x, float *made,
                     const float *output) {
  const size_t width = m->out->hidden;
  for (size_t i = 0; i < width; i++) made[i] = pooled_number(pooling, x, m->tokens, width, i);
  if (normalized) normalize(made, width);
  return alb_match_error(made, output, width) <= m->tolerance;
}

static alb_status match_pooled_output(alb_onnx_match *m, uint32_t x, uint32_t output, float *made) {
  static const alb_pooling poolings[] = {ALB_POOL_MEAN, ALB_POOL_CLS, ALB_POOL_MAX, ALB_POOL_LAST};
  const float *hidden, *numbers;
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, x, &hidden));
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, output, &numbers));
  for (size_t i = 0; i < 8 && m->out->pooling == ALB_POOL_NONE; i++) {
    if (!explains(m, poolings[i / 2], i % 2, hidden, made, numbers)) continue;
    m->out->pooling = poolings[i / 2];
    m->out->pooled_value = output;
    m->out->normalize = i % 2;
  }
  return ALB_OK;
}

static alb_status match_poolings(alb_onnx_match *m, uint32_t x) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  float *made = malloc(m->out->hidden * sizeof *made);
  alb_status status = made ? ALB_OK : alb_fail_memory(m->diag, 0, "an output");
  for (uint32_t i = 0; i < graph->output_count && status == ALB_OK; i++) {
    const uint32_t v = graph->outputs[i];
    const bool vector = alb_match_count(m, v) == m->out->hidden && m->trace->dynamic[v] &&
                        alb_onnx_type_is_float(m->trace->tensors[v].type);
    if (vector && m->trace->same[v] != m->out->pooler_value) status = match_pooled_output(m, x, v, made);
  }
  free(made);
  return status;
}

/* ---- what the proof looks at: outputs of the graph, where there are such ---- */

static void prefer_output(const alb_onnx_match *m, uint32_t *value) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->output_count && *value != ALB_ONNX_NONE; i++) {
    if (m->trace->same[graph->outputs[i]] != *value) continue;
    *value = graph->outputs[i];
    return;
  }
}

/* Outputs that hold one column of the starts and ends. */
static alb_status find_columns(alb_onnx_match *m) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  const float *both, *one;
  if (m->out->span_value == ALB_ONNX_NONE) return ALB_OK;
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, m->out->span_value, &both));
  for (uint32_t i = 0; i < 2 * graph->output_count; i++) {
    const uint32_t v = graph->outputs[i / 2], column = i % 2;
    bool equal = alb_match_count(m, v) == m->tokens && alb_onnx_type_is_float(m->trace->tensors[v].type);
    if (equal) ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, v, &one));
    for (size_t t = 0; equal && t < m->tokens; t++) equal = one[t] == both[2 * t + column];
    if (equal) m->out->span_columns[column] = v;
  }
  return ALB_OK;
}

static alb_status choose_proven(alb_onnx_match *m) {
  uint32_t *const values[] = {&m->out->hidden_value, &m->out->pooler_value, &m->out->classifier_value,
                              &m->out->span_value, &m->out->mlm_value};
  ALB_TRY(find_columns(m));
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) prefer_output(m, values[i]);
  return ALB_OK;
}

/* What was not understood must not be left out in silence. */
static alb_status refuse_others(const alb_onnx_match *m) {
  for (size_t i = 0; i < m->products.count; i++) {
    const alb_onnx_product *p = &m->products.items[i];
    if (p->used || p->kind == ALB_ONNX_LOOKUP) continue;
    return alb_match_refuse(
        m, p->node,
        "a product with a [%zu, %zu] matrix belongs to no part of a BERT or ALBERT encoder and its heads that is known",
        p->k, p->n);
  }
  return ALB_OK;
}

alb_status alb_match_heads(alb_onnx_match *m, uint32_t x) {
  const float *hidden;
  uint32_t first;
  m->out->hidden_value = x;
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, x, &hidden));
  ALB_TRY(match_on_tokens(m, x));
  ALB_TRY(alb_onnx_trace_find(m->diag, m->trace, hidden, m->out->hidden, &first));
  ALB_TRY(match_on_text(m, first));
  ALB_TRY(match_poolings(m, x));
  ALB_TRY(refuse_others(m));
  return choose_proven(m);
}
