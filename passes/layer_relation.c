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

typedef struct finder {
  alb_diag *diag;
  const alb_graph *graph;
  const alb_layer_table *table;
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

/* The three parameters with an element, row or column for each neuron. */
typedef struct neurons {
  alb_weight up, bias, down;
  struct neuron {
    uint64_t hash;
    size_t at;
  } * order; /* [up.rows], sorted by hash */
} neurons;

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
  const struct neuron *x = a, *y = b;
  return (x->hash > y->hash) - (x->hash < y->hash);
}

static void hash_neurons(neurons *n) {
  const float *bias = alb_weight_row(&n->bias, 0);
  for (size_t j = 0; j < n->up.rows; j++) {
    const float *row = alb_weight_row(&n->up, j);
    n->order[j] = (struct neuron){.at = j};
    for (size_t i = 0; i < n->up.width; i++) mix(&n->order[j].hash, row[i]);
    mix(&n->order[j].hash, bias[j]);
  }
  for (size_t r = 0; r < n->down.rows; r++) {
    const float *row = alb_weight_row(&n->down, r);
    for (size_t j = 0; j < n->up.rows; j++) mix(&n->order[j].hash, row[j]);
  }
  qsort(n->order, n->up.rows, sizeof *n->order, by_hash);
}

static void close_neurons(neurons *n) {
  alb_weight_close(&n->up);
  alb_weight_close(&n->bias);
  alb_weight_close(&n->down);
  free(n->order);
}

static alb_status open_neurons(const finder *f, size_t layer, const size_t parameters[3], neurons *n) {
  ALB_TRY(open_weight(f, layer, parameters[0], &n->up));
  ALB_TRY(open_weight(f, layer, parameters[1], &n->bias));
  ALB_TRY(open_weight(f, layer, parameters[2], &n->down));
  n->order = calloc(n->up.rows + 1, sizeof *n->order);
  if (!n->order) return alb_fail_memory(f->diag, n->up.rows * sizeof *n->order, "neurons");
  hash_neurons(n);
  return ALB_OK;
}

static bool same_bits(const float *a, const float *b, size_t n) {
  return memcmp(a, b, n * sizeof *a) == 0;
}

static bool same_neurons(neurons *a, neurons *b) {
  const size_t n = a->up.rows;
  for (size_t j = 0; j < n; j++) {
    if (a->order[j].hash != b->order[j].hash) return false;
  }
  const float *x = alb_weight_row(&a->bias, 0), *y = alb_weight_row(&b->bias, 0);
  for (size_t j = 0; j < n; j++) {
    const size_t p = a->order[j].at, q = b->order[j].at;
    if (!same_bits(&x[p], &y[q], 1)) return false;
    if (!same_bits(alb_weight_row(&a->up, p), alb_weight_row(&b->up, q), a->up.width)) return false;
  }
  for (size_t r = 0; r < a->down.rows; r++) {
    x = alb_weight_row(&a->down, r), y = alb_weight_row(&b->down, r);
    for (size_t j = 0; j < n; j++) {
      if (!same_bits(&x[a->order[j].at], &y[b->order[j].at], 1)) return false;
    }
  }
  return true;
}

static bool others_equal(const finder *f, const size_t moved[3], size_t a, size_t b) {
  for (size_t p = 0; p < f->table->parameter_count; p++) {
    if (!f->table->parameters[p].ffn || p == moved[0] || p == moved[1] || p == moved[2]) continue;
    if (!same_tensor(f, a, b, p)) return false;
  }
  return true;
}

static alb_status ffn_permuted(const finder *f, size_t a, size_t b, bool *yes) {
  const size_t moved[3] = {find_parameter(f, "ffn.up.weight"), find_parameter(f, "ffn.up.bias"),
                           find_parameter(f, "ffn.down.weight")};
  *yes = false;
  for (size_t i = 0; i < 3; i++) {
    if (moved[i] == f->table->parameter_count) return ALB_OK;
  }
  if (!others_equal(f, moved, a, b)) return ALB_OK;
  neurons x = {0}, y = {0};
  alb_status status = open_neurons(f, a, moved, &x);
  if (status == ALB_OK) status = open_neurons(f, b, moved, &y);
  *yes = status == ALB_OK && same_neurons(&x, &y);
  close_neurons(&x);
  close_neurons(&y);
  return status;
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

alb_status alb_layer_relations(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, bool ffn,
                               alb_layer_relation *out) {
  const finder f = {diag, graph, table};
  for (uint32_t l = 0; l < table->layers; l++) {
    out[l] = (alb_layer_relation){.of = l};
    for (size_t e = 0; e < l && out[l].kind != ALB_RELATION_EQUAL; e++) {
      if (out[e].kind == ALB_RELATION_EQUAL) continue; /* its first equal has been asked */
      ALB_TRY(relate(&f, ffn, e, l, &out[l]));
    }
  }
  return ALB_OK;
}
