/* The layers are run once to see the inputs of a layer's matrices (farther, while some of those are shared with layers
 * behind), and again with the rounded matrices for the state that the next layer gets. */
#include "tune/fit_intn.h"

#include <stdlib.h>
#include <string.h>

#include "tune/gptq.h"
#include "tune/layer_run.h"
#include "tune/least_squares.h"

/* A tensor that becomes int4, int5 or int6 in the end; before, it has the same numbers as f32, to compute with. */
typedef struct rounded {
  uint32_t tensor, codes, scales;
} rounded;

typedef struct fitter {
  alb_diag *diag;
  alb_dtype dtype; /* of the rounded matrices */
  alb_layer_table table;
  alb_layer_view view;
  alb_layer_run run;
  bool *done;                        /* [layers, matrices] */
  size_t layer, at;                  /* whose matrices are rounded, and the one that is run */
  double *gram[ALB_ALIGN_MATRICES];  /* of the layer's matrices, over all their uses */
  double *means[ALB_ALIGN_MATRICES]; /* [layers, k]: mean inputs */
  ALB_VEC(rounded) found;
} fitter;

/* ---- which matrices ---- */

static const alb_tensor *tensor_at(const fitter *f, size_t layer, int field) {
  const uint32_t id = *alb_layer_tensor(&f->table, layer, (size_t)f->view.parameter[field]);
  return &f->view.graph->tensors->tensors.items[id];
}

static bool same(const fitter *f, size_t a, size_t b, int field) {
  return tensor_at(f, a, field)->blob == tensor_at(f, b, field)->blob;
}

/* Some layer has the matrix as a base and factors. */
static bool has_factors(const fitter *f, int field) {
  bool found = false;
  for (size_t l = 0; l < f->table.layers; l++) {
    found = found || alb_blob_is_residual(f->view.graph->tensors, tensor_at(f, l, field)->blob);
  }
  return found;
}

/* A matrix that is the first of its field (which has three if they are fused) and still to be rounded. Bases are left
 * to be rounded by themselves: as other matrices than their layers' they have no inputs. */
static bool is_due(const fitter *f, int m) {
  const int field = alb_layer_view_field(&f->view, m);
  if (has_factors(f, field)) return false;
  const bool first = m == 0 || alb_layer_view_field(&f->view, m - 1) != field;
  return first && !f->done[f->layer * ALB_ALIGN_MATRICES + (size_t)m];
}

/* The layer has the same matrix as the one in hand. */
static bool uses(const fitter *f, size_t layer, int m) {
  return same(f, f->layer, layer, alb_layer_view_field(&f->view, m));
}

static size_t last_use(const fitter *f) {
  size_t last = f->layer;
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    for (size_t l = f->layer; is_due(f, m) && l < f->table.layers; l++) last = uses(f, l, m) && l > last ? l : last;
  }
  return last;
}

/* ---- inputs ---- */

static void add_means(const float *x, size_t rows, size_t k, double *mean) {
  for (size_t i = 0; i < k; i++) mean[i] = 0;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < k; i++) mean[i] += (double)x[r * k + i] / (double)rows;
  }
}

static alb_status look(void *context, int m, const float *x) {
  fitter *f = context;
  const size_t k = alb_layer_run_in(&f->run, m);
  if (!is_due(f, m) || !uses(f, f->at, m)) return ALB_OK;
  add_means(x, f->run.texts->tokens, k, f->means[m] + f->at * k);
  return alb_fit_gram(f->diag, x, f->run.texts->tokens, k, f->gram[m]);
}

static void drop_inputs(fitter *f) {
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    free(f->gram[m]);
    free(f->means[m]);
    f->gram[m] = f->means[m] = NULL;
  }
}

static alb_status new_inputs(fitter *f) {
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    const size_t k = alb_layer_run_in(&f->run, m);
    if (!is_due(f, m)) continue;
    f->gram[m] = calloc(k * k + 1, sizeof *f->gram[m]);
    f->means[m] = calloc(f->table.layers * k + 1, sizeof *f->means[m]);
    if (!f->gram[m] || !f->means[m]) return alb_fail_memory(f->diag, k * k * sizeof(double), "a Gram matrix");
  }
  return ALB_OK;
}

