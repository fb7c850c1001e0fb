/* How layers relate: equality by blobs, similarity by the Gram matrix of their weights. */
#include "passes/layer_signature.h"

#include <math.h>

#include "graph/weight.h"

#define MOST_PRODUCTS 4e9 /* multiply-adds that the cosines may take; above that, rows are skipped */

static alb_tensor *tensor_at(const alb_graph *graph, const alb_layer_table *table, size_t layer, size_t parameter) {
  return &graph->tensors->tensors.items[*alb_layer_tensor(table, layer, parameter)];
}

static bool blocks_equal(const alb_graph *graph, const alb_layer_table *table, bool ffn, size_t a, size_t b) {
  for (size_t p = 0; p < table->parameter_count; p++) {
    if (table->parameters[p].ffn != ffn) continue;
    if (!alb_tensor_same(graph->tensors, *alb_layer_tensor(table, a, p), *alb_layer_tensor(table, b, p))) return false;
  }
  return true;
}

static void find_equal(const alb_graph *graph, const alb_layer_table *table, bool ffn, uint32_t *equal) {
  for (uint32_t l = 0; l < table->layers; l++) {
    equal[l] = 0;
    while (!blocks_equal(graph, table, ffn, equal[l], l)) equal[l]++;
  }
}

/* Sums of eight, so that a compiler may use vectors; rows are short enough for f32. */
static double dot(const float *a, const float *b, size_t n) {
  float sums[16] = {0};
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (size_t k = 0; k < 16; k++) sums[k] += a[i + k] * b[i + k];
  }
  double total = 0;
  for (size_t k = 0; k < 16; k++) total += (double)sums[k];
  for (; i < n; i++) total += (double)a[i] * (double)b[i];
  return total;
}

/* gram[a][b] += the dot products of the rows of one parameter's matrices. */
static void add_gram(alb_weight *weights, size_t layers, size_t row_step, double *gram) {
  for (size_t r = 0; r < weights[0].rows; r += row_step) {
    for (size_t l = 0; l < layers; l++) (void)alb_weight_row(&weights[l], r);
    for (size_t a = 0; a < layers; a++) {
      for (size_t b = 0; b <= a; b++) gram[a * layers + b] += dot(weights[a].row, weights[b].row, weights[0].width);
    }
  }
}

static alb_status add_parameter(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, size_t parameter,
                                size_t row_step, alb_arena *arena, double *gram) {
  alb_weight *weights = ALB_NEW_ARRAY(arena, alb_weight, table->layers);
  alb_status status = weights ? ALB_OK : alb_fail_memory(diag, table->layers * sizeof *weights, "weights");
  for (size_t l = 0; status == ALB_OK && l < table->layers; l++) {
    status = alb_weight_open(diag, graph->tensors, *alb_layer_tensor(table, l, parameter), &weights[l]);
  }
  if (status == ALB_OK) add_gram(weights, table->layers, row_step, gram);
  for (size_t l = 0; weights && l < table->layers; l++) alb_weight_close(&weights[l]);
  return status;
}

static void gram_to_cosine(double *gram, size_t layers) {
  for (size_t a = 0; a < layers; a++) {
    for (size_t b = 0; b < a; b++) {
      const double energy = sqrt(gram[a * layers + a]) * sqrt(gram[b * layers + b]);
      gram[a * layers + b] = gram[b * layers + a] = energy > 0 ? gram[a * layers + b] / energy : 0;
    }
  }
  for (size_t a = 0; a < layers; a++) gram[a * layers + a] = 1;
}

static double cosine_of(const double *gram, size_t layers, size_t a, size_t b) {
  const double energy = sqrt(gram[a * layers + a]) * sqrt(gram[b * layers + b]);
  return energy > 0 ? gram[a * layers + b] / energy : 0;
}

