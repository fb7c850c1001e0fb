/* Which matrices differ by one of low rank. Most pairs are excluded by a small part of their difference, whose rank is
 * no higher than that of all of it; of the others the difference is decomposed. */
#include "tune/shared_base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/low_rank.h"
#include "graph/weight.h"
#include "tune/fold_residual.h"

static const double tolerance = 0x1p-40; /* of the energy of a matrix: 2^-20 of its size */

enum { MORE_ROWS = 8, MORE_COLUMNS = 64 }; /* of the part, than the highest rank */

/* What is known of one layer's matrix. */
typedef struct part {
  double *part; /* [rows, columns] of some of its rows and columns; NULL: not read yet */
  double energy;
} part;

typedef struct finder {
  alb_diag *diag;
  const alb_graph *graph;
  const alb_layer_table *table;
  const alb_base_options *options;
  uint32_t *before;  /* [layers * parameters]: the table's tensors at first */
  size_t parameter;  /* in hand, of shape [o, i] */
  size_t o, i, most; /* most: the highest rank that is worth it */
  size_t part_o, part_i;
  part *parts; /* [layers] */
} finder;

static const alb_tensor *tensor_of(const finder *f, size_t layer) {
  return &f->graph->tensors->tensors.items[*alb_layer_tensor(f->table, layer, f->parameter)];
}

/* ---- parts ---- */

static void drop_parts(finder *f) {
  for (size_t l = 0; l < f->table->layers; l++) {
    free(f->parts[l].part);
    f->parts[l] = (part){0};
  }
}

/* Takes a parameter in hand. */
static void choose(finder *f, size_t parameter) {
  drop_parts(f);
  f->parameter = parameter;
  const alb_tensor *t = tensor_of(f, 0);
  f->o = (size_t)t->dims[0];
  f->i = (size_t)t->dims[1];
  f->most = alb_low_rank_most(f->o, f->i);
  const size_t least = alb_least(f->o, f->i);
  f->part_o = alb_least(f->most + MORE_ROWS, least);
  f->part_i = alb_least(f->part_o + MORE_COLUMNS, f->i);
}

/* Rows and columns that lie evenly. */
static void take_part(const finder *f, alb_weight *weight, part *out) {
  for (size_t r = 0, next = 0; r < f->o; r++) {
    const float *row = alb_weight_row(weight, r);
    for (size_t c = 0; c < f->i; c++) out->energy += (double)row[c] * (double)row[c];
    if (next == f->part_o || r != next * f->o / f->part_o) continue;
    for (size_t c = 0; c < f->part_i; c++) out->part[next * f->part_i + c] = (double)row[c * f->i / f->part_i];
    next++;
  }
}

static alb_status read_part(finder *f, size_t layer) {
  part *out = &f->parts[layer];
  alb_weight weight = {0};
  if (out->part) return ALB_OK;
  const size_t n = f->part_o * f->part_i;
  out->part = malloc((n + 1) * sizeof *out->part);
  if (!out->part) return alb_fail_memory(f->diag, n * sizeof *out->part, "a part of a matrix");
  const uint32_t id = *alb_layer_tensor(f->table, layer, f->parameter);
  const alb_status status = alb_weight_open(f->diag, f->graph->tensors, id, &weight);
  if (status == ALB_OK) take_part(f, &weight, out);
  alb_weight_close(&weight);
  return status;
}

/* True when a part of the difference is enough to say no. */
static alb_status exclude(finder *f, size_t a, size_t l, bool *excluded) {
  ALB_TRY(read_part(f, a));
  ALB_TRY(read_part(f, l));
  const size_t n = f->part_o * f->part_i;
  *excluded = !isfinite(f->parts[a].energy) || !isfinite(f->parts[l].energy);
  if (*excluded) return ALB_OK;
  double *difference = malloc((n + 1) * sizeof *difference);
  if (!difference) return alb_fail_memory(f->diag, n * sizeof *difference, "a part of a matrix");
  for (size_t k = 0; k < n; k++) difference[k] = f->parts[l].part[k] - f->parts[a].part[k];
  *excluded = f->part_o > f->most &&
              alb_low_rank_excluded(difference, f->part_o, f->part_i, f->most, tolerance * f->parts[l].energy);
  free(difference);
  return ALB_OK;
}

/* ---- whole matrices ---- */