/* The state is the same afterwards. */
static alb_status look_at_inputs(fitter *f) {
  const size_t n = f->run.texts->tokens * f->view.dims.hidden, last = last_use(f);
  const alb_input_tap tap = {look, f};
  float *state = malloc((n + 1) * sizeof *state);
  if (!state) return alb_fail_memory(f->diag, n * sizeof *state, "hidden states");
  memcpy(state, f->run.x, n * sizeof *state);
  alb_status status = new_inputs(f);
  for (f->at = f->layer; status == ALB_OK && f->at <= last; f->at++) {
    status = alb_layer_run_layer(f->diag, &f->run, f->table.tensors, f->at, &tap);
  }
  memcpy(f->run.x, state, n * sizeof *state);
  free(state);
  return status;
}

/* ---- rounding ---- */

/* Binds the numbers to all layers from the one in hand on that have the same as it. */
static alb_status bind(fitter *f, size_t layer, int field, const float *values) {
  const uint32_t old = tensor_at(f, layer, field)->blob;
  ALB_TRY(alb_layer_view_store(f->diag, &f->view, layer, field, values));
  for (size_t l = layer + 1; l < f->table.layers; l++) {
    if (tensor_at(f, l, field)->blob != old) continue;
    const size_t parameter = (size_t)f->view.parameter[field];
    *alb_layer_tensor(&f->table, l, parameter) = *alb_layer_tensor(&f->table, layer, parameter);
  }
  return ALB_OK;
}

/* bias += lost[n, k] times the mean of the mean inputs of the layers that have the bias of that one. */
static alb_status mend(fitter *f, size_t layer, int m, int field, const float *lost) {
  const size_t n = (size_t)tensor_at(f, layer, field)->dims[0], k = alb_layer_run_in(&f->run, m);
  double *mean = calloc(k + 1, sizeof *mean), layers = 0;
  float *bias = malloc((n + 1) * sizeof *bias);
  alb_status status = mean && bias ? ALB_OK : alb_fail_memory(f->diag, (n + k) * sizeof *mean, "a bias");
  if (status == ALB_OK) status = alb_blob_f32(f->diag, f->view.graph->tensors, tensor_at(f, layer, field)->blob, bias);
  for (size_t l = layer; status == ALB_OK && l < f->table.layers; l++) {
    if (!same(f, layer, l, field)) continue;
    for (size_t i = 0; i < k; i++) mean[i] += f->means[m][l * k + i];
    layers++;
  }
  for (size_t r = 0; status == ALB_OK && r < n; r++) {
    double sum = 0;
    for (size_t i = 0; i < k; i++) sum += (double)lost[r * k + i] * mean[i];
    bias[r] += (float)(sum / layers);
  }
  if (status == ALB_OK) status = bind(f, layer, field, bias);
  free(mean);
  free(bias);
  return status;
}

/* A bias that layers with another matrix have too stays as it is. */
static bool is_of_matrix(const fitter *f, size_t layer, int m, int field) {
  for (size_t l = 0; l < f->table.layers; l++) {
    if (same(f, layer, l, field) && !uses(f, l, m)) return false;
  }
  return true;
}

static alb_status mend_biases(fitter *f, int m, const float *lost) {
  const int field = alb_layer_view_field(&f->view, ALB_VIEW_BIAS + m);
  const uint64_t rows = tensor_at(f, f->layer, alb_layer_view_field(&f->view, m))->dims[0];
  for (size_t l = f->layer; field != ALB_VIEW_NONE && l < f->table.layers; l++) {
    bool before = false;
    for (size_t e = f->layer; !before && e < l; e++) before = same(f, e, l, field);
    if (before || !uses(f, l, m) || tensor_at(f, l, field)->dims[0] != rows) continue;
    if (is_of_matrix(f, l, m, field)) ALB_TRY(mend(f, l, m, field, lost));
  }
  return ALB_OK;
}

