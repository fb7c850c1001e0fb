/* fold-layers: make layers use one parameter set, as the sharing mode says.
 *
 *   call set=0 {w0, g0}                  call set=2 {mean(w0, w1), g0}
 *   call set=1 {w1, g1}    -- all -->    call set=3 {mean(w0, w1), g1}
 *
 * Parameters that are equal fold without loss. Unequal matrices of a folded block become their mean, after
 * options->align has made them more alike; biases and norms stay per layer unless share_norms. Mode none does the
 * opposite: every layer gets blobs of its own. Needs roll-layers. */
#include <math.h>
#include <stdlib.h>

#include "passes/layer_table.h"

typedef struct folder {
  alb_diag *diag;
  alb_graph *graph;
  const alb_pass_options *options;
  alb_layer_table table;
  alb_groups groups;
  alb_arena *scratch;
} folder;

static alb_tensor *tensor_at(const folder *f, size_t layer, size_t parameter) {
  return &f->graph->tensors->tensors.items[*alb_layer_tensor(&f->table, layer, parameter)];
}

static bool is_folded(const folder *f, const alb_layer_parameter *parameter) {
  const alb_share_facts *mode = alb_share_info(f->options->mode);
  return (parameter->ffn ? mode->ffn : mode->attention) && (parameter->matrix || f->options->share_norms);
}

/* What a layer shares with others: the blob of its parameter, or that of the base. */
static uint32_t shared_blob(const folder *f, size_t layer, size_t parameter) {
  return alb_blob_base(f->graph->tensors, tensor_at(f, layer, parameter)->blob);
}

/* True when all layers of a group bind the same blob to the parameter, as it is or with factors. */
static bool group_is_equal(const folder *f, size_t parameter, uint32_t group) {
  uint32_t blob = ALB_NO_BLOB;
  for (size_t l = 0; l < f->table.layers; l++) {
    if (f->groups.group_of[l] != group) continue;
    if (blob == ALB_NO_BLOB) blob = shared_blob(f, l, parameter);
    if (blob != shared_blob(f, l, parameter)) return false;
  }
  return true;
}

/* moved += |w - folded|^2, energy += |w|^2 over one layer's tensor. */
static alb_status measure_layer(const folder *f, uint32_t blob, const float *folded, size_t n,
                                alb_fold_change *change) {
  float *w = malloc((n ? n : 1) * sizeof *w);
  alb_status status =
      w ? alb_blob_f32(f->diag, f->graph->tensors, blob, w) : alb_fail_memory(f->diag, n * 4, "a weight");
  for (size_t i = 0; status == ALB_OK && i < n; i++) {
    change->moved += ((double)w[i] - (double)folded[i]) * ((double)w[i] - (double)folded[i]);
    change->energy += (double)w[i] * (double)w[i];
  }
  free(w);
  return status;
}

static alb_status measure(const folder *f, size_t parameter, uint32_t group, uint32_t folded, alb_fold_change *change) {
  const size_t n = (size_t)f->graph->tensors->blobs.items[folded].elements;
  float *values = malloc((n ? n : 1) * sizeof *values);
  alb_status status = values ? alb_blob_f32(f->diag, f->graph->tensors, folded, values)
                             : alb_fail_memory(f->diag, n * sizeof *values, "a folded weight");
  for (size_t l = 0; status == ALB_OK && l < f->table.layers; l++) {
    if (f->groups.group_of[l] != group) continue;
    status = measure_layer(f, tensor_at(f, l, parameter)->blob, values, n, change);
  }
  free(values);
  return status;
}

