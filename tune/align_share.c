/* Layers are loaded, measured, aligned and measured again, and so is noise of their size. */
#include "tune/align_share.h"

#include <stdlib.h>

#include "tune/layer_view.h"

enum { SEED = 1 };

const char *alb_align_matrix_name(alb_align_matrix matrix) {
  static const char *const names[ALB_ALIGN_MATRICES] = {"query", "key", "value", "output", "up", "down"};
  return names[matrix];
}

double alb_align_excess(double rho, size_t n) {
  const double chance = 1 / (double)n;
  return (rho - chance) / (1 - chance);
}

static alb_status load(alb_diag *diag, const alb_layer_view *view, alb_layer_values *values, alb_align_layer *layers) {
  const alb_layer_table *table = view->table;
  for (size_t l = 0; l < table->layers; l++) {
    ALB_TRY(alb_layer_view_load(diag, view, table->tensors, l, true, true, &values[l]));
    for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
      layers[l].matrix[m] = values[l].part[m];
      layers[l].bias[m] = values[l].part[ALB_VIEW_BIAS + m];
    }
  }
  return ALB_OK;
}

static alb_status compare(alb_diag *diag, const alb_layer_view *view, alb_layer_values *values, alb_align_layer *layers,
                          alb_align_share *out) {
  const unsigned blocks = ALB_ALIGN_ATTENTION | ALB_ALIGN_FFN;
  const size_t n = view->table->layers;
  out->reference = n / 2; /* as a fold's */
  ALB_TRY(load(diag, view, values, layers));
  alb_align_rho(&view->dims, layers, n, out->rho);
  ALB_TRY(alb_align_null(diag, &view->dims, layers, n, out->reference, SEED, out->noise));
  ALB_TRY(alb_align_layers(diag, &view->dims, blocks, layers, n, out->reference));
  alb_align_rho(&view->dims, layers, n, out->aligned);
  out->done = true;
  return ALB_OK;
}

alb_status alb_align_share_find(alb_diag *diag, alb_graph *graph, const alb_layer_table *table, alb_align_share *out) {
  alb_layer_view view;
  *out = (alb_align_share){0};
  if (table->layers < 2 || alb_layer_table_sets(table) < 2) return ALB_OK;
  alb_layer_view_open(graph, table, &view);
  if (!view.attention || !view.ffn) return ALB_OK;
  alb_layer_values *values = calloc(table->layers, sizeof *values);
  alb_align_layer *layers = calloc(table->layers, sizeof *layers);
  const alb_status status = values && layers ? compare(diag, &view, values, layers, out)
                                             : alb_fail_memory(diag, table->layers * sizeof *layers, "layers");
  for (size_t l = 0; values && l < table->layers; l++) alb_layer_values_free(&values[l]);
  free(values);
  free(layers);
  return status;
}
