/* LayerNormalization and ONNX Runtime's fusions with it. Means and variances are f64. */
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/onnx_op.h"

/* One normalisation over rows of `width` elements. gamma and beta are [width]; beta may be NULL. */
typedef struct norm {
  const double *gamma, *beta;
  size_t width;
  double eps;
} norm;

/* Mean and 1 / standard deviation of a row. */
static void statistics(const double *x, const norm *n, double *mean, double *inverse) {
  double sum = 0, squares = 0;
  for (size_t k = 0; k < n->width; k++) sum += x[k];
  *mean = sum / (double)n->width;
  for (size_t k = 0; k < n->width; k++) squares += (x[k] - *mean) * (x[k] - *mean);
  *inverse = 1.0 / sqrt(squares / (double)n->width + n->eps);
}

static void normalize(const double *x, const norm *n, alb_onnx_tensor *out, size_t at) {
  double mean, inverse;
  statistics(x, n, &mean, &inverse);
  for (size_t k = 0; k < n->width; k++) {
    alb_onnx_set_f64(out, at + k, (x[k] - mean) * inverse * n->gamma[k] + (n->beta ? n->beta[k] : 0.0));
  }
}

/* A scale or bias, broadcast to the dimensions of x from axis on. */
static alb_status parameter(const alb_onnx_call *c, const alb_onnx_tensor *x, size_t axis, const alb_onnx_tensor *t,
                            double **out) {
  alb_onnx_walk w;
  *out = NULL;
  if (!t) return ALB_OK;
  ALB_TRY(alb_onnx_need_float(c, t));
  ALB_TRY(alb_onnx_walk_over(c, x->rank - axis, x->dims + axis, &w));
  ALB_TRY(alb_onnx_walk_add(c, &w, t));
  ALB_TRY(alb_onnx_doubles(c, w.count, out));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) (*out)[i] = alb_onnx_get_f64(t, w.at[0]);
  return ALB_OK;
}

/* Mean and InvStdDev, when they are wanted. */
static alb_status new_statistics(alb_onnx_call *c, const alb_onnx_tensor *x, size_t axis) {
  int64_t dims[ALB_ONNX_MAX_RANK];
  for (size_t i = 0; i < x->rank; i++) dims[i] = i < axis ? x->dims[i] : 1;
  for (size_t i = 1; i < 3; i++) {
    if (alb_onnx_wants(c, i)) ALB_TRY(alb_onnx_out(c, i, ALB_ONNX_FLOAT, x->rank, dims));
  }
  return ALB_OK;
}

static alb_status norm_rows(alb_onnx_call *c, const alb_onnx_tensor *x, const norm *n) {
  double *row;
  ALB_TRY(alb_onnx_doubles(c, n->width, &row));
  for (size_t at = 0, line = 0; at < x->count; at += n->width, line++) {
    double mean, inverse;
    for (size_t k = 0; k < n->width; k++) row[k] = alb_onnx_get_f64(x, at + k);
    normalize(row, n, &c->outputs[0], at);
    statistics(row, n, &mean, &inverse);
    if (alb_onnx_wants(c, 1)) alb_onnx_set_f64(&c->outputs[1], line, mean);
    if (alb_onnx_wants(c, 2)) alb_onnx_set_f64(&c->outputs[2], line, inverse);
  }
  free(row);
  return ALB_OK;
}

static alb_status layer_norm(alb_onnx_call *c, const alb_onnx_tensor *x, size_t axis, norm *n, double **gamma,
                             double **beta) {
  ALB_TRY(parameter(c, x, axis, alb_onnx_in(c, 1), gamma));
  ALB_TRY(parameter(c, x, axis, alb_onnx_in(c, 2), beta));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  ALB_TRY(new_statistics(c, x, axis));
  n->gamma = *gamma;
  n->beta = *beta;
  return x->count ? norm_rows(c, x, n) : ALB_OK;
}

