/* From the layers of a group to aligned layers, and back. */
#include "tune/fold_align.h"

#include <stdlib.h>
#include <string.h>

#include "tune/layer_view.h"

typedef struct aligner {
  alb_diag *diag;
  const alb_fold_job *job;
  alb_layer_view view;
  bool attention, ffn;
  bool sizes;               /* layers only become their own */
  uint32_t *before;         /* [layers, parameters]: tensors before alignment */
  alb_layer_values *values; /* [layers], of those that are first of their kind */
  alb_align_layer *layers;  /* [layers]: of a group */
} aligner;

static bool in_group(const aligner *a, size_t layer, uint32_t group) {
  return a->job->groups->group_of[layer] == group;
}

/* The first layer of the group that had the same tensors. */
static size_t first_equal(const aligner *a, size_t layer) {
  const size_t n = a->job->table->parameter_count;
  size_t l = 0;
  while (!in_group(a, l, a->job->groups->group_of[layer]) ||
         memcmp(a->before + l * n, a->before + layer * n, n * sizeof *a->before) != 0) {
    l++;
  }
  return l;
}

static alb_align_layer to_align(const alb_layer_values *values) {
  alb_align_layer layer;
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    layer.matrix[m] = values->part[m];
    layer.bias[m] = values->part[ALB_VIEW_BIAS + m];
  }
  return layer;
}

/* All fields but norms, which alignment does not change. */
static alb_status store_layer(const aligner *a, size_t layer) {
  const alb_layer_values *values = &a->values[layer];
  for (int i = 0; i < ALB_VIEW_MAX_FIELDS; i++) {
    if (!values->field[i] || alb_layer_view_is_norm(i)) continue;
    ALB_TRY(alb_layer_view_store(a->diag, &a->view, layer, i, values->field[i]));
  }
  return ALB_OK;
}

/* Layers that were equal stay so: only the first is aligned. */
static alb_status align_group(aligner *a, uint32_t group) {
  const alb_layer_table *table = a->job->table;
  const unsigned blocks = (a->attention ? ALB_ALIGN_ATTENTION : 0u) | (a->ffn ? ALB_ALIGN_FFN : 0u);
  size_t n = 0;
  for (size_t l = 0; l < table->layers; l++) {
    if (!in_group(a, l, group) || first_equal(a, l) != l) continue;
    ALB_TRY(alb_layer_view_load(a->diag, &a->view, a->before, l, a->attention, a->ffn, &a->values[l]));
    a->layers[n++] = to_align(&a->values[l]);
  }
  if (!a->sizes) ALB_TRY(alb_align_layers(a->diag, &a->view.dims, blocks, a->layers, n, n / 2));
  for (size_t l = 0; l < table->layers; l++) {
    if (!in_group(a, l, group)) continue;
    if (first_equal(a, l) == l) ALB_TRY(store_layer(a, l));
    memcpy(alb_layer_tensor(table, l, 0), alb_layer_tensor(table, first_equal(a, l), 0),
           table->parameter_count * sizeof *table->tensors);
  }
  return ALB_OK;
}

static void free_values(aligner *a) {
  for (size_t l = 0; a->values && l < a->job->table->layers; l++) alb_layer_values_free(&a->values[l]);
}

static alb_status align(aligner *a) {
  const alb_layer_table *table = a->job->table;
  const size_t bytes = table->layers * table->parameter_count * sizeof *a->before;
  a->before = malloc(bytes + 1);
  a->values = calloc(table->layers, sizeof *a->values);
  a->layers = calloc(table->layers, sizeof *a->layers);
  if (!a->before || !a->values || !a->layers) return alb_fail_memory(a->diag, bytes, "layers");
  memcpy(a->before, table->tensors, bytes);
  alb_status status = ALB_OK;
  for (uint32_t g = 0; status == ALB_OK && g < a->job->groups->count; g++) {
    status = align_group(a, g);
    free_values(a);
  }
  return status;
}

static alb_status align_job(alb_diag *diag, const alb_fold_job *job, bool sizes) {
  aligner a = {.diag = diag, .job = job, .sizes = sizes};
  alb_layer_view_open(job->graph, job->table, &a.view);
  a.attention = job->attention && a.view.attention;
  a.ffn = job->ffn && a.view.ffn;
  if (!a.attention && !a.ffn) return ALB_OK;
  const alb_status status = align(&a);
  if (job->report) job->report->aligned = true;
  free(a.before);
  free(a.values);
  free(a.layers);
  return status;
}

alb_status alb_fold_align(alb_diag *diag, void *context, const alb_fold_job *job) {
  (void)context;
  return align_job(diag, job, false);
}

alb_status alb_fold_align_sizes(alb_diag *diag, void *context, const alb_fold_job *job) {
  (void)context;
  return align_job(diag, job, true);
}
