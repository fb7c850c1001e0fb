/* Which blocks are equal, equal but for rounding, or equal but for the order of their FFN neurons. Neurons are
 * sorted by a hash and then compared bit by bit, so a collision never makes two layers equal. */
#include "passes/layer_relation.h"

#include <math.h>
#include <stdlib.h>

#include "graph/weight.h"

const char *alb_relation_name(alb_relation relation) {
  static const char *const names[ALB_RELATION_COUNT] = {"none", "equal", "rounding", "permuted"};
  return names[relation];
}

/* A neuron's numbers as one; equal neurons have equal hashes. */
typedef struct neuron {
  uint64_t hash;
  size_t at;
} neuron;

typedef struct finder {
  alb_diag *diag;
  const alb_graph *graph;
  const alb_layer_table *table;
  size_t moved[3];  /* the parameters with a row, an element and a column for each neuron: up, its bias, down */
  neuron **neurons; /* [layers][rows of up], sorted by hash, of layers that were asked for; NULL: no such parameters */
} finder;

static uint32_t tensor_of(const finder *f, size_t layer, size_t parameter) {
  return *alb_layer_tensor(f->table, layer, parameter);
}

static bool same_tensor(const finder *f, size_t a, size_t b, size_t p) {
  return alb_tensor_same(f->graph->tensors, tensor_of(f, a, p), tensor_of(f, b, p));
}

static alb_status open_weight(const finder *f, size_t layer, size_t parameter, alb_weight *weight) {
  return alb_weight_open(f->diag, f->graph->tensors, tensor_of(f, layer, parameter), weight);
}

/* The narrow storage types: bits of the significand after the point, smallest normal exponent, largest exponent. */
typedef struct narrow {
  int bits, least, most;
} narrow;
static const narrow narrow_types[] = {{10, -14, 15}, {7, -126, 127}}; /* f16, bf16 */
enum { NARROW_TYPES = sizeof narrow_types / sizeof narrow_types[0] };

/* The distance between neighbours of x in the type. */
static double ulp(const narrow *type, double x) {
  const int exponent = x != 0 ? ilogb(x) : type->least;
  return ldexp(1, (exponent < type->least ? type->least : exponent) - type->bits);
}

static bool fits(const narrow *type, double x) {
  return isfinite(x) && fmod(x, ulp(type, x)) == 0 && (x == 0 || ilogb(x) <= type->most);
}

/* What two tensors are to each other, for each narrow type: fits_a, fits_b: all values are of the type; near: no
 * values are further apart than one ulp. */
typedef struct closeness {
  bool fits_a[NARROW_TYPES], fits_b[NARROW_TYPES], near[NARROW_TYPES];
  double max_delta;
} closeness;

static bool still_close(const closeness *c) {
  bool close = false;
  for (size_t t = 0; t < NARROW_TYPES; t++) close |= c->near[t] && (c->fits_a[t] || c->fits_b[t]);
  return close;
}

static void compare_value(double a, double b, closeness *c) {
  const double delta = fabs(a - b), larger = fmax(fabs(a), fabs(b));
  for (size_t t = 0; t < NARROW_TYPES; t++) {
    const narrow *type = &narrow_types[t];
    c->near[t] = c->near[t] && delta <= ulp(type, larger);
    c->fits_a[t] = c->fits_a[t] && fits(type, a);
    c->fits_b[t] = c->fits_b[t] && fits(type, b);
  }
  c->max_delta = fmax(c->max_delta, delta);
}

static bool compare_weights(alb_weight *a, alb_weight *b, closeness *c) {
  for (size_t r = 0; r < a->rows; r++) {
    const float *x = alb_weight_row(a, r), *y = alb_weight_row(b, r);
    for (size_t i = 0; i < a->width; i++) compare_value((double)x[i], (double)y[i], c);
    if (!still_close(c)) return false;
  }
  return true;
}