/* The matrix w[n, k] is bound as what it becomes; w: what it lost. */
static alb_status round_values(fitter *f, int m, int field, float *w, float *to) {
  const alb_tensor *tensor = tensor_at(f, f->layer, field);
  const size_t n = (size_t)tensor->dims[0], k = (size_t)tensor->dims[1];
  uint8_t *codes;
  uint16_t *scales;
  rounded made;
  ALB_TRY(alb_tensors_made_intn(f->diag, f->view.graph->tensors, f->dtype, n, k, &codes, &scales, &made.codes,
                                &made.scales));
  ALB_TRY(alb_gptq(f->diag, f->gram[m], k, n, f->dtype, to, codes, scales));
  for (size_t i = 0; i < n * k; i++) w[i] -= to[i];
  ALB_TRY(mend_biases(f, m, w));
  for (size_t l = f->layer; l < f->table.layers; l++) {
    if (uses(f, l, m)) f->done[l * ALB_ALIGN_MATRICES + (size_t)m] = true;
  }
  ALB_TRY(bind(f, f->layer, field, to));
  made.tensor = *alb_layer_tensor(&f->table, f->layer, (size_t)f->view.parameter[field]);
  return alb_vec_push(&f->found, made) ? ALB_OK : alb_fail_memory(f->diag, sizeof made, "a matrix");
}

static alb_status round_matrix(fitter *f, int m) {
  const int field = alb_layer_view_field(&f->view, m);
  const uint32_t blob = tensor_at(f, f->layer, field)->blob;
  const size_t elements = (size_t)f->view.graph->tensors->blobs.items[blob].elements;
  float *w = malloc((elements + 1) * sizeof *w), *to = malloc((elements + 1) * sizeof *to);
  alb_status status = w && to ? ALB_OK : alb_fail_memory(f->diag, elements * sizeof *w, "a matrix");
  if (status == ALB_OK) status = alb_blob_f32(f->diag, f->view.graph->tensors, blob, w);
  if (status == ALB_OK) {
    memcpy(to, w, elements * sizeof *to);
    status = round_values(f, m, field, w, to);
  }
  free(w);
  free(to);
  return status;
}

/* ---- layers ---- */

static alb_status fit_layer(fitter *f) {
  bool due = false;
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) due = due || is_due(f, m);
  if (due) ALB_TRY(look_at_inputs(f));
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    if (is_due(f, m)) ALB_TRY(round_matrix(f, m));
  }
  drop_inputs(f);
  return alb_layer_run_layer(f->diag, &f->run, f->table.tensors, f->layer, NULL);
}

static void become_rounded(fitter *f) {
  for (size_t i = 0; i < f->found.count; i++) {
    alb_tensor *tensor = &f->view.graph->tensors->tensors.items[f->found.items[i].tensor];
    tensor->dtype = f->dtype;
    tensor->blob = f->found.items[i].codes;
    tensor->scale_blob = f->found.items[i].scales;
  }
}

static alb_status fit(fitter *f, const alb_sequences *texts) {
  const size_t matrices = f->table.layers * ALB_ALIGN_MATRICES;
  f->done = calloc(matrices + 1, sizeof *f->done);
  if (!f->done) return alb_fail_memory(f->diag, matrices, "layers");
  ALB_TRY(alb_layer_run_new(f->diag, &f->view, texts, &f->run));
  ALB_TRY(alb_layer_run_embed(f->diag, &f->run));
  for (f->layer = 0; f->layer < f->table.layers; f->layer++) ALB_TRY(fit_layer(f));
  become_rounded(f);
  return alb_layer_table_write(f->diag, f->view.graph, &f->table);
}

alb_status alb_fit_intn(alb_diag *diag, void *context, alb_dtype dtype, alb_graph *graph) {
  fitter f = {.diag = diag, .dtype = dtype};
  alb_arena arena = {0};
  alb_status status = alb_layer_table_read(diag, graph, &arena, &f.table);
  if (status == ALB_OK && f.table.layers) {
    alb_layer_view_open(graph, &f.table, &f.view);
    status = f.view.attention && f.view.ffn
                 ? fit(&f, context)
                 : alb_fail(diag, ALB_UNSUPPORTED, "layers of this structure cannot be adjusted to texts");
    alb_layer_run_free(&f.run);
  }
  drop_inputs(&f);
  free(f.done);
  alb_vec_free(&f.found);
  alb_arena_free(&arena);
  return status;
}