/* The recipe that folds one group: the mean of all its layers, or the equal blob as f32. */
static alb_status fold_blob(const folder *f, size_t parameter, uint32_t group, uint32_t *blob) {
  uint32_t *inputs = ALB_NEW_ARRAY(f->scratch, uint32_t, f->table.layers);
  if (!inputs) return alb_fail_memory(f->diag, f->table.layers * sizeof *inputs, "a recipe");
  alb_blob recipe = {.kind = ALB_BLOB_MEAN, .dtype = ALB_F32, .inputs = inputs};
  for (size_t l = 0; l < f->table.layers; l++) {
    if (f->groups.group_of[l] == group) inputs[recipe.input_count++] = tensor_at(f, l, parameter)->blob;
  }
  const alb_blob *source = &f->graph->tensors->blobs.items[inputs[0]];
  recipe.elements = source->elements;
  if (group_is_equal(f, parameter, group)) {
    *blob = inputs[0];
    if (source->dtype == ALB_F32) return ALB_OK;
    recipe.kind = ALB_BLOB_CAST;
    recipe.input_count = 1;
  }
  return alb_tensors_recipe(f->diag, f->graph->tensors, &recipe, blob);
}

/* "layers.0-5.attention.query.weight" */
static const char *folded_name(const folder *f, size_t parameter, uint32_t group) {
  size_t first = f->table.layers, last = 0;
  for (size_t l = 0; l < f->table.layers; l++) {
    if (f->groups.group_of[l] != group) continue;
    if (first == f->table.layers) first = l;
    last = l;
  }
  const char *name = f->table.parameters[parameter].name;
  return first == last ? alb_arena_printf(f->scratch, "layer.%zu.%s", first, name)
                       : alb_arena_printf(f->scratch, "layers.%zu-%zu.%s", first, last, name);
}

static alb_status fold_group(const folder *f, size_t parameter, uint32_t group, alb_fold_change *change,
                             uint32_t *tensor) {
  size_t l = 0;
  while (f->groups.group_of[l] != group) l++;
  const alb_tensor old = *tensor_at(f, l, parameter);
  uint32_t blob;
  ALB_TRY(fold_blob(f, parameter, group, &blob));
  if (f->options->measure) ALB_TRY(measure(f, parameter, group, blob, change));
  const char *name = folded_name(f, parameter, group);
  if (!name) return alb_fail_memory(f->diag, 1, "a name");
  return alb_tensors_view(f->diag, f->graph->tensors, alb_str_of(name), old.rank, old.dims, blob, tensor);
}

static alb_status note_change(const folder *f, alb_fold_change change) {
  alb_fold_report *report = f->options->report;
  if (!report) return ALB_OK;
  report->lossy = true;
  return alb_vec_push(&report->changes, change) ? ALB_OK : alb_fail_memory(f->diag, sizeof change, "the fold report");
}

static bool has_factors(const folder *f, size_t parameter, uint32_t group) {
  bool found = false;
  for (size_t l = 0; l < f->table.layers; l++) {
    if (f->groups.group_of[l] != group) continue;
    found = found || alb_blob_is_residual(f->graph->tensors, tensor_at(f, l, parameter)->blob);
  }
  return found;
}

static alb_status check_float(const folder *f, size_t parameter) {
  const alb_dtype dtype = alb_tensor_stored(f->graph->tensors, *alb_layer_tensor(&f->table, 0, parameter));
  for (uint32_t g = 0; g < f->groups.count; g++) {
    if (group_is_equal(f, parameter, g) || !has_factors(f, parameter, g)) continue;
    return alb_fail(f->diag, ALB_UNSUPPORTED, "layers with factors that differ cannot be folded: fold the source");
  }
  if (!alb_dtype_is_quantised(dtype)) return ALB_OK;
  return alb_fail(f->diag, ALB_UNSUPPORTED, "layers of %s weights that differ cannot be folded: fold the source",
                  alb_dtype_name(dtype));
}

/* Folds one parameter of all layers. Types must stay equal over all sets, so if one group has to be
 * folded, every group is. */