/* How far base + left right is from the matrix, when it is made as readers make it. `base` is lost. */
static double measure(const finder *f, float *base, const float *matrix, const alb_factors *factors) {
  double most = 0;
  alb_low_rank_add(factors->left, factors->right, f->o, factors->rank, f->i, base);
  for (size_t k = 0; k < f->o * f->i; k++) most = fmax(most, fabs((double)matrix[k] - (double)base[k]));
  return most;
}

static alb_status decompose(const finder *f, size_t a, size_t l, float *base, float *matrix, double *d,
                            alb_factors *factors, alb_base_pair *out) {
  const size_t n = f->o * f->i;
  ALB_TRY(alb_blob_f32(f->diag, f->graph->tensors, tensor_of(f, a)->blob, base));
  ALB_TRY(alb_blob_f32(f->diag, f->graph->tensors, tensor_of(f, l)->blob, matrix));
  for (size_t k = 0; k < n; k++) d[k] = (double)matrix[k] - (double)base[k];
  ALB_TRY(alb_low_rank_exact(f->diag, d, f->o, f->i, f->most, tolerance * f->parts[l].energy, factors, &out->related));
  if (!out->related) return ALB_OK;
  out->rank = (uint32_t)factors->rank;
  out->max_delta = measure(f, base, matrix, factors);
  return ALB_OK;
}

static alb_status look(finder *f, size_t a, size_t l, alb_factors *factors, alb_base_pair *out) {
  const size_t n = f->o * f->i;
  bool excluded = false;
  ALB_TRY(exclude(f, a, l, &excluded));
  if (excluded) return ALB_OK;
  float *base = malloc((n + 1) * sizeof *base), *matrix = malloc((n + 1) * sizeof *matrix);
  double *d = malloc((n + 1) * sizeof *d);
  const bool memory = base && matrix && d;
  const alb_status status = memory ? decompose(f, a, l, base, matrix, d, factors, out)
                                   : alb_fail_memory(f->diag, n * sizeof *d, "the difference of two matrices");
  free(base);
  free(matrix);
  free(d);
  return status;
}

/* ---- pairs ---- */

static const alb_base_pair *known(const finder *f, uint32_t base, uint32_t blob) {
  const alb_base_cache *cache = f->options->cache;
  for (size_t i = 0; cache && i < cache->pairs.count; i++) {
    if (cache->pairs.items[i].base == base && cache->pairs.items[i].blob == blob) return &cache->pairs.items[i];
  }
  return NULL;
}

static bool is_plain(const finder *f, size_t layer) {
  const alb_tensor *t = tensor_of(f, layer);
  return t->rank == 2 && alb_dtype_is_float(t->dtype) && !alb_blob_is_residual(f->graph->tensors, t->blob);
}

/* What layer l's matrix is to layer a's. Without `factors` they are not made when the answer is known. */
static alb_status relate(finder *f, size_t a, size_t l, alb_factors *factors, alb_base_pair *out) {
  *out = (alb_base_pair){.base = tensor_of(f, a)->blob, .blob = tensor_of(f, l)->blob};
  const alb_base_pair *before = known(f, out->base, out->blob);
  if (!is_plain(f, a) || !is_plain(f, l)) return ALB_OK;
  if (before) *out = *before;
  if (before && (!before->related || !factors)) return ALB_OK;
  alb_factors made = {0};
  alb_status status = look(f, a, l, &made, out);
  if (status == ALB_OK && factors && out->related) {
    *factors = made;
    made = (alb_factors){0};
  }
  free(made.left);
  free(made.right);
  if (status != ALB_OK || before || !f->options->cache) return status;
  return alb_vec_push(&f->options->cache->pairs, *out) ? ALB_OK : alb_fail_memory(f->diag, sizeof *out, "pairs");
}

/* The first layer from `from` on that had the same blob as this one. */
static size_t first_alike(const finder *f, size_t from, size_t layer) {
  const alb_tensor *tensors = f->graph->tensors->tensors.items;
  const uint32_t *at = f->before + f->parameter;
  size_t l = from;
  while (tensors[at[l * f->table->parameter_count]].blob != tensors[at[layer * f->table->parameter_count]].blob) l++;
  return l;
}