static alb_status parameter_rounds(const finder *f, size_t a, size_t b, size_t p, double *max_delta, bool *yes) {
  alb_weight x = {0}, y = {0};
  closeness c = {{true, true}, {true, true}, {true, true}, 0};
  alb_status status = open_weight(f, a, p, &x);
  if (status == ALB_OK) status = open_weight(f, b, p, &y);
  *yes = status == ALB_OK && x.rows == y.rows && x.width == y.width && compare_weights(&x, &y, &c);
  *max_delta = fmax(*max_delta, c.max_delta);
  alb_weight_close(&x);
  alb_weight_close(&y);
  return status;
}

static alb_status block_rounds(const finder *f, bool ffn, size_t a, size_t b, double *max_delta, bool *yes) {
  *yes = true;
  *max_delta = 0;
  for (size_t p = 0; *yes && p < f->table->parameter_count; p++) {
    if (f->table->parameters[p].ffn != ffn || same_tensor(f, a, b, p)) continue;
    ALB_TRY(parameter_rounds(f, a, b, p, max_delta, yes));
  }
  return ALB_OK;
}

static bool block_equal(const finder *f, bool ffn, size_t a, size_t b) {
  for (size_t p = 0; p < f->table->parameter_count; p++) {
    if (f->table->parameters[p].ffn == ffn && !same_tensor(f, a, b, p)) return false;
  }
  return true;
}

typedef struct block {
  alb_weight up, bias, down;
} block;

static size_t find_parameter(const finder *f, const char *name) {
  size_t p = 0;
  while (p < f->table->parameter_count && strcmp(f->table->parameters[p].name, name) != 0) p++;
  return p;
}

static void mix(uint64_t *hash, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  *hash = (*hash ^ bits) * 0x9E3779B97F4A7C15u;
  *hash ^= *hash >> 29;
}

static int by_hash(const void *a, const void *b) {
  const neuron *x = a, *y = b;
  return (x->hash > y->hash) - (x->hash < y->hash);
}

static void hash_neurons(block *b, neuron *out) {
  const float *bias = alb_weight_row(&b->bias, 0);
  for (size_t j = 0; j < b->up.rows; j++) {
    const float *row = alb_weight_row(&b->up, j);
    out[j] = (neuron){.at = j};
    for (size_t i = 0; i < b->up.width; i++) mix(&out[j].hash, row[i]);
    mix(&out[j].hash, bias[j]);
  }
  for (size_t r = 0; r < b->down.rows; r++) {
    const float *row = alb_weight_row(&b->down, r);
    for (size_t j = 0; j < b->up.rows; j++) mix(&out[j].hash, row[j]);
  }
  qsort(out, b->up.rows, sizeof *out, by_hash);
}

static void close_block(block *b) {
  alb_weight_close(&b->up);
  alb_weight_close(&b->bias);
  alb_weight_close(&b->down);
}

static alb_status open_block(const finder *f, size_t layer, block *b) {
  ALB_TRY(open_weight(f, layer, f->moved[0], &b->up));
  ALB_TRY(open_weight(f, layer, f->moved[1], &b->bias));
  return open_weight(f, layer, f->moved[2], &b->down);
}

/* Once for each layer, whatever number of layers it is compared with. */
static alb_status sort_neurons(const finder *f, size_t layer) {
  if (f->neurons[layer]) return ALB_OK;
  block b = {0};
  alb_status status = open_block(f, layer, &b);
  if (status == ALB_OK) {
    f->neurons[layer] = calloc(b.up.rows + 1, sizeof **f->neurons);
    if (f->neurons[layer])
      hash_neurons(&b, f->neurons[layer]);
    else
      status = alb_fail_memory(f->diag, b.up.rows * sizeof **f->neurons, "neurons");
  }
  close_block(&b);
  return status;
}

static bool same_bits(const float *a, const float *b, size_t n) {
  return memcmp(a, b, n * sizeof *a) == 0;
}

static bool same_hashes(const neuron *a, const neuron *b, size_t n) {
  for (size_t j = 0; j < n; j++) {
    if (a[j].hash != b[j].hash) return false;
  }
  return true;
}