static alb_status fold_parameter(const folder *f, size_t parameter, size_t *changes) {
  uint32_t unequal = 0;
  for (uint32_t g = 0; g < f->groups.count; g++) unequal += !group_is_equal(f, parameter, g);
  if (!unequal) return ALB_OK;
  ALB_TRY(check_float(f, parameter));
  alb_fold_change change = {.parameter = f->table.parameters[parameter].name};
  uint32_t *folded = ALB_NEW_ARRAY(f->scratch, uint32_t, f->groups.count);
  if (!folded) return alb_fail_memory(f->diag, f->groups.count * sizeof *folded, "groups");
  for (uint32_t g = 0; g < f->groups.count; g++) {
    folded[g] = ALB_NONE; /* what has factors is one already */
    if (!has_factors(f, parameter, g)) ALB_TRY(fold_group(f, parameter, g, &change, &folded[g]));
  }
  for (size_t l = 0; l < f->table.layers; l++) {
    const uint32_t tensor = folded[f->groups.group_of[l]];
    if (tensor != ALB_NONE) *alb_layer_tensor(&f->table, l, parameter) = tensor;
  }
  *changes += unequal;
  return note_change(f, change);
}

/* A blob of its own for a tensor that an earlier layer binds too, or whose base others have. */
static alb_status unshare(const folder *f, size_t layer, size_t parameter, size_t *changes) {
  uint32_t *tensor = alb_layer_tensor(&f->table, layer, parameter);
  size_t earlier = 0;
  while (*alb_layer_tensor(&f->table, earlier, parameter) != *tensor) earlier++;
  const alb_tensor old = f->graph->tensors->tensors.items[*tensor];
  if (earlier == layer && !alb_blob_is_residual(f->graph->tensors, old.blob)) return ALB_OK;
  const alb_blob *source = &f->graph->tensors->blobs.items[old.blob];
  const alb_blob copy = {.kind = ALB_BLOB_COPY,
                         .dtype = source->dtype,
                         .elements = source->elements,
                         .rows = layer,
                         .columns = parameter,
                         .inputs = &old.blob,
                         .input_count = 1};
  uint32_t blob;
  const char *name = alb_arena_printf(f->scratch, "layer.%zu.%s", layer, f->table.parameters[parameter].name);
  if (!name) return alb_fail_memory(f->diag, 1, "a name");
  ALB_TRY(alb_tensors_recipe(f->diag, f->graph->tensors, &copy, &blob));
  *changes += 1;
  ALB_TRY(alb_tensors_view(f->diag, f->graph->tensors, alb_str_of(name), old.rank, old.dims, blob, tensor));
  f->graph->tensors->tensors.items[*tensor].scale_blob = old.scale_blob;
  return ALB_OK;
}

/* From the last layer back, so that the first one keeps the original. */
static alb_status unshare_all(const folder *f, size_t *changes) {
  for (size_t l = f->table.layers; l-- > 0;) {
    for (size_t p = 0; p < f->table.parameter_count; p++) ALB_TRY(unshare(f, l, p, changes));
  }
  return ALB_OK;
}

/* True when the parameter is folded and some group's layers differ in it. */
static bool is_lossy(const folder *f, size_t parameter) {
  if (!is_folded(f, &f->table.parameters[parameter])) return false;
  for (uint32_t g = 0; g < f->groups.count; g++) {
    if (!group_is_equal(f, parameter, g)) return true;
  }
  return false;
}

static alb_status check_rank(const folder *f, size_t parameter) {
  const alb_tensor *t = tensor_at(f, 0, parameter);
  const uint64_t least = t->dims[0] < t->dims[1] ? t->dims[0] : t->dims[1];
  if (f->options->residual <= least) return ALB_OK;
  return alb_fail(f->diag, ALB_USAGE, "--residual %zu: %s of [%llu,%llu] has factors of rank %llu at most",
                  f->options->residual, f->table.parameters[parameter].name, (unsigned long long)t->dims[0],
                  (unsigned long long)t->dims[1], (unsigned long long)least);
}

