/* Attention and MultiHeadAttention of com.microsoft, as ONNX Runtime's optimiser writes them for encoders: no past. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/onnx_attention.h"

static alb_status set_scale(const alb_onnx_call *c, alb_onnx_attention *a) {
  const double scale = (double)alb_onnx_attr_float(c->node, "scale", 0);
  a->scale = scale != 0 ? scale : 1.0 / sqrt((double)a->width);
  return a->width ? ALB_OK : alb_onnx_refuse(c, ALB_SHAPE, "heads without width");
}

static alb_status heads_attribute(const alb_onnx_call *c, size_t width, size_t *heads) {
  const int64_t n = alb_onnx_attr_int(c->node, "num_heads", 0);
  if (n < 1 || width % (size_t)n) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "%lld heads of a width of %zu", (long long)n, width);
  }
  *heads = (size_t)n;
  return ALB_OK;
}

/* A mask of int32 that says which keys count: [batch] numbers of keys, [batch, keys] or [batch, queries, keys]. */
static alb_status add_mask(const alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *mask) {
  const double filter = (double)alb_onnx_attr_float(c->node, "mask_filter_value", -10000.0f);
  const size_t batch = a->batch, per_row = a->keys, per_query = a->keys * a->queries;
  if (!mask) return ALB_OK;
  const bool counts = mask->rank == 1 && mask->count == batch;
  const bool rows = mask->rank == 2 && mask->count == batch * per_row;
  const bool queries = mask->rank == 3 && mask->count == batch * per_query;
  if ((!counts && !rows && !queries) || mask->type != ALB_ONNX_INT32) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "a mask of rank %zu", mask->rank);
  }
  for (size_t i = 0; i < batch * a->heads * per_query; i++) {
    const size_t key = i % a->keys, query = i / a->keys % a->queries, b = i / (per_query * a->heads);
    const int64_t v = alb_onnx_get_i64(mask, counts ? b
                                             : rows ? b * per_row + key
                                                    : b * per_query + query * per_row + key);
    if (counts ? (int64_t)key >= v : v == 0) a->bias[i] += filter;
  }
  return ALB_OK;
}

/* [batch, heads, queries, width] to [batch, queries, heads * width]. */
static alb_status give(alb_onnx_call *c, const alb_onnx_attention *a) {
  const size_t row = a->heads * a->value_width;
  const int64_t dims[] = {(int64_t)a->batch, (int64_t)a->queries, (int64_t)row};
  ALB_TRY(alb_onnx_out(c, 0, c->inputs[0]->type, 3, dims));
  for (size_t i = 0; i < c->outputs[0].count; i++) {
    const size_t d = i % a->value_width, h = i % row / a->value_width, s = i / row % a->queries,
                 b = i / row / a->queries;
    alb_onnx_set_f64(&c->outputs[0], i, a->out[((b * a->heads + h) * a->queries + s) * a->value_width + d]);
  }
  return ALB_OK;
}

static alb_status finish(alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *mask,
                         const alb_onnx_tensor *bias) {
  ALB_TRY(set_scale(c, a));
  ALB_TRY(alb_onnx_attention_prepare(c, a));
  ALB_TRY(add_mask(c, a, mask));
  if (bias) ALB_TRY(alb_onnx_attention_bias(c, a, bias));
  if (alb_onnx_attr_int(c->node, "unidirectional", 0)) alb_onnx_attention_causal(a, 0, -FLT_MAX);
  ALB_TRY(alb_onnx_attention_run(c, a));
  return give(c, a);
}

/* ---- Attention: input [batch, tokens, in] times weights [in, q + k + v] plus bias ---- */

