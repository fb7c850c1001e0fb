/* Recognises one layer: attention, output product, LayerNorm, the two products of the FFN, LayerNorm. */
#include <stdlib.h>

#include "converter/onnx/match_attention.h"

static alb_status add_up(alb_onnx_match *m, uint32_t a, uint32_t b, size_t n, float **sum) {
  const float *x, *y;
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, a, &x));
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, b, &y));
  *sum = malloc(n * sizeof **sum);
  if (!*sum) return alb_fail_memory(m->diag, n * sizeof **sum, "a layer");
  for (size_t i = 0; i < n; i++) (*sum)[i] = x[i] + y[i];
  return ALB_OK;
}

/* The LayerNorm of a product's result, its bias and a residual; the bias stands before the sum or in it. */
static alb_status match_block_norm(alb_onnx_match *m, const alb_onnx_product *p, uint32_t residual, alb_onnx_part *bias,
                                   alb_onnx_norm *norm) {
  const size_t width = m->out->hidden;
  uint32_t y = p->y;
  bool found;
  float *base;
  *bias = p->bias;
  if (p->n != width) return alb_match_refuse(m, p->node, "expected %zu columns, found %zu", width, p->n);
  if (bias->value == ALB_ONNX_NONE) ALB_TRY(alb_match_bias(m, p->y, width, bias, &y));
  ALB_TRY(add_up(m, y, residual, m->tokens * width, &base));
  const alb_status status = alb_match_norm(m, y, base, m->tokens, width, norm, &found);
  free(base);
  ALB_TRY(status);
  if (!found || (bias->value != ALB_ONNX_NONE && norm->bias.value != ALB_ONNX_NONE)) {
    return alb_match_refuse(m, p->node,
                            "expected behind it a LayerNorm of its result, its bias and what the block began with");
  }
  if (bias->value == ALB_ONNX_NONE) *bias = norm->bias;
  return ALB_OK;
}

/* The first unused product on a class. */
static alb_onnx_product *product_on(const alb_onnx_match *m, uint32_t x) {
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (!p->used && p->x == x && p->kind == ALB_ONNX_PRODUCT) return p;
  }
  return NULL;
}

/* The first product that takes k numbers a row among those that another one reaches. */
static alb_onnx_product *product_after(alb_onnx_match *m, const alb_onnx_product *from, size_t k) {
  alb_onnx_region region;
  uint32_t node;
  alb_region_begin(&region, m, 0);
  alb_region_add(&region, from->y);
  while ((node = alb_region_next(&region)) != ALB_ONNX_NONE) {
    if (m->product_of[node] == ALB_ONNX_NONE) continue;
    alb_onnx_product *p = &m->products.items[m->product_of[node]];
    if (!p->used && p->kind == ALB_ONNX_PRODUCT && p->k == k && p->rows == from->rows) return p;
  }
  return NULL;
}

static alb_status match_ffn(alb_onnx_match *m, uint32_t x, uint32_t before, alb_onnx_matched_layer *layer) {
  alb_onnx_product *up = product_on(m, x), *down = up ? product_after(m, up, up->n) : NULL;
  bool found;
  uint32_t y;
  alb_activation activation = ALB_ACT_NONE;
  if (!up) return alb_match_refuse(m, before, "expected a product on the LayerNorm behind it (the first of an FFN)");
  if (!down) return alb_match_refuse(m, up->node, "expected another product behind it (the second of an FFN)");
  ALB_TRY(alb_match_activation(m, up, down->x, &layer->up_b, &activation, &y, &found));
  if (!found) {
    return alb_match_refuse(m, up->node,
                            "expected a bias and an activation that is known (gelu, gelu_tanh, relu, silu, "
                            "tanh, sigmoid) between it and the next product");
  }
  if (m->out->layers.count && (activation != m->out->activation || up->n != m->out->intermediate))
    return alb_match_refuse(m, up->node, "activation or width differ from those of the layers before");
  m->out->activation = activation;
  m->out->intermediate = up->n;
  layer->up_w = up->weight;
  layer->down_w = down->weight;
  up->used = down->used = true;
  return match_block_norm(m, down, x, &layer->down_b, &layer->ffn_norm);
}

alb_status alb_match_layer(alb_onnx_match *m, uint32_t x, uint32_t *y, bool *found) {
  alb_onnx_matched_layer layer;
  alb_onnx_product *output = NULL;
  size_t heads = 0;
  memset(&layer, 0, sizeof layer);
  ALB_TRY(alb_match_attention(m, x, &layer, &heads, &output, found));
  if (!*found) return ALB_OK;
  if (m->out->layers.count && heads != m->out->heads)
    return alb_match_refuse(m, output->node, "%zu heads, the layers before have %zu", heads, m->out->heads);
  m->out->heads = heads;
  output->used = true;
  layer.output_w = output->weight;
  ALB_TRY(match_block_norm(m, output, x, &layer.output_b, &layer.attention_norm));
  ALB_TRY(match_ffn(m, layer.attention_norm.y, output->node, &layer));
  *y = layer.ffn_norm.y;
  if (!alb_vec_push(&m->out->layers, layer)) return alb_fail_memory(m->diag, sizeof layer, "a layer");
  return ALB_OK;
}
