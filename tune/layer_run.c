/* The steps of a layer in the order in which the graph has them. */
#include "tune/layer_run.h"

#include <stdlib.h>
#include <string.h>

#include "graph/build_encoder.h"
#include "tune/panels.h"

static alb_status make_rows(alb_diag *diag, size_t n, float **out) {
  *out = malloc((n + 1) * sizeof **out);
  return *out ? ALB_OK : alb_fail_memory(diag, n * sizeof **out, "hidden states");
}

alb_status alb_layer_run_new(alb_diag *diag, const alb_layer_view *view, const alb_sequences *texts,
                             alb_layer_run *out) {
  *out = (alb_layer_run){.view = view, .texts = texts};
  float **rows[] = {&out->x, &out->q, &out->k, &out->v, &out->sum};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ALB_TRY(make_rows(diag, texts->tokens * view->dims.hidden, rows[i]));
  }
  const size_t hidden = view->dims.hidden, inner = view->dims.inner, wide = inner > hidden ? inner : hidden;
  const size_t narrow = alb_panels_room(wide, hidden), across = alb_panels_room(hidden, wide);
  ALB_TRY(make_rows(diag, narrow > across ? narrow : across, &out->panels));
  ALB_TRY(make_rows(diag, alb_panels_rows_room(wide), &out->scratch));
  return make_rows(diag, texts->tokens * inner, &out->inner);
}

void alb_layer_run_free(alb_layer_run *run) {
  alb_layer_values_free(&run->layer);
  free(run->x);
  free(run->q);
  free(run->k);
  free(run->v);
  free(run->sum);
  free(run->inner);
  free(run->panels);
  free(run->scratch);
}

static alb_status take_state(alb_diag *diag, alb_layer_run *run, const alb_array *hidden) {
  const size_t n = run->texts->tokens * run->view->dims.hidden;
  if (hidden->rows != run->texts->tokens || hidden->width != run->view->dims.hidden) {
    return alb_fail(diag, ALB_INTERNAL, "the state before the first layer is [%zu,%zu]", hidden->rows, hidden->width);
  }
  memcpy(run->x, hidden->f32, n * sizeof *run->x);
  return ALB_OK;
}

/* The encoder's nodes before its first call are run, by themselves. */
alb_status alb_layer_run_embed(alb_diag *diag, alb_layer_run *run) {
  alb_graph *graph = run->view->graph;
  alb_function *encoder = &graph->functions.items[alb_graph_find(graph, ALB_FN_ENCODER)];
  const size_t count = encoder->nodes.count;
  const uint32_t output = encoder->output, first = run->view->table->call_nodes[0];
  alb_array hidden = {0};
  encoder->output = encoder->nodes.items[first].operands[0].id;
  encoder->nodes.count = first;
  alb_status status = alb_interpret_encoder(diag, graph, run->texts, NULL, &hidden);
  encoder->nodes.count = count;
  encoder->output = output;
  if (status == ALB_OK) status = take_state(diag, run, &hidden);
  alb_array_free(&hidden);
  return status;
}

size_t alb_layer_run_out(const alb_layer_run *run, int matrix) {
  return alb_align_rows(&run->view->dims, (alb_align_matrix)matrix);
}

size_t alb_layer_run_in(const alb_layer_run *run, int matrix) {
  return alb_align_elements(&run->view->dims, (alb_align_matrix)matrix) / alb_layer_run_out(run, matrix);
}

void alb_layer_run_multiply(const alb_layer_run *run, int matrix, const float *x, float *out) {
  const float *const w = run->layer.part[matrix], *const bias = run->layer.part[ALB_VIEW_BIAS + matrix];
  const size_t k = alb_layer_run_in(run, matrix), n = alb_layer_run_out(run, matrix);
  alb_panels_pack((alb_grid){w, 1, k}, k, n, run->panels);
  alb_panels_rows(x, run->texts->tokens, k, run->panels, bias, n, run->scratch, out);
}

alb_status alb_layer_run_attend(alb_diag *diag, alb_layer_run *run) {
  const alb_align_dims *dims = &run->view->dims;
  ALB_TRY(alb_rows_attention(diag, run->texts, dims->hidden, dims->heads, run->q, run->k, run->v, run->sum));
  memcpy(run->q, run->sum, run->texts->tokens * dims->hidden * sizeof *run->q);
  return ALB_OK;
}

void alb_layer_run_add(alb_layer_run *run, int matrix, const float *in) {
  alb_layer_run_multiply(run, matrix, in, run->sum);
  alb_rows_add(run->sum, run->x, run->texts->tokens * run->view->dims.hidden, run->sum);
}

void alb_layer_run_norm(alb_layer_run *run, int gamma, float eps) {
  const size_t rows = run->texts->tokens, n = run->view->dims.hidden;
  alb_rows_normalize(run->sum, rows, n, eps, run->x);
  alb_rows_scale(run->x, rows, n, run->layer.part[gamma], run->layer.part[gamma + 1], run->x);
}

static alb_status give(const alb_input_tap *tap, int matrix, const float *x) {
  return tap ? tap->input(tap->context, matrix, x) : ALB_OK;
}

alb_status alb_layer_run_layer(alb_diag *diag, alb_layer_run *run, const uint32_t *tensors, size_t layer,
                               const alb_input_tap *tap) {
  float *const out[] = {run->q, run->k, run->v};
  alb_layer_values_free(&run->layer);
  ALB_TRY(alb_layer_view_load(diag, run->view, tensors, layer, true, true, &run->layer));
  for (int m = ALB_ALIGN_QUERY; m <= ALB_ALIGN_VALUE; m++) {
    ALB_TRY(give(tap, m, run->x));
    alb_layer_run_multiply(run, m, run->x, out[m]);
  }
  ALB_TRY(alb_layer_run_attend(diag, run));
  ALB_TRY(give(tap, ALB_ALIGN_OUTPUT, run->q));
  alb_layer_run_add(run, ALB_ALIGN_OUTPUT, run->q);
  alb_layer_run_norm(run, ALB_VIEW_ATTENTION_GAMMA, run->view->attention_eps);
  ALB_TRY(give(tap, ALB_ALIGN_UP, run->x));
  alb_layer_run_multiply(run, ALB_ALIGN_UP, run->x, run->inner);
  alb_rows_activate(run->inner, run->texts->tokens * run->view->dims.inner, run->view->activation, run->inner);
  ALB_TRY(give(tap, ALB_ALIGN_DOWN, run->inner));
  alb_layer_run_add(run, ALB_ALIGN_DOWN, run->inner);
  alb_layer_run_norm(run, ALB_VIEW_FFN_GAMMA, run->view->ffn_eps);
  return ALB_OK;
}