/* Bytes or a base in common: nothing is to be found out. */
static bool share_already(const finder *f, size_t a, size_t l, alb_base_relation *out) {
  const alb_tensors *tensors = f->graph->tensors;
  const uint32_t x = tensor_of(f, a)->blob, y = tensor_of(f, l)->blob;
  if (alb_blob_base(tensors, x) != alb_blob_base(tensors, y)) return false;
  *out = (alb_base_relation){.of = (uint32_t)a};
  if (x == y || !alb_blob_is_residual(tensors, y)) return true;
  out->rank = (uint32_t)(tensors->blobs.items[alb_blob_residual(tensors, y).left].elements / f->o);
  return true;
}

/* ---- making residuals ---- */

/* A tensor of layer l over the base of layer a; rank 0: the base's own. */
static alb_status add_residual(const finder *f, size_t a, size_t l, size_t rank, alb_factors factors,
                               uint32_t *tensor) {
  const uint32_t base = *alb_layer_tensor(f->table, a, f->parameter);
  *tensor = base;
  factors.rank = rank; /* also where they have no numbers */
  if (!rank) return ALB_OK;
  return alb_residual_tensor(f->diag, f->graph->tensors, f->table, l, f->parameter, base, &factors, tensor);
}

static void note(alb_fold_report *report, const alb_base_pair *pair) {
  if (!report) return;
  report->low_rank++;
  report->low_rank_most = pair->rank > report->low_rank_most ? pair->rank : report->low_rank_most;
  report->low_rank_delta = fmax(report->low_rank_delta, pair->max_delta);
}

/* Finds out, and makes the tensor; *related false: there is none. */
static alb_status make(finder *f, size_t a, size_t l, alb_base_pair *pair, uint32_t *tensor) {
  alb_factors factors = {0};
  ALB_TRY(relate(f, a, l, f->options->sizes_only ? NULL : &factors, pair));
  const alb_status status = pair->related ? add_residual(f, a, l, pair->rank, factors, tensor) : ALB_OK;
  free(factors.left);
  free(factors.right);
  return status;
}

/* ---- each matrix for itself ---- */

/* The relations of the parameter in hand; with `job`, tensors are bound. */
static alb_status relate_layer(finder *f, const alb_fold_job *job, size_t l, alb_base_relation *relations) {
  alb_base_relation *out = &relations[l];
  const size_t alike = first_alike(f, 0, l);
  *out = (alb_base_relation){.of = (uint32_t)l};
  if (alike < l) {
    *out = relations[alike].of == alike ? (alb_base_relation){.of = (uint32_t)alike} : relations[alike];
    if (job) *alb_layer_tensor(f->table, l, f->parameter) = *alb_layer_tensor(f->table, alike, f->parameter);
    return ALB_OK;
  }
  for (size_t a = 0; a < l && out->of == l; a++) {
    alb_base_pair pair;
    if (relations[a].of != a || (job && job->groups->group_of[a] != job->groups->group_of[l])) continue;
    if (share_already(f, a, l, out)) continue;
    uint32_t tensor;
    ALB_TRY(job ? make(f, a, l, &pair, &tensor) : relate(f, a, l, NULL, &pair));
    if (!pair.related) continue;
    *out = (alb_base_relation){(uint32_t)a, pair.rank, pair.max_delta};
    if (!job) continue;
    *alb_layer_tensor(f->table, l, f->parameter) = tensor;
    note(job->report, &pair);
  }
  return ALB_OK;
}

static alb_status relate_matrices(finder *f, const alb_fold_job *job, alb_base_relation *relations) {
  for (size_t l = 0; l < f->table->layers; l++) ALB_TRY(relate_layer(f, job, l, relations));
  return ALB_OK;
}

/* ---- whole blocks ---- */

/* The matrix in hand in all layers of a group, into tensors[layers * parameters] and pairs; *all false: not all are. */
static alb_status relate_group(finder *f, const alb_fold_job *job, size_t first, uint32_t *tensors,
                               alb_base_pair *pairs, bool *all) {
  for (size_t l = first + 1; *all && l < f->table->layers; l++) {
    const size_t at = l * f->table->parameter_count + f->parameter;
    const size_t alike = first_alike(f, first, l), from = alike * f->table->parameter_count + f->parameter;
    alb_base_relation already;
    if (job->groups->group_of[l] != job->groups->group_of[first] || share_already(f, first, l, &already)) continue;
    if (alike < l && pairs[from].related) {
      pairs[at] = pairs[from];
      tensors[at] = tensors[from];
      continue;
    }
    ALB_TRY(make(f, first, l, &pairs[at], &tensors[at]));
    *all = pairs[at].related;
  }
  return ALB_OK;
}