static alb_status qkv_sizes(const alb_onnx_call *c, size_t sizes[3]) {
  const alb_onnx_attribute *stated = alb_onnx_attribute_find(c->node, "qkv_hidden_sizes");
  const alb_onnx_tensor *x = c->inputs[0], *w = c->inputs[1], *bias = alb_onnx_in(c, 2);
  if (x->rank != 3 || w->rank != 2 || w->dims[0] != x->dims[2])
    return alb_onnx_refuse(c, ALB_SHAPE, "weights do not fit");
  if (x->count == 0) return alb_onnx_refuse(c, ALB_SHAPE, "of nothing: a dimension is 0");
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(alb_onnx_need_same_type(c, x, w));
  if (stated && (stated->kind != ALB_ONNX_ATTR_INTS || stated->count != 3)) {
    return alb_onnx_refuse(c, ALB_MALFORMED, "qkv_hidden_sizes are three numbers");
  }
  size_t total = 0;
  for (size_t i = 0; i < 3; i++) {
    const int64_t n = stated ? stated->ints[i] : w->dims[1] / 3;
    if (n < 1 || n > w->dims[1]) return alb_onnx_refuse(c, ALB_SHAPE, "weights do not fit");
    sizes[i] = (size_t)n;
    total += sizes[i];
  }
  if (total != (size_t)w->dims[1] || sizes[0] != sizes[1] || (bias && bias->count != total)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "weights do not fit");
  }
  return ALB_OK;
}

/* sums[rows, size] += input times columns first .. first + size of the weights; each weight is converted once. */
static void multiply(const alb_onnx_call *c, size_t rows, size_t first, size_t size, double *sums, double *weights) {
  const alb_onnx_tensor *x = c->inputs[0], *w = c->inputs[1];
  const size_t in = (size_t)x->dims[2], columns = (size_t)w->dims[1];
  for (size_t k = 0; k < in; k++) {
    for (size_t n = 0; n < size; n++) weights[n] = alb_onnx_get_f64(w, k * columns + first + n);
    for (size_t r = 0; r < rows; r++) {
      const double v = alb_onnx_get_f64(x, r * in + k);
      for (size_t n = 0; n < size; n++) sums[r * size + n] += v * weights[n];
    }
  }
}

/* Columns first .. first + size of input times weights, plus bias, as [batch, heads, tokens, width]. */
static alb_status project(const alb_onnx_call *c, const alb_onnx_attention *a, size_t first, size_t size,
                          double **out) {
  const alb_onnx_tensor *bias = alb_onnx_in(c, 2);
  const size_t rows = a->batch * a->queries, width = size / a->heads;
  double *sums = NULL, *weights = NULL;
  ALB_TRY(alb_onnx_spend_product(c, c->inputs[0]->count, size));
  alb_status status = alb_onnx_doubles(c, rows * size, &sums);
  if (status == ALB_OK) status = alb_onnx_doubles(c, size, &weights);
  if (status == ALB_OK) status = alb_onnx_doubles(c, rows * size, out);
  if (status == ALB_OK) multiply(c, rows, first, size, sums, weights);
  for (size_t i = 0; status == ALB_OK && i < rows * size; i++) {
    const size_t n = i % size, s = i / size % a->queries, b = i / size / a->queries;
    const double v = sums[i] + (bias ? alb_onnx_get_f64(bias, first + n) : 0);
    (*out)[((b * a->heads + n / width) * a->queries + s) * width + n % width] = v;
  }
  free(sums);
  free(weights);
  return status;
}

static alb_status ms_attention(alb_onnx_call *c, alb_onnx_attention *a) {
  size_t sizes[3];
  ALB_TRY(qkv_sizes(c, sizes));
  ALB_TRY(heads_attribute(c, sizes[0], &a->heads));
  ALB_TRY(heads_attribute(c, sizes[2], &a->heads));
  a->kv_heads = a->heads;
  a->batch = (size_t)c->inputs[0]->dims[0];
  a->queries = a->keys = (size_t)c->inputs[0]->dims[1];
  a->width = sizes[0] / a->heads;
  a->value_width = sizes[2] / a->heads;
  ALB_TRY(project(c, a, 0, sizes[0], &a->q));
  ALB_TRY(project(c, a, sizes[0], sizes[1], &a->k));
  ALB_TRY(project(c, a, sizes[0] + sizes[1], sizes[2], &a->v));
  return finish(c, a, alb_onnx_in(c, 3), alb_onnx_in(c, 5));
}

