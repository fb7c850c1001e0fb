/* Formulas on the numbers of a trace: norms, biases, activations. */
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/match.h"
#include "graph/interpret.h"

alb_status alb_match_matrix(alb_onnx_match *m, uint32_t value, size_t width, alb_onnx_matrix *out) {
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, value, &out->p));
  out->width = width;
  out->rows = alb_match_count(m, value) / width;
  return ALB_OK;
}

alb_status alb_match_vector(alb_onnx_match *m, const alb_onnx_part *part, const float **out) {
  ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, part->value, out));
  *out += part->first;
  return ALB_OK;
}

double alb_match_error(const float *a, const float *b, size_t n) {
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < n; i++) {
    const double d = fabs((double)a[i] - (double)b[i]);
    if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    largest = fmax(largest, fabs((double)b[i]));
  }
  return worst / largest;
}

/* ---- LayerNorm ---- */

/* A guess at a norm, and the values that it is tried with. NULL: no bias, gamma 1, beta 0, which simplifiers drop. */
typedef struct attempt {
  const float *base, *bias, *gamma, *beta, *target;
  size_t rows, width;
  double eps;
} attempt;

/* Mean and 1 / deviation of row r. */
static void statistics(const attempt *a, size_t r, double *mean, double *scale) {
  const float *x = a->base + r * a->width;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < a->width; i++) sum += (double)x[i] + (a->bias ? (double)a->bias[i] : 0);
  *mean = sum / (double)a->width;
  for (size_t i = 0; i < a->width; i++) {
    const double d = (double)x[i] + (a->bias ? (double)a->bias[i] : 0) - *mean;
    squares += d * d;
  }
  *scale = 1 / sqrt(squares / (double)a->width + a->eps);
}

/* Largest difference over the first `rows` rows and `columns` columns, as part of the largest magnitude there. */
static double norm_error(const attempt *a, size_t rows, size_t columns, double mean, double scale) {
  double worst = 0, largest = 1e-30;
  for (size_t r = 0; r < rows; r++) {
    if (r > 0 || columns == a->width) statistics(a, r, &mean, &scale);
    for (size_t i = 0; i < columns; i++) {
      const double x = (double)a->base[r * a->width + i] + (a->bias ? (double)a->bias[i] : 0);
      const double y = (x - mean) * scale * (a->gamma ? (double)a->gamma[i] : 1) + (a->beta ? (double)a->beta[i] : 0);
      const double d = fabs(y - (double)a->target[r * a->width + i]);
      if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
      largest = fmax(largest, fabs((double)a->target[r * a->width + i]));
    }
  }
  return worst / largest;
}

enum {
  GLANCE = 16,     /* columns of the first row that decide whether a guess is worth a full look */
  MAX_TARGETS = 64 /* values that are looked at behind a product before there is no norm */
};

/* Tries every eps on a guess and keeps the best. */
static void try_eps(const alb_onnx_region *region, attempt *a, const alb_onnx_norm *guess, alb_onnx_norm *best) {
  for (size_t e = 0; e < region->eps_count || e == 0; e++) {
    const float eps = region->eps_count ? region->eps[e] : 0;
    a->eps = (double)eps;
    const double error = norm_error(a, a->rows, a->width, 0, 0);
    if (!(error < best->error)) continue;
    const uint32_t y = best->y;
    *best = *guess;
    best->y = y;
    best->error = error;
    best->eps = eps;
  }
}

/* Vector i of a region; none behind the last, so that of equal guesses the one with a vector stays. */
static alb_status vector_at(const alb_onnx_region *region, size_t i, alb_onnx_part *part, const float **numbers) {
  const bool none = i >= region->vector_count;
  *part = none ? alb_onnx_no_part : region->vectors[i];
  *numbers = NULL;
  return none ? ALB_OK : alb_match_vector(region->m, part, numbers);
}

/* Every assignment of the region's vectors to gamma and beta, for one bias. */
static alb_status try_vectors(const alb_onnx_region *region, attempt *a, alb_onnx_norm *guess, alb_onnx_norm *best) {
  const size_t glance = a->width < GLANCE ? a->width : GLANCE;
  double mean, scale;
  a->eps = region->eps_count ? (double)region->eps[0] : 0;
  statistics(a, 0, &mean, &scale);
  for (size_t g = 0; g <= region->vector_count; g++) {
    ALB_TRY(vector_at(region, g, &guess->gamma, &a->gamma));
    for (size_t b = 0; b <= region->vector_count; b++) {
      ALB_TRY(vector_at(region, b, &guess->beta, &a->beta));
      if (norm_error(a, 1, glance, mean, scale) <= 0.05) try_eps(region, a, guess, best);
    }
  }
  return ALB_OK;
}

