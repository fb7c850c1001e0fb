/* Regression to the mean of products (RegMean; Jin et al. 2023), a group of layers at a time:
 *   base = (sum of w W C) (sum of w C)^-1, w = 1 / trace(W C W^T), C the covariance of the inputs,
 * whose off-diagonal elements are made smaller: taken whole, they fit the source's inputs, which the fold's layers do
 * not get. */
#include "tune/fold_base.h"

#include <stdlib.h>
#include <string.h>

#include "tune/least_squares.h"
#include "tune/panels.h"

/* How much a base is drawn to the mean that it was, relative to the mean variance of its inputs. */
static const double ridge = 1;

/* What is left of off-diagonal elements. */
static double alpha_of(int m) {
  return m >= ALB_ALIGN_UP ? 0.5 : 0.9;
}

/* The sums of one matrix over a group. */
typedef struct sums {
  double *gram;  /* [k, k] */
  double *cross; /* [n, k] */
} sums;

typedef struct baser {
  alb_diag *diag;
  const alb_fold_job *job;
  alb_layer_run *run;
  double *covariance;            /* [k, k] of the layer in hand, for the widest input */
  int of;                        /* the matrix whose inputs' covariance that is; query, key and value have the same */
  float *narrow, *panels;        /* the same as f32, and in panels */
  float *product;                /* [n, k], for the largest matrix */
  float *scratch;                /* of that product */
  sums sums[ALB_ALIGN_MATRICES]; /* NULL: not folded */
} baser;

static uint32_t blob_of(const baser *b, const uint32_t *tensors, size_t layer, int m) {
  const alb_layer_view *view = b->run->view;
  const size_t parameter = (size_t)view->parameter[alb_layer_view_field(view, m)];
  return view->graph->tensors->tensors.items[tensors[layer * view->table->parameter_count + parameter]].blob;
}

/* True when layers of the group had different matrices and share one now. */
static bool is_folded(const baser *b, size_t first, size_t last, int m) {
  bool differ = false;
  for (size_t l = first; l <= last; l++) {
    if (blob_of(b, b->job->table->tensors, l, m) != blob_of(b, b->job->table->tensors, first, m)) return false;
    differ = differ || blob_of(b, b->job->source, l, m) != blob_of(b, b->job->source, first, m);
  }
  return differ;
}

/* covariance and panels = that of the inputs, both triangles, with smaller off-diagonal elements. */
static alb_status make_covariance(const baser *b, int m, const float *x) {
  const size_t k = alb_layer_run_in(b->run, m);
  double *c = b->covariance;
  memset(c, 0, k * k * sizeof *c);
  ALB_TRY(alb_fit_gram(b->diag, x, b->run->texts->tokens, k, c));
  for (size_t i = 0; i < k; i++) {
    for (size_t j = i + 1; j < k; j++) c[j * k + i] = c[i * k + j] *= alpha_of(m);
  }
  for (size_t i = 0; i < k * k; i++) b->narrow[i] = (float)c[i];
  alb_panels_pack((alb_grid){b->narrow, k, 1}, k, k, b->panels);
  return ALB_OK;
}

/* Adds the layer in hand to the sums of a matrix with inputs x. */
static alb_status add(void *context, int m, const float *x) {
  baser *b = context;
  const size_t k = alb_layer_run_in(b->run, m), n = alb_layer_run_out(b->run, m);
  const sums *s = &b->sums[m];
  if (m == ALB_ALIGN_QUERY) b->of = ALB_ALIGN_MATRICES; /* a new layer */
  if (!s->gram) return ALB_OK;
  if (m > ALB_ALIGN_VALUE || b->of > ALB_ALIGN_VALUE) ALB_TRY(make_covariance(b, m, x));
  b->of = m;
  const float *w = b->run->layer.part[m];
  alb_panels_rows(w, n, k, b->panels, NULL, k, b->scratch, b->product);
  double trace = 0;
  for (size_t i = 0; i < n * k; i++) trace += (double)w[i] * (double)b->product[i];
  const double weight = trace > 0 ? 1 / trace : 0;
  for (size_t i = 0; i < k * k; i++) s->gram[i] += weight * b->covariance[i];
  for (size_t i = 0; i < n * k; i++) s->cross[i] += weight * (double)b->product[i];
  return ALB_OK;
}