alb_status alb_onnx_run_ms_attention(alb_onnx_call *c) {
  alb_onnx_attention a = {0};
  if (alb_onnx_in(c, 4) || alb_onnx_in(c, 6) || alb_onnx_wants(c, 1) || alb_onnx_attr_int(c->node, "do_rotary", 0)) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "with a past or rotary positions");
  }
  const alb_status status = ms_attention(c, &a);
  alb_onnx_attention_free(&a);
  return status;
}

/* ---- MultiHeadAttention: queries, keys, values of [batch, tokens, width], with one bias for all ---- */

static alb_status mha_sizes(const alb_onnx_call *c, alb_onnx_attention *a) {
  const alb_onnx_tensor *q = c->inputs[0], *k = alb_onnx_in(c, 1), *v = alb_onnx_in(c, 2), *bias = alb_onnx_in(c, 3);
  if (!k || !v || q->rank != 3 || k->rank != 3 || v->rank != 3) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "other than with queries, keys and values of rank 3");
  }
  ALB_TRY(alb_onnx_need_float(c, q));
  if (k->dims[0] != q->dims[0] || v->dims[0] != q->dims[0] || k->dims[1] != v->dims[1] || k->dims[2] != q->dims[2]) {
    return alb_onnx_refuse(c, ALB_SHAPE, "queries, keys and values do not fit one another");
  }
  if (bias && bias->count != (size_t)(q->dims[2] + k->dims[2] + v->dims[2])) {
    return alb_onnx_refuse(c, ALB_SHAPE, "a bias of %zu elements", bias->count);
  }
  ALB_TRY(heads_attribute(c, (size_t)q->dims[2], &a->heads));
  ALB_TRY(heads_attribute(c, (size_t)v->dims[2], &a->heads));
  a->kv_heads = a->heads;
  a->batch = (size_t)q->dims[0];
  a->queries = (size_t)q->dims[1];
  a->keys = (size_t)k->dims[1];
  a->width = (size_t)q->dims[2] / a->heads;
  a->value_width = (size_t)v->dims[2] / a->heads;
  return ALB_OK;
}

/* Adds bias[first ...] to [batch, heads, tokens, width]. */
static void add_bias(const alb_onnx_tensor *bias, size_t first, const alb_onnx_attention *a, size_t tokens,
                     size_t width, double *x) {
  for (size_t i = 0; bias && i < a->batch * a->heads * tokens * width; i++) {
    const size_t h = i / (tokens * width) % a->heads;
    x[i] += alb_onnx_get_f64(bias, first + h * width + i % width);
  }
}

static alb_status multi_head(alb_onnx_call *c, alb_onnx_attention *a) {
  const alb_onnx_tensor *bias = alb_onnx_in(c, 3);
  ALB_TRY(mha_sizes(c, a));
  const size_t wide = a->heads * a->width;
  ALB_TRY(alb_onnx_attention_take(c, c->inputs[0], a->heads, 0, a->queries, &a->q));
  ALB_TRY(alb_onnx_attention_take(c, c->inputs[1], a->heads, 0, a->keys, &a->k));
  ALB_TRY(alb_onnx_attention_take(c, c->inputs[2], a->heads, 0, a->keys, &a->v));
  add_bias(bias, 0, a, a->queries, a->width, a->q);
  add_bias(bias, wide, a, a->keys, a->width, a->k);
  add_bias(bias, 2 * wide, a, a->keys, a->value_width, a->v);
  return finish(c, a, alb_onnx_in(c, 4), alb_onnx_in(c, 5));
}

alb_status alb_onnx_run_multi_head_attention(alb_onnx_call *c) {
  alb_onnx_attention a = {0};
  if (alb_onnx_in(c, 6) || alb_onnx_in(c, 7) || alb_onnx_wants(c, 1) || alb_onnx_wants(c, 2)) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "with a past");
  }
  const alb_status status = multi_head(c, &a);
  alb_onnx_attention_free(&a);
  return status;
}