/* Input i of a node as a part; none when it is left out or no vector of that width. */
static alb_onnx_part input_part(const alb_onnx_region *region, const alb_onnx_node *node, uint32_t i) {
  const uint32_t value = i < node->input_count ? node->inputs[i] : ALB_ONNX_NONE;
  return alb_match_is_vector(region->m, value, region->width) ? alb_match_whole(value) : alb_onnx_no_part;
}

static alb_status numbers_of(alb_onnx_match *m, const alb_onnx_part *part, const float **out) {
  *out = NULL;
  return part->value == ALB_ONNX_NONE ? ALB_OK : alb_match_vector(m, part, out);
}

/* An operator that is a norm says itself which vector is which. */
static alb_status try_operator(const alb_onnx_region *region, attempt *a, alb_onnx_norm *best) {
  alb_onnx_match *m = region->m;
  const alb_onnx_node *node = alb_onnx_producer(m->model, best->y);
  alb_onnx_norm guess = {.bias = alb_onnx_no_part, .y = best->y};
  if (!node || (node->op != ALB_ONNX_OP_LayerNormalization && node->op != ALB_ONNX_OP_ms_SkipLayerNormalization))
    return ALB_OK;
  const bool skips = node->op == ALB_ONNX_OP_ms_SkipLayerNormalization;
  guess.gamma = input_part(region, node, skips ? 2 : 1);
  guess.beta = input_part(region, node, skips ? 3 : 2);
  if (skips) guess.bias = input_part(region, node, 4);
  ALB_TRY(numbers_of(m, &guess.gamma, &a->gamma));
  ALB_TRY(numbers_of(m, &guess.beta, &a->beta));
  ALB_TRY(numbers_of(m, &guess.bias, &a->bias));
  try_eps(region, a, &guess, best);
  a->bias = NULL;
  return ALB_OK;
}

/* Is class y the norm of base for some assignment? best->error says how well the best one fits. A bias is taken only
 * when it makes a difference beyond rounding: adding the same number everywhere does not change a norm. */
static alb_status try_target(const alb_onnx_region *region, const float *base, size_t rows, uint32_t y,
                             alb_onnx_norm *best) {
  attempt a = {.base = base, .rows = rows, .width = region->width};
  ALB_TRY(alb_onnx_trace_f32(region->m->diag, region->m->trace, y, &a.target));
  *best = (alb_onnx_norm){.y = y, .error = INFINITY};
  ALB_TRY(try_operator(region, &a, best));
  if (best->error <= region->m->tolerance) return ALB_OK;
  for (size_t i = 0; i <= region->vector_count; i++) {
    alb_onnx_norm guess = {.y = y}, local = {.y = y, .error = INFINITY};
    ALB_TRY(vector_at(region, i ? i - 1 : region->vector_count, &guess.bias, &a.bias));
    ALB_TRY(try_vectors(region, &a, &guess, &local));
    if (local.error < best->error / (i ? 4 : 1)) *best = local;
  }
  return ALB_OK;
}

/* The class of a value that may be a norm of [rows][width]; ALB_ONNX_NONE: it can't be. */
static uint32_t candidate(const alb_onnx_match *m, uint32_t value, size_t count, bool anywhere) {
  if (value == ALB_ONNX_NONE || !m->trace->dynamic[value] || alb_match_count(m, value) != count) return ALB_ONNX_NONE;
  if (!alb_onnx_type_is_float(m->trace->tensors[value].type)) return ALB_ONNX_NONE;
  const uint32_t y = m->trace->same[value];
  return anywhere || m->feeds_product[y] ? y : ALB_ONNX_NONE;
}

/* One walk: the first class that fits and that a product takes, with all vectors that stand before its last value (a
 * gamma of ones changes nothing). anywhere: the last class of all that fit, for a norm that no product follows; what
 * is computed on the way to it may fit as well, as a norm without gamma and beta. */
static alb_status walk_norm(alb_onnx_match *m, uint32_t start, const float *base, size_t rows, size_t width,
                            bool anywhere, alb_onnx_norm *out, bool *found) {
  alb_onnx_region region;
  uint32_t node;
  size_t tried = 0;
  alb_region_begin(&region, m, width);
  alb_region_add(&region, start);
  while ((node = alb_region_next(&region)) != ALB_ONNX_NONE && tried < MAX_TARGETS) {
    if (m->product_of[node] != ALB_ONNX_NONE) continue;
    const alb_onnx_node *n = alb_match_node(m, node);
    for (uint32_t i = 0; i < n->output_count; i++) {
      const uint32_t y = candidate(m, n->outputs[i], rows * width, anywhere);
      alb_onnx_norm best;
      if (y == ALB_ONNX_NONE) continue;
      if (*found && !anywhere && y != out->y) return ALB_OK;
      tried++;
      ALB_TRY(try_target(&region, base, rows, y, &best));
      if (best.error > m->tolerance) continue;
      *out = best;
      *found = true;
    }
  }
  return ALB_OK;
}

