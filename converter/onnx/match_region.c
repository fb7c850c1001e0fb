/* Walks forward from a class through nodes that are no products, and collects the constants on the way. */
#include "converter/onnx/match.h"

void alb_region_begin(alb_onnx_region *region, alb_onnx_match *m, size_t width) {
  *region = (alb_onnx_region){.m = m, .width = width, .next = SIZE_MAX};
  m->walk++;
}

void alb_region_add(alb_onnx_region *region, uint32_t class_of) {
  const alb_onnx_match *m = region->m;
  m->reached[class_of] = m->walk;
  const uint32_t node = m->model->values.items[class_of].node;
  const size_t after = node == ALB_ONNX_NONE ? 0 : node + 1;
  if (after < region->next) region->next = after;
}

bool alb_region_reached(const alb_onnx_region *region, uint32_t value) {
  return value != ALB_ONNX_NONE && region->m->reached[region->m->trace->same[value]] == region->m->walk;
}

static void keep_vector(alb_onnx_region *region, uint32_t value, uint32_t first) {
  for (size_t i = 0; i < region->vector_count; i++) {
    if (region->vectors[i].value == value && region->vectors[i].first == first) return;
  }
  if (region->vector_count == ALB_MATCH_VECTORS) return;
  alb_onnx_part part = alb_match_whole(value);
  part.first = first;
  part.size = (uint32_t)region->width;
  region->vectors[region->vector_count++] = part;
}

static void keep_eps(alb_onnx_region *region, double value) {
  enum { ROOM = sizeof region->eps / sizeof region->eps[0] };
  const float eps = (float)value;
  if (!(eps > 0 && eps <= 0.01F)) return;
  for (size_t i = 0; i < region->eps_count; i++) {
    if (region->eps[i] == eps) return;
  }
  if (region->eps_count < ROOM) region->eps[region->eps_count++] = eps;
}

static void collect(alb_onnx_region *region, const alb_onnx_node *node) {
  const alb_onnx_match *m = region->m;
  for (uint32_t i = 0; i < node->input_count; i++) {
    const uint32_t value = node->inputs[i];
    if (alb_match_is_vector(m, value, 1)) keep_eps(region, alb_onnx_get_f64(&m->trace->tensors[value], 0));
    if (alb_match_is_vector(m, value, region->width)) keep_vector(region, value, 0);
  }
  const alb_onnx_attribute *epsilon = alb_onnx_attribute_find(node, "epsilon");
  const bool normalizes =
      node->op == ALB_ONNX_OP_LayerNormalization || node->op == ALB_ONNX_OP_ms_SkipLayerNormalization;
  if (normalizes)
    keep_eps(region, (double)(epsilon ? epsilon->f : node->op == ALB_ONNX_OP_LayerNormalization ? 1e-5F : 1e-12F));
}

static bool sees(const alb_onnx_region *region, const alb_onnx_node *node) {
  for (uint32_t i = 0; i < node->input_count; i++) {
    if (alb_region_reached(region, node->inputs[i])) return true;
  }
  return false;
}

uint32_t alb_region_next(alb_onnx_region *region) {
  alb_onnx_match *m = region->m;
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  while (region->next < graph->nodes.count) {
    const uint32_t i = (uint32_t)region->next++;
    const uint32_t product = m->product_of[i];
    if (product == ALB_ONNX_INSIDE) continue;
    if (product != ALB_ONNX_NONE) {
      if (alb_region_reached(region, m->products.items[product].x)) return i;
      continue;
    }
    const alb_onnx_node *node = &graph->nodes.items[i];
    if (!sees(region, node)) continue;
    collect(region, node);
    for (uint32_t k = 0; k < node->output_count; k++) {
      if (node->outputs[k] != ALB_ONNX_NONE && m->trace->dynamic[node->outputs[k]])
        m->reached[m->trace->same[node->outputs[k]]] = m->walk;
    }
    return i;
  }
  return ALB_ONNX_NONE;
}
