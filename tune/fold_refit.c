/* The source and the fold run side by side over the texts, one layer at a time. */
#include "tune/fold_refit.h"

#include <stdlib.h>
#include <string.h>

#include "base/low_rank.h"
#include "tune/fold_base.h"
#include "tune/fold_residual.h"
#include "tune/layer_run.h"
#include "tune/least_squares.h"

/* How much a fitted matrix is drawn to what it was, relative to the mean variance of its inputs. */
static const double ridge = 0.01;

typedef struct refitter {
  alb_diag *diag;
  const alb_fold_job *job;
  const alb_sequences *texts;
  alb_layer_view view;
  size_t layer;
  alb_layer_run source, fold;
  float *target;                            /* [tokens, hidden] */
  alb_factors factors[ALB_VIEW_MAX_FIELDS]; /* of the layer in hand; without numbers where it has none */
} refitter;

/* ---- what may be changed ---- */

static uint32_t blob_of(const refitter *f, size_t layer, int field) {
  const uint32_t id = *alb_layer_tensor(f->job->table, layer, (size_t)f->view.parameter[field]);
  return alb_blob_base(f->job->graph->tensors, f->job->graph->tensors->tensors.items[id].blob);
}

/* True when no two layers bind the same blob to the field (but, if `only`, one of them is the layer in hand). */
static bool is_own(const refitter *f, int field, bool only) {
  for (size_t a = 0; a < f->job->table->layers; a++) {
    for (size_t b = 0; b < a; b++) {
      if (only && a != f->layer && b != f->layer) continue;
      if (blob_of(f, a, field) == blob_of(f, b, field)) return false;
    }
  }
  return true;
}

/* A matrix that is the layer's alone; all layers must keep one type, so others than f32 are fitted all or not. */
static bool may_fit(const refitter *f, int matrix) {
  const int field = alb_layer_view_field(&f->view, matrix);
  const bool f32 = f->job->graph->tensors->blobs.items[blob_of(f, f->layer, field)].dtype == ALB_F32;
  return is_own(f, field, f32);
}

/* A matrix that the fold changed and that is to get factors. */
static bool has_factors(const refitter *f, int field) {
  return f->job->residual && alb_fold_lost(f->job, f->layer, (size_t)f->view.parameter[field]);
}

/* ---- one product ---- */

/* Makes product m of the fold, of inputs x[tokens, k], as near to y[tokens, n] as can be. */
static alb_status fit(refitter *f, int m, const float *x, const float *y) {
  const size_t n = alb_layer_run_out(&f->fold, m), k = alb_layer_run_in(&f->fold, m), rows = f->texts->tokens;
  float *w = f->fold.layer.part[m], *bias = f->job->norms ? NULL : f->fold.layer.part[ALB_VIEW_BIAS + m];
  if (has_factors(f, alb_layer_view_field(&f->view, m))) {
    memcpy(w, f->source.layer.part[m], n * k * sizeof *w);
    return alb_fit_linear(f->diag, x, y, rows, k, n, ridge, w, NULL);
  }
  if (may_fit(f, m)) return alb_fit_linear(f->diag, x, y, rows, k, n, ridge, w, bias);
  return bias ? alb_fit_bias(f->diag, x, y, rows, k, n, w, bias) : ALB_OK;
}

/* c[k, k] = the second moments of x, upper triangle; what x never has counts a little. */
static alb_status make_moments(const refitter *f, const float *x, size_t k, double *c) {
  double trace = 0;
  ALB_TRY(alb_fit_gram(f->diag, x, f->texts->tokens, k, c));
  for (size_t i = 0; i < k; i++) trace += c[i * k + i];
  for (size_t i = 0; i < k; i++) c[i * k + i] += trace > 0 ? ridge * trace / (double)k : 1;
  return ALB_OK;
}

/* values[n, k], which are what a field should be, become the base and the factors that are nearest to them for x. */
static alb_status narrow(refitter *f, int field, const float *x, size_t n, size_t k, double *d, double *c) {
  float *values = f->fold.layer.field[field], *base = malloc((n * k + 1) * sizeof *base);
  alb_factors *made = &f->factors[field];
  if (!base) return alb_fail_memory(f->diag, n * k * sizeof *base, "a base");
  alb_status status = alb_blob_f32(f->diag, f->job->graph->tensors, blob_of(f, f->layer, field), base);
  for (size_t i = 0; status == ALB_OK && i < n * k; i++) d[i] = (double)values[i] - (double)base[i];
  if (status == ALB_OK) status = make_moments(f, x, k, c);
  if (status == ALB_OK) status = alb_low_rank_fit(f->diag, d, n, k, c, f->job->residual, made);
  if (status == ALB_OK) {
    memcpy(values, base, n * k * sizeof *values);
    alb_low_rank_add(made->left, made->right, n, made->rank, k, values);
  }
  free(base);
  return status;
}