alb_status alb_onnx_run_layer_norm(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  norm n = {.width = 1, .eps = (double)alb_onnx_attr_float(c->node, "epsilon", 1e-5f)};
  double *gamma = NULL, *beta = NULL;
  size_t axis;
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", -1), x->rank, &axis));
  for (size_t i = axis; i < x->rank; i++) n.width *= (size_t)x->dims[i];
  const alb_status status = layer_norm(c, x, axis, &n, &gamma, &beta);
  free(gamma);
  free(beta);
  return status;
}

/* ---- com.microsoft ---- */

/* SkipLayerNormalization: norm(input + skip + bias); output 3 is the sum. A skip of one batch is broadcast. */
static alb_status skip_rows(alb_onnx_call *c, const norm *n, double *row) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *skip = alb_onnx_in(c, 1), *bias = alb_onnx_in(c, 4);
  for (size_t at = 0; at < x->count; at += n->width) {
    for (size_t k = 0; k < n->width; k++) {
      row[k] = alb_onnx_get_f64(x, at + k) + alb_onnx_get_f64(skip, (at + k) % skip->count);
      if (bias) row[k] += alb_onnx_get_f64(bias, k);
      if (alb_onnx_wants(c, 3)) alb_onnx_set_f64(&c->outputs[3], at + k, row[k]);
    }
    normalize(row, n, &c->outputs[0], at);
  }
  return ALB_OK;
}

static alb_status skip_norm(alb_onnx_call *c, norm *n, double **gamma, double **beta, double **row) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0);
  ALB_TRY(parameter(c, x, x->rank - 1, alb_onnx_in(c, 2), gamma));
  ALB_TRY(parameter(c, x, x->rank - 1, alb_onnx_in(c, 3), beta));
  ALB_TRY(alb_onnx_doubles(c, n->width, row));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, x->dims));
  if (alb_onnx_wants(c, 3)) ALB_TRY(alb_onnx_out(c, 3, x->type, x->rank, x->dims));
  n->gamma = *gamma;
  n->beta = *beta;
  return skip_rows(c, n, *row);
}

alb_status alb_onnx_run_skip_layer_norm(alb_onnx_call *c) {
  const alb_onnx_tensor *x = alb_onnx_in(c, 0), *skip = alb_onnx_in(c, 1), *bias = alb_onnx_in(c, 4);
  double *gamma = NULL, *beta = NULL, *row = NULL;
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_need_same_type(c, x, skip));
  if (x->rank < 2 || x->count == 0) return alb_onnx_refuse(c, ALB_SHAPE, "takes [batch, sequence, hidden]");
  norm n = {.width = (size_t)x->dims[x->rank - 1], .eps = (double)alb_onnx_attr_float(c->node, "epsilon", 1e-12f)};
  if (skip->count == 0 || skip->count % n.width || x->count % skip->count || (bias && bias->count != n.width)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "skip or bias do not fit the input");
  }
  if (alb_onnx_wants(c, 1) || alb_onnx_wants(c, 2)) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "means as outputs");
  const alb_status status = skip_norm(c, &n, &gamma, &beta, &row);
  free(gamma);
  free(beta);
  free(row);
  return status;
}

static alb_status add_row(const alb_onnx_call *c, const alb_onnx_tensor *table, int64_t id, size_t width, double *row) {
  if (id < 0 || id >= table->dims[0]) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "id %lld of a table of %lld rows", (long long)id,
                           (long long)table->dims[0]);
  }
  for (size_t k = 0; k < width; k++) row[k] += alb_onnx_get_f64(table, (size_t)id * width + k);
  return ALB_OK;
}

/* Inputs: ids, segment ids, word, position and segment tables, gamma, beta, mask, position ids. */
static alb_status embed_rows(alb_onnx_call *c, const norm *n, double *row) {
  const alb_onnx_tensor *ids = c->inputs[0], *segments = c->inputs[1], *positions = alb_onnx_in(c, 8);
  const size_t sequence = (size_t)ids->dims[1];
  for (size_t i = 0; i < ids->count; i++) {
    memset(row, 0, n->width * sizeof *row);
    ALB_TRY(add_row(c, c->inputs[2], alb_onnx_get_i64(ids, i), n->width, row));
    const int64_t position = positions ? alb_onnx_get_i64(positions, i % positions->count) : (int64_t)(i % sequence);
    ALB_TRY(add_row(c, c->inputs[3], position, n->width, row));
    if (segments && c->inputs[4]) {
      ALB_TRY(add_row(c, c->inputs[4], alb_onnx_get_i64(segments, i), n->width, row));
    }
    normalize(row, n, &c->outputs[0], i * n->width);
    for (size_t k = 0; alb_onnx_wants(c, 2) && k < n->width; k++) {
      alb_onnx_set_f64(&c->outputs[2], i * n->width + k, row[k]);
    }
  }
  return ALB_OK;
}