static bool is_wanted(const alb_layer_table *table, size_t p, bool ffn) {
  return table->parameters[p].matrix && table->parameters[p].ffn == ffn;
}

static void bind_group(const finder *f, const alb_fold_job *job, const uint32_t *tensors, const alb_base_pair *pairs) {
  for (size_t at = 0; at < f->table->layers * f->table->parameter_count; at++) {
    if (!pairs[at].related) continue;
    f->table->tensors[at] = tensors[at];
    note(job->report, &pairs[at]);
  }
}

static alb_status share_group(finder *f, const alb_fold_job *job, bool ffn, size_t first) {
  const size_t count = f->table->layers * f->table->parameter_count;
  uint32_t *tensors = calloc(count + 1, sizeof *tensors);
  alb_base_pair *pairs = calloc(count + 1, sizeof *pairs);
  bool all = true;
  alb_status status = tensors && pairs ? ALB_OK : alb_fail_memory(f->diag, count * sizeof *pairs, "layers");
  for (size_t p = 0; status == ALB_OK && all && p < f->table->parameter_count; p++) {
    if (!is_wanted(f->table, p, ffn)) continue;
    choose(f, p);
    status = relate_group(f, job, first, tensors, pairs, &all);
  }
  if (status == ALB_OK && all) bind_group(f, job, tensors, pairs);
  free(tensors);
  free(pairs);
  return status;
}

static alb_status share_block(finder *f, const alb_fold_job *job, bool ffn, alb_base_relation *relations) {
  const uint32_t *group_of = job->groups->group_of;
  for (size_t first = 0; !job->by_matrix && first < f->table->layers; first++) {
    size_t earlier = 0;
    while (group_of[earlier] != group_of[first]) earlier++;
    if (earlier == first) ALB_TRY(share_group(f, job, ffn, first));
  }
  for (size_t p = 0; job->by_matrix && p < f->table->parameter_count; p++) {
    if (!is_wanted(f->table, p, ffn)) continue;
    choose(f, p);
    ALB_TRY(relate_matrices(f, job, relations));
  }
  return ALB_OK;
}

static alb_status open(finder *f) {
  const size_t bytes = f->table->layers * f->table->parameter_count * sizeof *f->before;
  f->parts = calloc(f->table->layers + 1, sizeof *f->parts);
  f->before = malloc(bytes + 1);
  if (!f->parts || !f->before) return alb_fail_memory(f->diag, bytes, "layers");
  memcpy(f->before, f->table->tensors, bytes);
  return ALB_OK;
}

static void close(finder *f) {
  if (f->parts) drop_parts(f);
  free(f->parts);
  free(f->before);
}

alb_status alb_shared_bases(alb_diag *diag, void *context, const alb_fold_job *job) {
  finder f = {.diag = diag, .graph = job->graph, .table = job->table, .options = context};
  alb_base_relation *relations = calloc(job->table->layers + 1, sizeof *relations);
  alb_status status = relations ? open(&f) : alb_fail_memory(diag, job->table->layers, "layers");
  if (status == ALB_OK && job->attention) status = share_block(&f, job, false, relations);
  if (status == ALB_OK && job->ffn) status = share_block(&f, job, true, relations);
  close(&f);
  free(relations);
  return status;
}

alb_status alb_base_relations(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table,
                              const alb_base_options *options, alb_base_relation *relations) {
  finder f = {.diag = diag, .graph = graph, .table = table, .options = options};
  alb_base_relation *found = calloc(table->layers + 1, sizeof *found);
  alb_status status = found ? open(&f) : alb_fail_memory(diag, table->layers, "layers");
  for (size_t p = 0; status == ALB_OK && p < table->parameter_count; p++) {
    for (uint32_t l = 0; l < table->layers; l++) found[l] = (alb_base_relation){.of = l};
    if (table->parameters[p].matrix) {
      choose(&f, p);
      status = relate_matrices(&f, NULL, found);
    }
    for (size_t l = 0; l < table->layers; l++) relations[l * table->parameter_count + p] = found[l];
  }
  close(&f);
  free(found);
  return status;
}