alb_status alb_match_norm(alb_onnx_match *m, uint32_t start, const float *base, size_t rows, size_t width,
                          alb_onnx_norm *out, bool *found) {
  *found = false;
  ALB_TRY(walk_norm(m, start, base, rows, width, false, out, found));
  return *found ? ALB_OK : walk_norm(m, start, base, rows, width, true, out, found);
}

/* ---- biases and activations ---- */

/* x + vector, row for row, compared with y: whether the error is at most `bound`, and what it is then. Most guesses
 * are wrong from the first numbers on. */
static bool bias_fits(const alb_onnx_matrix *x, const float *vector, const float *y, alb_activation activation,
                      double bound, double *error) {
  const size_t n = x->rows * x->width;
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)y[i]));
  for (size_t i = 0; i < n && worst / largest <= bound; i++) {
    const double sum = (double)x->p[i] + (vector ? (double)vector[i % x->width] : 0);
    const double d = fabs(alb_activation_value(activation, sum) - (double)y[i]);
    if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
  }
  *error = worst / largest;
  return *error <= bound;
}

alb_status alb_match_bias(alb_onnx_match *m, uint32_t y, size_t width, alb_onnx_part *bias, uint32_t *biased) {
  alb_onnx_matrix x;
  alb_onnx_region region;
  uint32_t node;
  *biased = y;
  ALB_TRY(alb_match_matrix(m, y, width, &x));
  alb_region_begin(&region, m, width);
  alb_region_add(&region, y);
  while ((node = alb_region_next(&region)) != ALB_ONNX_NONE) {
    if (m->product_of[node] != ALB_ONNX_NONE) return ALB_OK; /* a bias stands before the next product */
    const uint32_t v = alb_match_node(m, node)->outputs[0];
    if (v == ALB_ONNX_NONE || !m->trace->dynamic[v] || alb_match_count(m, v) != x.rows * width) continue;
    for (size_t i = 0; i < region.vector_count; i++) {
      const float *vector, *sum;
      double error;
      ALB_TRY(alb_match_vector(m, &region.vectors[i], &vector));
      ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, v, &sum));
      if (!bias_fits(&x, vector, sum, ALB_ACT_NONE, m->tolerance, &error)) continue;
      *bias = region.vectors[i];
      *biased = m->trace->same[v];
      return ALB_OK;
    }
    if (region.vector_count) return ALB_OK; /* something else is done with the vector */
  }
  return ALB_OK;
}

typedef struct found_activation {
  double error;
  alb_activation activation;
  alb_onnx_part bias;
} found_activation;

static alb_status try_activations(const alb_onnx_region *region, const alb_onnx_matrix *x, uint32_t y,
                                  alb_activation only, found_activation *best) {
  const float *target, *vector;
  ALB_TRY(alb_onnx_trace_f32(region->m->diag, region->m->trace, y, &target));
  for (size_t i = 0; i <= region->vector_count; i++) {
    alb_onnx_part bias;
    ALB_TRY(vector_at(region, i, &bias, &vector));
    for (alb_activation a = ALB_ACT_NONE + 1; a < ALB_ACT_COUNT; a++) {
      if (only != ALB_ACT_NONE && a != only) continue;
      double error;
      if (!bias_fits(x, vector, target, a, fmin(best->error, region->m->tolerance), &error)) continue;
      if (error < best->error) *best = (found_activation){error, a, bias};
    }
  }
  return ALB_OK;
}

alb_status alb_match_activation(alb_onnx_match *m, const alb_onnx_product *from, uint32_t target, alb_onnx_part *bias,
                                alb_activation *activation, uint32_t *y, bool *found) {
  alb_onnx_matrix x;
  alb_onnx_region region;
  uint32_t node;
  *found = from->activation != ALB_ACT_NONE && (target == ALB_ONNX_NONE || target == from->y);
  if (*found) {
    *activation = from->activation;
    *bias = from->bias;
    *y = from->y;
    return ALB_OK;
  }
  ALB_TRY(alb_match_matrix(m, from->y, from->n, &x));
  alb_region_begin(&region, m, from->n);
  alb_region_add(&region, from->y);
  while ((node = alb_region_next(&region)) != ALB_ONNX_NONE) {
    if (m->product_of[node] != ALB_ONNX_NONE) continue;
    const uint32_t v = alb_match_node(m, node)->outputs[0];
    if (v == ALB_ONNX_NONE || !m->trace->dynamic[v] || alb_match_count(m, v) != x.rows * x.width) continue;
    if (target != ALB_ONNX_NONE && m->trace->same[v] != target) continue;
    found_activation best = {.error = INFINITY};
    ALB_TRY(try_activations(&region, &x, v, *activation, &best));
    if (best.error > m->tolerance) continue;
    *found = true;
    *activation = best.activation;
    *bias = from->bias.value == ALB_ONNX_NONE ? best.bias : from->bias;
    *y = m->trace->same[v];
    return ALB_OK;
  }
  return ALB_OK;
}
