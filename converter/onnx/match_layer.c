/* Recognises one layer: attention, output product, LayerNorm, the two products of the FFN, LayerNorm. */
#include <stdlib.h>

#include "converter/onnx/match_attention.h"

/* The LayerNorm of a product's result and a residual; the product's bias is found with it. */
static alb_status match_block_norm(alb_onnx_match *m, const alb_onnx_product *p, uint32_t residual, alb_onnx_part *bias,
                                   alb_onnx_norm *norm) {
  const size_t width = m->out->hidden, n = m->tokens * width;
  const float *y, *x;
  bool found;
  if (p->n != width) return alb_match_refuse(m, p->node, "expected %zu columns, found %zu", width, p->n);
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, p->y, &y));
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, residual, &x));
  float *base = malloc(n * sizeof *base);
  if (!base) return alb_fail_memory(m->diag, n * sizeof *base, "a layer");
  for (size_t i = 0; i < n; i++) base[i] = y[i] + x[i];
  const alb_status status = alb_match_norm(m, p->y, base, m->tokens, width, norm, &found);
  free(base);
  ALB_TRY(status);
  if (!found) {
    return alb_match_refuse(m, p->node,
                            "expected behind it a LayerNorm of its result, its bias and what the block began with");
  }
  *bias = p->bias.value == ALB_ONNX_NONE ? norm->bias : p->bias;
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