static alb_status begin_group(baser *b, size_t first, size_t last) {
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    const size_t k = alb_layer_run_in(b->run, m), n = alb_layer_run_out(b->run, m);
    if (!is_folded(b, first, last, m)) continue;
    b->sums[m] = (sums){calloc(k * k + 1, sizeof(double)), calloc(n * k + 1, sizeof(double))};
    if (!b->sums[m].gram || !b->sums[m].cross) return alb_fail_memory(b->diag, k * k * sizeof(double), "a base");
  }
  return ALB_OK;
}

static void drop_sums(baser *b) {
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    free(b->sums[m].gram);
    free(b->sums[m].cross);
    b->sums[m] = (sums){0};
  }
}

/* The field of the matrix in layers first .. last is bound to the first one's tensor. */
static alb_status bind(const baser *b, size_t first, size_t last, int m, const alb_layer_values *values) {
  const alb_layer_view *view = b->run->view;
  const int field = alb_layer_view_field(view, m);
  if (values->field[field] != values->part[m]) return ALB_OK; /* a part behind the first of its field */
  ALB_TRY(alb_layer_view_store(b->diag, view, first, field, values->field[field]));
  for (size_t l = first + 1; l <= last; l++) {
    *alb_layer_tensor(view->table, l, (size_t)view->parameter[field]) =
        *alb_layer_tensor(view->table, first, (size_t)view->parameter[field]);
  }
  return ALB_OK;
}

/* Where inputs say nothing, a base stays the mean that it was. */
static alb_status end_group(baser *b, size_t first, size_t last) {
  alb_layer_values base;
  ALB_TRY(alb_layer_view_load(b->diag, b->run->view, b->job->table->tensors, first, true, true, &base));
  alb_status status = ALB_OK;
  for (int m = 0; status == ALB_OK && m < ALB_ALIGN_MATRICES; m++) {
    const size_t k = alb_layer_run_in(b->run, m), n = alb_layer_run_out(b->run, m);
    if (!b->sums[m].gram) continue;
    status = alb_fit_solve(b->diag, b->sums[m].gram, b->sums[m].cross, k, n, ridge, base.part[m]);
    for (size_t i = 0; status == ALB_OK && i < n * k; i++) base.part[m][i] = (float)b->sums[m].cross[i];
  }
  for (int m = 0; status == ALB_OK && m < ALB_ALIGN_MATRICES; m++) {
    if (b->sums[m].gram) status = bind(b, first, last, m, &base);
  }
  alb_layer_values_free(&base);
  drop_sums(b);
  return status;
}

static alb_status run_groups(baser *b) {
  const uint32_t *group_of = b->job->groups->group_of;
  const alb_input_tap tap = {add, b};
  for (size_t first = 0, last; first < b->job->table->layers; first = last + 1) {
    last = first;
    while (last + 1 < b->job->table->layers && group_of[last + 1] == group_of[first]) last++;
    ALB_TRY(begin_group(b, first, last));
    for (size_t l = first; l <= last; l++) ALB_TRY(alb_layer_run_layer(b->diag, b->run, b->job->source, l, &tap));
    ALB_TRY(end_group(b, first, last));
  }
  return ALB_OK;
}

alb_status alb_fold_base(alb_diag *diag, const alb_fold_job *job, alb_layer_run *source) {
  baser b = {.diag = diag, .job = job, .run = source};
  const alb_align_dims *dims = &source->view->dims;
  const size_t widest = dims->inner > dims->hidden ? dims->inner : dims->hidden;
  b.covariance = malloc((widest * widest + 1) * sizeof(double));
  b.narrow = malloc((widest * widest + 1) * sizeof(float));
  b.panels = malloc((alb_panels_room(widest, widest) + 1) * sizeof(float));
  b.product = malloc((widest * dims->hidden + 1) * sizeof(float));
  b.scratch = malloc((alb_panels_rows_room(widest) + 1) * sizeof(float));
  const bool memory = b.covariance && b.narrow && b.panels && b.product && b.scratch;
  const alb_status status = memory ? run_groups(&b) : alb_fail_memory(diag, widest * widest * sizeof(double), "a base");
  drop_sums(&b);
  free(b.covariance);
  free(b.narrow);
  free(b.panels);
  free(b.product);
  free(b.scratch);
  return status;
}