/* gram: lower triangle. Matrices of zeros have everything in common. */
static alb_status note_role(alb_diag *diag, const alb_layer_parameter *parameter, const double *gram, alb_arena *arena,
                            alb_layer_signature *out) {
  const size_t n = out->layers;
  if (n < 2) return ALB_OK;
  alb_role_share *role = &out->roles[out->role_count];
  *role = (alb_role_share){.name = alb_arena_printf(arena, "%s", parameter->name),
                           .ffn = parameter->ffn,
                           .adjacent = ALB_NEW_ARRAY(arena, double, n - 1)};
  if (!role->name || !role->adjacent) return alb_fail_memory(diag, n * sizeof(double), "a role's shareability");
  double all = 0, own = 0;
  for (size_t a = 0; a < n; a++) {
    own += gram[a * n + a];
    all += gram[a * n + a];
    for (size_t b = 0; b < a; b++) all += 2 * gram[a * n + b];
    if (a) role->adjacent[a - 1] = cosine_of(gram, n, a, a - 1);
  }
  const double chance = 1 / (double)n;
  role->rho = own > 0 ? all * chance / own : 1;
  role->share = (role->rho - chance) / (1 - chance);
  out->role_count++;
  return ALB_OK;
}

static alb_status read_role(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, size_t parameter,
                            alb_arena *arena, double *block, alb_layer_signature *out) {
  const size_t n = table->layers;
  double *gram = ALB_NEW_ARRAY(arena, double, n *n);
  if (!gram) return alb_fail_memory(diag, n * n * sizeof *gram, "similarities");
  ALB_TRY(add_parameter(diag, graph, table, parameter, out->row_step, arena, gram));
  for (size_t i = 0; i < n * n; i++) block[i] += gram[i];
  return note_role(diag, &table->parameters[parameter], gram, arena, out);
}

static alb_status read_block(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, bool ffn,
                             alb_arena *arena, alb_block_signature *out, alb_layer_signature *signature) {
  out->equal = ALB_NEW_ARRAY(arena, uint32_t, table->layers);
  out->cosine = ALB_NEW_ARRAY(arena, double, table->layers * table->layers);
  out->relations = ALB_NEW_ARRAY(arena, alb_layer_relation, table->layers);
  if (!out->equal || !out->cosine || !out->relations)
    return alb_fail_memory(diag, table->layers * table->layers * 8, "similarities");
  find_equal(graph, table, ffn, out->equal);
  for (size_t p = 0; p < table->parameter_count; p++) {
    if (table->parameters[p].ffn != ffn || !table->parameters[p].matrix) continue;
    ALB_TRY(read_role(diag, graph, table, p, arena, out->cosine, signature));
  }
  gram_to_cosine(out->cosine, table->layers);
  return alb_layer_relations(diag, graph, table, ffn, out->relations);
}

static size_t choose_step(const alb_graph *graph, const alb_layer_table *table) {
  double products = 0;
  for (size_t p = 0; p < table->parameter_count && table->layers; p++) {
    const alb_tensor *t = tensor_at(graph, table, 0, p);
    if (table->parameters[p].matrix) products += (double)graph->tensors->blobs.items[t->blob].elements;
  }
  products *= (double)table->layers * (double)(table->layers + 1) / 2;
  return products > MOST_PRODUCTS ? (size_t)ceil(products / MOST_PRODUCTS) : 1;
}

alb_status alb_layer_signature_read(alb_diag *diag, const alb_graph *graph, alb_arena *arena,
                                    alb_layer_signature *out) {
  alb_layer_table table;
  ALB_TRY(alb_layer_table_read(diag, graph, arena, &table));
  *out = (alb_layer_signature){.layers = table.layers, .row_step = choose_step(graph, &table)};
  out->roles = ALB_NEW_ARRAY(arena, alb_role_share, table.parameter_count + 1);
  if (!out->roles) return alb_fail_memory(diag, table.parameter_count * sizeof *out->roles, "roles");
  ALB_TRY(read_block(diag, graph, &table, false, arena, &out->attention, out));
  return read_block(diag, graph, &table, true, arena, &out->ffn, out);
}
