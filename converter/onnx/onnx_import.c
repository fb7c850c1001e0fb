/* The import of an ONNX graph as one straight line: run it, recognise, bind, prove. */
#include "converter/onnx/onnx_import.h"

#include <stdlib.h>

#include "converter/onnx/onnx_bind.h"
#include "converter/onnx/onnx_prove.h"

enum { USUAL_LENGTH = 7, FEWEST_WORDS = 16 };

typedef struct import {
  alb_diag *diag;
  const alb_onnx_model *model;
  alb_onnx_inputs inputs;
  alb_onnx_trace trace;
  alb_onnx_feeds feeds;
  alb_onnx_encoder encoder;
  alb_onnx_match match;
  int64_t *ids; /* [2 * tokens]: ids, type ids */
  bool halves;
} import;

static bool quantises(const alb_onnx_node *node) {
  switch (node->op) {
    case ALB_ONNX_OP_QuantizeLinear:
    case ALB_ONNX_OP_ms_QuantizeLinear:
    case ALB_ONNX_OP_DynamicQuantizeLinear:
    case ALB_ONNX_OP_MatMulInteger:
    case ALB_ONNX_OP_QLinearMatMul:
    case ALB_ONNX_OP_ms_DynamicQuantizeMatMul:
    case ALB_ONNX_OP_ms_MatMulIntegerToFloat:
      return true;
    default:
      return false;
  }
}

static bool dequantises(const alb_onnx_node *node) {
  return quantises(node) || node->op == ALB_ONNX_OP_DequantizeLinear || node->op == ALB_ONNX_OP_ms_DequantizeLinear ||
         node->op == ALB_ONNX_OP_ms_MatMulNBits;
}

static bool any_node(const alb_onnx_model *model, bool (*is)(const alb_onnx_node *)) {
  const alb_onnx_graph *graph = &model->graphs.items[0];
  for (size_t i = 0; i < graph->nodes.count; i++) {
    if (is(&graph->nodes.items[i])) return true;
  }
  return false;
}

/* Distinct ids, and types that are not constant, below what the tables have. */
static alb_status choose_ids(import *im, size_t tokens) {
  const int64_t words = alb_onnx_inputs_rows(im->model, im->inputs.values[ALB_ONNX_INPUT_IDS], FEWEST_WORDS);
  const int64_t types = alb_onnx_inputs_rows(im->model, im->inputs.values[ALB_ONNX_INPUT_TYPES], 2);
  im->ids = calloc(2 * tokens, sizeof *im->ids);
  if (!im->ids) return alb_fail_memory(im->diag, 0, "token ids");
  for (size_t t = 0; t < tokens; t++) {
    im->ids[t] =
        (words - 1 - (int64_t)(t * (size_t)(words / (int64_t)tokens > 1 ? words / (int64_t)tokens : 1))) % words;
    if (im->ids[t] < 0) im->ids[t] += words;
    im->ids[tokens + t] = t % 3 == 1 && im->inputs.values[ALB_ONNX_INPUT_TYPES] != ALB_ONNX_NONE ? types - 1 : 0;
  }
  return ALB_OK;
}

/* Is anything computed with 16 bits? */
static bool has_halves(const import *im) {
  for (uint32_t v = 0; v < im->trace.values; v++) {
    const alb_onnx_type type = im->trace.tensors[v].type;
    if (im->trace.dynamic[v] && (type == ALB_ONNX_FLOAT16 || type == ALB_ONNX_BFLOAT16)) return true;
  }
  return false;
}

static alb_status run(import *im) {
  const size_t tokens = im->inputs.length ? im->inputs.length : USUAL_LENGTH;
  alb_onnx_trace_options options = {.unquantised = true};
  alb_onnx_inputs_bound(im->model, tokens, &options);
  ALB_TRY(choose_ids(im, tokens));
  ALB_TRY(alb_onnx_feeds_make(im->diag, im->model, &im->inputs, im->ids, im->ids + tokens, tokens, &im->feeds));
  ALB_TRY(alb_onnx_trace_run(im->diag, im->model, im->feeds.feeds, im->feeds.count, &options, &im->trace));
  im->halves = has_halves(im);
  im->match = (alb_onnx_match){.diag = im->diag,
                               .model = im->model,
                               .trace = &im->trace,
                               .tokens = tokens,
                               .ids = im->ids,
                               .type_ids = im->ids + tokens,
                               .fixed = im->inputs.length != 0,
                               .tolerance = im->halves ? 2e-2 : 2e-4,
                               .out = &im->encoder};
  return ALB_OK;
}

static alb_status prove(import *im, alb_arena *arena, const alb_model_spec *spec, alb_onnx_imported *out) {
  const alb_onnx_claim claim = {.model = im->model,
                                .inputs = &im->inputs,
                                .encoder = &im->encoder,
                                .spec = spec,
                                .seen = out->quantised ? NULL : &im->trace,
                                .ids = im->ids,
                                .tokens = im->match.tokens,
                                .tolerance = im->halves ? 2e-2 : 1e-4,
                                .cosine = out->quantised ? 0.9 : 0};
  return alb_onnx_prove(im->diag, arena, &claim, &out->worst, &out->golden_hidden);
}

alb_status alb_onnx_import(alb_diag *diag, alb_arena *arena, const alb_onnx_model *model, alb_span file,
                           alb_tensors *tensors, alb_model_spec *spec, alb_onnx_imported *out) {
import im = {.diag = diag, .model = model };
  *out = (alb_onnx_imported){.quantised = any_node(model, quantises), .dequantised = any_node(model, dequantises)};
  out->used = ALB_NEW_ARRAY(arena, bool, model->constants.count + 1);
  alb_status status = out->used ? ALB_OK : alb_fail_memory(diag, 0, "names");
  if (status == ALB_OK) status = alb_onnx_inputs_find(diag, model, &im.inputs);
  if (status == ALB_OK) status = run(&im);
  if (status == ALB_OK) status = alb_match_encoder(&im.match);
  if (status == ALB_OK) status = alb_onnx_bind(&im.match, arena, tensors, file, spec, out->used, &out->computed);
  if (status == ALB_OK) status = prove(&im, arena, spec, out);
  alb_match_free(&im.match);
  alb_vec_free(&im.encoder.layers);
  alb_onnx_trace_free(&im.trace);
  alb_onnx_feeds_free(&im.feeds);
  free(im.ids);
  return status;
}