/* Output 1: how many of each row of the mask are not 0. */
static alb_status mask_index(alb_onnx_call *c) {
  const alb_onnx_tensor *ids = c->inputs[0], *mask = alb_onnx_in(c, 7);
  if (!alb_onnx_wants(c, 1)) return ALB_OK;
  ALB_TRY(alb_onnx_out(c, 1, ALB_ONNX_INT32, 1, ids->dims));
  for (size_t i = 0; mask && i < mask->count; i++) {
    const size_t row = i / (size_t)ids->dims[1];
    const int64_t so_far = alb_onnx_get_i64(&c->outputs[1], row);
    alb_onnx_set_i64(&c->outputs[1], row, so_far + (alb_onnx_get_i64(mask, i) != 0));
  }
  return ALB_OK;
}

static alb_status embed_norm(alb_onnx_call *c, norm *n, double **gamma, double **beta, double **row) {
  const int64_t dims[] = {c->inputs[0]->dims[0], c->inputs[0]->dims[1], (int64_t)n->width};
  const alb_onnx_tensor like = {.rank = 3, .dims = {dims[0], dims[1], dims[2]}};
  ALB_TRY(parameter(c, &like, 2, c->inputs[5], gamma));
  ALB_TRY(parameter(c, &like, 2, c->inputs[6], beta));
  ALB_TRY(alb_onnx_doubles(c, n->width, row));
  ALB_TRY(alb_onnx_out(c, 0, c->inputs[2]->type, 3, dims));
  ALB_TRY(mask_index(c));
  if (alb_onnx_wants(c, 2)) ALB_TRY(alb_onnx_out(c, 2, c->inputs[2]->type, 3, dims));
  n->gamma = *gamma;
  n->beta = *beta;
  return embed_rows(c, n, *row);
}

static bool embed_fits(const alb_onnx_call *c) {
  const alb_onnx_tensor *ids = c->inputs[0], *words = c->inputs[2], *mask = alb_onnx_in(c, 7);
  const alb_onnx_tensor *positions = alb_onnx_in(c, 8);
  if (ids->rank != 2 || words->rank != 2 || words->dims[1] == 0) return false;
  for (size_t i = 3; i < 5; i++) {
    const alb_onnx_tensor *t = c->inputs[i];
    if (t && (t->rank != 2 || t->dims[1] != words->dims[1] || !alb_onnx_type_is_float(t->type))) return false;
  }
  if (c->inputs[1] && c->inputs[1]->count != ids->count) return false;
  if (positions && (positions->count == 0 || ids->count % positions->count)) return false;
  return (!mask || mask->count == ids->count) && alb_onnx_type_is_float(words->type);
}

alb_status alb_onnx_run_embed_layer_norm(alb_onnx_call *c) {
  double *gamma = NULL, *beta = NULL, *row = NULL;
  const size_t needed[] = {0, 2, 3, 5, 6};
  for (size_t i = 0; i < 5; i++) {
    if (!alb_onnx_in(c, needed[i])) return alb_onnx_refuse(c, ALB_MISSING, "input %zu is left out", needed[i]);
  }
  if (!embed_fits(c)) return alb_onnx_refuse(c, ALB_SHAPE, "inputs do not fit one another");
  norm n = {.width = (size_t)c->inputs[2]->dims[1], .eps = (double)alb_onnx_attr_float(c->node, "epsilon", 1e-12f)};
  const alb_status status = embed_norm(c, &n, &gamma, &beta, &row);
  free(gamma);
  free(beta);
  free(row);
  return status;
}