/* What the helpers are told: which blocks lose. */
static alb_status prepare(folder *f, alb_fold_job *job) {
  *job = (alb_fold_job){.graph = f->graph,
                        .table = &f->table,
                        .groups = &f->groups,
                        .norms = f->options->share_norms,
                        .residual = f->options->residual,
                        .report = f->options->report};
  for (size_t p = 0; p < f->table.parameter_count; p++) {
    if (!f->table.parameters[p].matrix || !is_lossy(f, p)) continue;
    ALB_TRY(check_float(f, p));
    ALB_TRY(check_rank(f, p));
    *(f->table.parameters[p].ffn ? &job->ffn : &job->attention) = true;
  }
  return ALB_OK;
}

/* What moved with factors: known at the end. */
static alb_status measure_sums(const folder *f, const alb_fold_job *job, size_t parameter, alb_fold_change *change) {
  alb_status status = ALB_OK;
  change->moved = change->energy = 0;
  for (size_t l = 0; status == ALB_OK && l < f->table.layers; l++) {
    const uint32_t source = job->source[l * f->table.parameter_count + parameter],
                   now = tensor_at(f, l, parameter)->blob;
    const size_t n = (size_t)f->graph->tensors->blobs.items[now].elements;
    float *values = malloc((n ? n : 1) * sizeof *values);
    status = values ? alb_blob_f32(f->diag, f->graph->tensors, now, values)
                    : alb_fail_memory(f->diag, n * sizeof *values, "a folded weight");
    if (status == ALB_OK) status = measure_layer(f, f->graph->tensors->tensors.items[source].blob, values, n, change);
    free(values);
  }
  return status;
}

static alb_status measure_again(const folder *f, const alb_fold_job *job) {
  alb_fold_report *report = f->options->report;
  if (!report || !report->residuals || !f->options->measure) return ALB_OK;
  for (size_t i = 0; i < report->changes.count; i++) {
    for (size_t p = 0; p < f->table.parameter_count; p++) {
      if (report->changes.items[i].parameter != f->table.parameters[p].name) continue;
      ALB_TRY(measure_sums(f, job, p, &report->changes.items[i]));
    }
  }
  return ALB_OK;
}

static alb_status fold_all(folder *f, alb_fold_job *job, size_t *changes) {
  const alb_pass_options *options = f->options;
  const bool lossy = job->attention || job->ffn;
  const size_t count = f->table.layers * f->table.parameter_count;
  if (lossy && options->align) ALB_TRY(options->align(f->diag, options->align_context, job));
  uint32_t *source = ALB_NEW_ARRAY(f->scratch, uint32_t, count);
  if (!source) return alb_fail_memory(f->diag, count * sizeof *source, "layers");
  memcpy(source, f->table.tensors, count * sizeof *source);
  job->source = source;
  for (size_t p = 0; p < f->table.parameter_count; p++) {
    if (is_folded(f, &f->table.parameters[p])) ALB_TRY(fold_parameter(f, p, changes));
  }
  if (lossy && options->refit) ALB_TRY(options->refit(f->diag, options->refit_context, job));
  return measure_again(f, job);
}

static alb_status fold(folder *f, size_t *changes) {
  alb_fold_job job;
  ALB_TRY(alb_layer_table_read(f->diag, f->graph, f->scratch, &f->table));
  ALB_TRY(alb_groups_parse(f->diag, f->scratch, &f->options->groups, f->table.layers, &f->groups));
  if (!f->table.layers) return ALB_OK;
  const size_t before = alb_layer_table_sets(&f->table);
  if (f->options->mode == ALB_SHARE_NONE) ALB_TRY(unshare_all(f, changes));
  ALB_TRY(prepare(f, &job));
  ALB_TRY(fold_all(f, &job, changes));
  if (f->options->report) {
    f->options->report->layers = f->table.layers;
    f->options->report->sets_before = before;
    f->options->report->sets_after = alb_layer_table_sets(&f->table);
  }
  return alb_layer_table_write(f->diag, f->graph, &f->table);
}

alb_status alb_pass_fold_layers(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  alb_arena scratch = {0};
  folder f = {.diag = diag, .graph = graph, .options = options, .scratch = &scratch};
  const alb_status status = fold(&f, changes);
  alb_arena_free(&scratch);
  return status;
}