static alb_status make_factors(refitter *f, int field, const float *x, size_t k) {
  const uint32_t blob = blob_of(f, f->layer, field);
  const size_t n = (size_t)f->job->graph->tensors->blobs.items[blob].elements / k;
  double *d = malloc((n * k + 1) * sizeof *d), *c = calloc(k * k + 1, sizeof *c);
  const alb_status status =
      d && c ? narrow(f, field, x, n, k, d, c) : alb_fail_memory(f->diag, n * k * sizeof *d, "factors");
  free(d);
  free(c);
  return status;
}

/* Once all matrices of a field are fitted: what its factors leave of them, and a bias that fits this. */
static alb_status settle(refitter *f, int m, const float *x, const float *y) {
  const int field = alb_layer_view_field(&f->view, m);
  const size_t n = alb_layer_run_out(&f->fold, m), k = alb_layer_run_in(&f->fold, m), rows = f->texts->tokens;
  float *w = f->fold.layer.part[m], *bias = f->job->norms ? NULL : f->fold.layer.part[ALB_VIEW_BIAS + m];
  if (!has_factors(f, field)) return ALB_OK;
  if (w == f->fold.layer.field[field]) ALB_TRY(make_factors(f, field, x, k));
  return bias ? alb_fit_bias(f->diag, x, y, rows, k, n, w, bias) : ALB_OK;
}

/* ---- blocks ---- */

/* The last product of a block: the source's sum with the residual, less the fold's residual, is what it is to give. */
static alb_status fit_output(refitter *f, int m, const float *source_in, const float *fold_in) {
  const size_t n = f->texts->tokens * f->view.dims.hidden;
  alb_layer_run_add(&f->source, m, source_in);
  for (size_t i = 0; i < n; i++) f->target[i] = f->source.sum[i] - f->fold.x[i];
  ALB_TRY(fit(f, m, fold_in, f->target));
  ALB_TRY(settle(f, m, fold_in, f->target));
  alb_layer_run_add(&f->fold, m, fold_in);
  return ALB_OK;
}

/* The norm that ends a block: both sides' sums become their next hidden states. */
static void fit_norm(refitter *f, int gamma, float eps) {
  const size_t rows = f->texts->tokens, n = f->view.dims.hidden;
  float *const *part = f->fold.layer.part;
  alb_layer_run_norm(&f->source, gamma, eps);
  alb_rows_normalize(f->fold.sum, rows, n, eps, f->fold.x);
  if (!f->job->norms) alb_fit_scale(f->fold.x, f->source.x, rows, n, part[gamma], part[gamma + 1]);
  alb_rows_scale(f->fold.x, rows, n, part[gamma], part[gamma + 1], f->fold.x);
}

static alb_status attention_block(refitter *f) {
  float *const source[] = {f->source.q, f->source.k, f->source.v}, *const fold[] = {f->fold.q, f->fold.k, f->fold.v};
  for (int m = ALB_ALIGN_QUERY; m <= ALB_ALIGN_VALUE; m++) {
    alb_layer_run_multiply(&f->source, m, f->source.x, source[m]);
    ALB_TRY(fit(f, m, f->fold.x, source[m]));
  }
  for (int m = ALB_ALIGN_QUERY; m <= ALB_ALIGN_VALUE; m++) {
    ALB_TRY(settle(f, m, f->fold.x, source[m]));
    alb_layer_run_multiply(&f->fold, m, f->fold.x, fold[m]);
  }
  ALB_TRY(alb_layer_run_attend(f->diag, &f->source));
  ALB_TRY(alb_layer_run_attend(f->diag, &f->fold));
  ALB_TRY(fit_output(f, ALB_ALIGN_OUTPUT, f->source.q, f->fold.q));
  fit_norm(f, ALB_VIEW_ATTENTION_GAMMA, f->view.attention_eps);
  return ALB_OK;
}

