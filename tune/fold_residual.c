/* base + left right of each layer, where the base is what the fold made of a group's matrices. */
#include "tune/fold_residual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static alb_status add_factor(alb_diag *diag, alb_tensors *tensors, const float *values, size_t n, uint32_t *blob) {
  float *made;
  ALB_TRY(alb_tensors_made(diag, tensors, n, &made, blob));
  if (values) memcpy(made, values, n * sizeof *made);
  return ALB_OK;
}

alb_status alb_residual_tensor(alb_diag *diag, alb_tensors *tensors, const alb_layer_table *table, size_t layer,
                               size_t parameter, uint32_t base, const alb_factors *factors, uint32_t *tensor) {
  const alb_tensor of = tensors->tensors.items[base];
  alb_residual parts = {.base = of.blob, .base_scale = ALB_NO_BLOB};
  uint32_t inputs[4], blob;
  char name[128];
  ALB_TRY(add_factor(diag, tensors, factors->left, (size_t)of.dims[0] * factors->rank, &parts.left));
  ALB_TRY(add_factor(diag, tensors, factors->right, factors->rank * (size_t)of.dims[1], &parts.right));
  const alb_blob recipe = alb_residual_recipe(&parts, of.dims[0], of.dims[1], inputs);
  ALB_TRY(alb_tensors_recipe(diag, tensors, &recipe, &blob));
  (void)snprintf(name, sizeof name, "layer.%zu.%s", layer, table->parameters[parameter].name);
  return alb_tensors_view(diag, tensors, alb_str_of(name), 2, of.dims, blob, tensor);
}

/* What the layer shared with others before the fold. */
static uint32_t source_blob(const alb_fold_job *job, size_t layer, size_t parameter) {
  const alb_tensors *tensors = job->graph->tensors;
  return alb_blob_base(tensors,
                       tensors->tensors.items[job->source[layer * job->table->parameter_count + parameter]].blob);
}

bool alb_fold_lost(const alb_fold_job *job, size_t layer, size_t parameter) {
  const alb_layer_parameter *p = &job->table->parameters[parameter];
  if (!p->matrix || !(p->ffn ? job->ffn : job->attention)) return false;
  for (size_t l = 0; l < job->table->layers; l++) {
    if (job->groups->group_of[l] != job->groups->group_of[layer]) continue;
    if (source_blob(job, l, parameter) != source_blob(job, layer, parameter)) return true;
  }
  return false;
}

void alb_fold_note_residual(const alb_fold_job *job) {
  if (!job->report) return;
  job->report->residual = job->residual;
  job->report->residuals++;
}

/* factors of source - base. */
static alb_status factorise(alb_diag *diag, const alb_fold_job *job, const alb_tensor *base, uint32_t source,
                            alb_factors *out) {
  const size_t o = (size_t)base->dims[0], i = (size_t)base->dims[1], n = o * i;
  const alb_tensors *tensors = job->graph->tensors;
  float *was = malloc((n + 1) * sizeof *was), *is = malloc((n + 1) * sizeof *is);
  double *d = malloc((n + 1) * sizeof *d);
  alb_status status = was && is && d ? ALB_OK : alb_fail_memory(diag, n * sizeof *d, "what a fold took");
  if (status == ALB_OK) status = alb_blob_f32(diag, tensors, source, was);
  if (status == ALB_OK) status = alb_blob_f32(diag, tensors, base->blob, is);
  for (size_t k = 0; status == ALB_OK && k < n; k++) d[k] = (double)was[k] - (double)is[k];
  if (status == ALB_OK) status = alb_low_rank_fit(diag, d, o, i, NULL, job->residual, out);
  free(was);
  free(is);
  free(d);
  return status;
}

static alb_status keep(alb_diag *diag, const alb_fold_job *job, size_t layer, size_t parameter, uint32_t source) {
  uint32_t *tensor = alb_layer_tensor(job->table, layer, parameter);
  const alb_tensor base = job->graph->tensors->tensors.items[*tensor];
  alb_factors factors = {0};
  alb_status status = factorise(diag, job, &base, source, &factors);
  if (status == ALB_OK) {
    status = alb_residual_tensor(diag, job->graph->tensors, job->table, layer, parameter, *tensor, &factors, tensor);
  }
  free(factors.left);
  free(factors.right);
  alb_fold_note_residual(job);
  return status;
}

/* The first layer of the group whose matrix was the same. */
static size_t first_alike(const alb_fold_job *job, size_t layer, size_t parameter) {
  size_t l = 0;
  while (job->groups->group_of[l] != job->groups->group_of[layer] ||
         source_blob(job, l, parameter) != source_blob(job, layer, parameter))
    l++;
  return l;
}

alb_status alb_fold_residual(alb_diag *diag, const alb_fold_job *job) {
  for (size_t l = 0; l < job->table->layers; l++) {
    for (size_t p = 0; p < job->table->parameter_count; p++) {
      if (!alb_fold_lost(job, l, p)) continue;
      const size_t first = first_alike(job, l, p);
      if (first < l) *alb_layer_tensor(job->table, l, p) = *alb_layer_tensor(job->table, first, p);
      if (first == l) ALB_TRY(keep(diag, job, l, p, source_blob(job, l, p)));
    }
  }
  return ALB_OK;
}
