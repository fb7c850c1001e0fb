/* Recognises an encoder in a trace, part after part in the order in which the numbers flow. */
#include <stdio.h>
#include <stdlib.h>

#include "converter/onnx/match.h"

enum { MAX_PRODUCTS = 1 << 16, MAX_LAYERS = 1 << 12 };

alb_status alb_match_refuse(const alb_onnx_match *m, uint32_t node, const char *format, ...) {
  char label[300], text[300];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return alb_fail(m->diag, ALB_UNSUPPORTED, "%s: %s", alb_onnx_node_label(alb_match_node(m, node), label), text);
}

static alb_status allocate(alb_onnx_match *m) {
  const size_t values = m->model->values.count + 2, nodes = m->model->graphs.items[0].nodes.count + 1;
  m->product_of = malloc(nodes * sizeof *m->product_of);
  m->feeds_product = calloc(values, sizeof *m->feeds_product);
  m->is_output = calloc(values, sizeof *m->is_output);
  m->reached = calloc(values, sizeof *m->reached);
  m->user_begin = calloc(values, sizeof *m->user_begin);
  const bool memory = m->product_of && m->feeds_product && m->is_output && m->reached && m->user_begin;
  if (!memory) return alb_fail_memory(m->diag, 0, "the recognition");
  memset(m->product_of, 0xff, nodes * sizeof *m->product_of);
  return ALB_OK;
}

/* Calls of a counting sort: place NULL counts, else places. */
static void each_use(const alb_onnx_match *m, uint32_t *count, uint32_t *place) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->nodes.count; i++) {
    const alb_onnx_node *node = &graph->nodes.items[i];
    for (uint32_t k = 0; k < node->input_count; k++) {
      if (node->inputs[k] == ALB_ONNX_NONE) continue;
      if (place) place[count[node->inputs[k]]] = i;
      count[node->inputs[k]]++;
    }
  }
}

static alb_status list_users(alb_onnx_match *m) {
  const size_t values = m->model->values.count;
  uint32_t *next = calloc(values + 2, sizeof *next);
  if (!next) return alb_fail_memory(m->diag, 0, "the recognition");
  each_use(m, m->user_begin + 1, NULL);
  for (size_t v = 0; v < values; v++) m->user_begin[v + 1] += m->user_begin[v];
  memcpy(next, m->user_begin, (values + 1) * sizeof *next);
  m->users = calloc((size_t)m->user_begin[values] + 1, sizeof *m->users);
  if (m->users) each_use(m, next, m->users);
  free(next);
  return m->users ? ALB_OK : alb_fail_memory(m->diag, 0, "the recognition");
}

static void mark_outputs(alb_onnx_match *m) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->output_count; i++) m->is_output[m->trace->same[graph->outputs[i]]] = true;
}

static void forget(alb_onnx_encoder *out) {
  alb_onnx_part *const parts[] = {&out->word,         &out->type,          &out->position,     &out->projection_w,
                                  &out->projection_b, &out->pooler_w,      &out->pooler_b,     &out->classifier_w,
                                  &out->classifier_b, &out->span_w,        &out->span_b,       &out->mlm_dense_w,
                                  &out->mlm_dense_b,  &out->mlm_decoder_w, &out->mlm_decoder_b};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) *parts[i] = alb_onnx_no_part;
  out->pooled_value = out->span_columns[0] = out->span_columns[1] = ALB_ONNX_NONE;
  out->hidden_value = out->pooler_value = out->classifier_value = out->span_value = out->mlm_value = ALB_ONNX_NONE;
}

alb_status alb_match_encoder(alb_onnx_match *m) {
  uint32_t x;
  bool found = true;
  forget(m->out);
  ALB_TRY(allocate(m));
  ALB_TRY(list_users(m));
  mark_outputs(m);
  ALB_TRY(alb_match_products(m));
  if (m->products.count > MAX_PRODUCTS)
    return alb_fail(m->diag, ALB_LIMIT, "%zu products, the limit is %d", m->products.count, MAX_PRODUCTS);
  ALB_TRY(alb_match_embeddings(m, &x));
  while (m->out->layers.count < MAX_LAYERS) {
    ALB_TRY(alb_match_layer(m, x, &x, &found));
    if (!found) break;
  }
  if (m->out->layers.count == 0)
    return alb_match_refuse(m, m->model->values.items[x].node, "expected the products of an attention behind it");
  return alb_match_heads(m, x);
}

void alb_match_free(alb_onnx_match *m) {
  alb_vec_free(&m->products);
  free(m->product_of);
  free(m->feeds_product);
  free(m->is_output);
  free(m->reached);
  free(m->user_begin);
  free(m->users);
  *m = (alb_onnx_match){0};
}