static alb_status ffn_block(refitter *f) {
  const size_t n = f->texts->tokens * f->view.dims.inner;
  alb_layer_run_multiply(&f->source, ALB_ALIGN_UP, f->source.x, f->source.inner);
  ALB_TRY(fit(f, ALB_ALIGN_UP, f->fold.x, f->source.inner));
  ALB_TRY(settle(f, ALB_ALIGN_UP, f->fold.x, f->source.inner));
  alb_layer_run_multiply(&f->fold, ALB_ALIGN_UP, f->fold.x, f->fold.inner);
  alb_rows_activate(f->source.inner, n, f->view.activation, f->source.inner);
  alb_rows_activate(f->fold.inner, n, f->view.activation, f->fold.inner);
  ALB_TRY(fit_output(f, ALB_ALIGN_DOWN, f->source.inner, f->fold.inner));
  fit_norm(f, ALB_VIEW_FFN_GAMMA, f->view.ffn_eps);
  return ALB_OK;
}

/* ---- layers ---- */

static alb_status store_factors(refitter *f, int field) {
  const size_t p = (size_t)f->view.parameter[field];
  uint32_t *tensor = alb_layer_tensor(f->job->table, f->layer, p);
  alb_fold_note_residual(f->job);
  return alb_residual_tensor(f->diag, f->job->graph->tensors, f->job->table, f->layer, p, *tensor, &f->factors[field],
                             tensor);
}

static void drop_factors(refitter *f) {
  for (int i = 0; i < ALB_VIEW_MAX_FIELDS; i++) {
    free(f->factors[i].left);
    free(f->factors[i].right);
    f->factors[i] = (alb_factors){0};
  }
}

/* Binds what was changed. What may be fitted is asked before anything is bound, for a bound field is its layer's own.
 */
static alb_status store(refitter *f) {
  for (int i = 0; i < ALB_VIEW_MAX_FIELDS; i++) {
    const float *values = f->fold.layer.field[i];
    if (!values) continue;
    int matrix = 0;
    while (matrix < ALB_ALIGN_MATRICES && alb_layer_view_field(&f->view, matrix) != i) matrix++;
    if (f->factors[i].left) ALB_TRY(store_factors(f, i));
    const bool changed = matrix < ALB_ALIGN_MATRICES ? may_fit(f, matrix) : !f->job->norms;
    if (changed) ALB_TRY(alb_layer_view_store(f->diag, &f->view, f->layer, i, values));
  }
  return ALB_OK;
}

static alb_status refit_layer(refitter *f) {
  drop_factors(f);
  alb_layer_values_free(&f->source.layer);
  alb_layer_values_free(&f->fold.layer);
  ALB_TRY(alb_layer_view_load(f->diag, &f->view, f->job->source, f->layer, true, true, &f->source.layer));
  ALB_TRY(alb_layer_view_load(f->diag, &f->view, f->job->table->tensors, f->layer, true, true, &f->fold.layer));
  ALB_TRY(attention_block(f));
  ALB_TRY(ffn_block(f));
  return store(f);
}

static alb_status refit(refitter *f) {
  const size_t n = f->texts->tokens * f->view.dims.hidden;
  ALB_TRY(alb_layer_run_new(f->diag, &f->view, f->texts, &f->source));
  ALB_TRY(alb_layer_run_new(f->diag, &f->view, f->texts, &f->fold));
  f->target = malloc((n + 1) * sizeof *f->target);
  if (!f->target) return alb_fail_memory(f->diag, n * sizeof *f->target, "targets");
  ALB_TRY(alb_layer_run_embed(f->diag, &f->source));
  ALB_TRY(alb_fold_base(f->diag, f->job, &f->source));
  ALB_TRY(alb_layer_run_embed(f->diag, &f->source));
  memcpy(f->fold.x, f->source.x, n * sizeof *f->fold.x);
  for (f->layer = 0; f->layer < f->job->table->layers; f->layer++) ALB_TRY(refit_layer(f));
  return ALB_OK;
}

alb_status alb_fold_refit(alb_diag *diag, void *context, const alb_fold_job *job) {
  refitter f = {.diag = diag, .job = job, .texts = context};
  alb_layer_view_open(job->graph, job->table, &f.view);
  if (!f.view.attention || !f.view.ffn) {
    return alb_fail(diag, ALB_UNSUPPORTED, "layers of this structure cannot be adjusted to texts");
  }
  const alb_status status = refit(&f);
  alb_layer_run_free(&f.source);
  alb_layer_run_free(&f.fold);
  free(f.target);
  drop_factors(&f);
  if (status == ALB_OK && job->report) job->report->refitted = true;
  return status;
}