static bool same_neurons(block *a, block *b, const neuron *p, const neuron *q) {
  const size_t n = a->up.rows;
  const float *x = alb_weight_row(&a->bias, 0), *y = alb_weight_row(&b->bias, 0);
  for (size_t j = 0; j < n; j++) {
    if (!same_bits(&x[p[j].at], &y[q[j].at], 1)) return false;
    if (!same_bits(alb_weight_row(&a->up, p[j].at), alb_weight_row(&b->up, q[j].at), a->up.width)) return false;
  }
  for (size_t r = 0; r < a->down.rows; r++) {
    x = alb_weight_row(&a->down, r), y = alb_weight_row(&b->down, r);
    for (size_t j = 0; j < n; j++) {
      if (!same_bits(&x[p[j].at], &y[q[j].at], 1)) return false;
    }
  }
  return true;
}

static alb_status compare_neurons(const finder *f, size_t a, size_t b, bool *yes) {
  block x = {0}, y = {0};
  alb_status status = open_block(f, a, &x);
  if (status == ALB_OK) status = open_block(f, b, &y);
  *yes = status == ALB_OK && same_hashes(f->neurons[a], f->neurons[b], x.up.rows) &&
         same_neurons(&x, &y, f->neurons[a], f->neurons[b]);
  close_block(&x);
  close_block(&y);
  return status;
}

static bool others_equal(const finder *f, size_t a, size_t b) {
  const size_t *moved = f->moved;
  for (size_t p = 0; p < f->table->parameter_count; p++) {
    if (!f->table->parameters[p].ffn || p == moved[0] || p == moved[1] || p == moved[2]) continue;
    if (!same_tensor(f, a, b, p)) return false;
  }
  return true;
}

static alb_status ffn_permuted(const finder *f, size_t a, size_t b, bool *yes) {
  *yes = false;
  if (!f->neurons || !others_equal(f, a, b)) return ALB_OK;
  ALB_TRY(sort_neurons(f, a));
  ALB_TRY(sort_neurons(f, b));
  return compare_neurons(f, a, b, yes);
}

static alb_status relate(const finder *f, bool ffn, size_t a, size_t b, alb_layer_relation *out) {
  bool yes = false;
  double max_delta = 0;
  alb_relation kind = ALB_RELATION_EQUAL;
  if (!block_equal(f, ffn, a, b)) {
    kind = ALB_RELATION_ROUNDING;
    ALB_TRY(block_rounds(f, ffn, a, b, &max_delta, &yes));
    if (!yes && ffn) {
      kind = ALB_RELATION_PERMUTED;
      max_delta = 0;
      ALB_TRY(ffn_permuted(f, a, b, &yes));
    }
    if (!yes) return ALB_OK;
  }
  if (out->kind == ALB_RELATION_NONE || kind < out->kind) *out = (alb_layer_relation){kind, (uint32_t)a, max_delta};
  return ALB_OK;
}

static alb_status relate_all(const finder *f, bool ffn, alb_layer_relation *out) {
  for (uint32_t l = 0; l < f->table->layers; l++) {
    out[l] = (alb_layer_relation){.of = l};
    for (size_t e = 0; e < l && out[l].kind != ALB_RELATION_EQUAL; e++) {
      if (out[e].kind == ALB_RELATION_EQUAL) continue; /* its first equal has been asked */
      ALB_TRY(relate(f, ffn, e, l, &out[l]));
    }
  }
  return ALB_OK;
}

/* Whether the layer has all parameters that neurons are made of. */
static bool find_moved(finder *f) {
  static const char *const names[] = {"ffn.up.weight", "ffn.up.bias", "ffn.down.weight"};
  bool all = true;
  for (size_t i = 0; i < 3; i++) {
    f->moved[i] = find_parameter(f, names[i]);
    all = all && f->moved[i] < f->table->parameter_count;
  }
  return all;
}

alb_status alb_layer_relations(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, bool ffn,
                               alb_layer_relation *out) {
  finder f = {.diag = diag, .graph = graph, .table = table};
  if (ffn && find_moved(&f)) {
    f.neurons = calloc(table->layers + 1, sizeof *f.neurons);
    if (!f.neurons) return alb_fail_memory(diag, table->layers * sizeof *f.neurons, "neurons");
  }
  const alb_status status = relate_all(&f, ffn, out);
  for (size_t l = 0; f.neurons && l < table->layers; l++) free(f.neurons[l]);
  free(f.neurons);
  return status;
}
