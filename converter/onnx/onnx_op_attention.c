/* Attention of ai.onnx, and the arithmetic that all attention operators share. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "converter/onnx/onnx_attention.h"

/* ---- the arithmetic ---- */

alb_status alb_onnx_attention_take(const alb_onnx_call *c, const alb_onnx_tensor *t, size_t heads, size_t first,
                                   size_t total, double **array) {
  const bool whole = t->rank == 4;
  const size_t batch = (size_t)t->dims[0], tokens = (size_t)t->dims[whole ? 2 : 1];
  const size_t width = whole ? (size_t)t->dims[3] : (size_t)t->dims[2] / heads;
  size_t size;
  if (!alb_mul_ok(batch * heads, width, &size) || !alb_mul_ok(size, total, &size)) {
    return alb_onnx_refuse(c, ALB_LIMIT, "its size overflows");
  }
  if (!*array) ALB_TRY(alb_onnx_doubles(c, size, array));
  for (size_t i = 0; i < t->count; i++) {
    const size_t d = i % width, outer = i / width;
    const size_t h = whole ? outer / tokens % heads : outer % heads;
    const size_t token = whole ? outer % tokens : outer / heads % tokens, b = i / (tokens * heads * width);
    (*array)[((b * heads + h) * total + first + token) * width + d] = alb_onnx_get_f64(t, i);
  }
  return ALB_OK;
}

static alb_status score_count(const alb_onnx_call *c, const alb_onnx_attention *a, size_t *n) {
  if (alb_mul_ok(a->batch, a->heads, n) && alb_mul_ok(*n, a->queries, n) && alb_mul_ok(*n, a->keys, n)) return ALB_OK;
  return alb_onnx_refuse(c, ALB_LIMIT, "the number of its scores overflows");
}

alb_status alb_onnx_attention_prepare(const alb_onnx_call *c, alb_onnx_attention *a) {
  size_t n;
  if (!a->batch || !a->queries || !a->keys || !a->width || !a->value_width) {
    return alb_onnx_refuse(c, ALB_SHAPE, "of nothing: a dimension is 0");
  }
  ALB_TRY(score_count(c, a, &n));
  ALB_TRY(alb_onnx_spend_product(c, n, a->width + a->value_width));
  return alb_onnx_doubles(c, n, &a->bias);
}

alb_status alb_onnx_attention_bias(const alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *t) {
  const size_t last = t->rank ? (size_t)t->dims[t->rank - 1] : 1;
  const size_t known = last > 1 && last < a->keys ? last : a->keys; /* keys beyond a shorter mask are out of sight */
  const int64_t dims[] = {(int64_t)a->batch, (int64_t)a->heads, (int64_t)a->queries, (int64_t)known};
  alb_onnx_walk w;
  ALB_TRY(alb_onnx_walk_over(c, 4, dims, &w));
  ALB_TRY(alb_onnx_walk_add(c, &w, t));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const double v = alb_onnx_get_f64(t, w.at[0]);
    a->bias[i / known * a->keys + i % known] += t->type == ALB_ONNX_BOOL ? (v != 0 ? 0 : -INFINITY) : v;
  }
  for (size_t i = 0; i < w.count / known; i++) {
    for (size_t j = known; j < a->keys; j++) a->bias[i * a->keys + j] = -INFINITY;
  }
  return ALB_OK;
}

void alb_onnx_attention_causal(alb_onnx_attention *a, size_t past, double value) {
  for (size_t row = 0; row < a->batch * a->heads * a->queries; row++) {
    for (size_t j = row % a->queries + past + 1; j < a->keys; j++) a->bias[row * a->keys + j] += value;
  }
}

alb_status alb_onnx_attention_lengths(const alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *lengths) {
  if (lengths->count != a->batch) return alb_onnx_refuse(c, ALB_SHAPE, "%zu lengths of keys", lengths->count);
  for (size_t row = 0; row < a->batch * a->heads * a->queries; row++) {
    const int64_t length = alb_onnx_get_i64(lengths, row / (a->heads * a->queries));
    for (size_t j = length > 0 ? (size_t)length : 0; j < a->keys; j++) a->bias[row * a->keys + j] = -INFINITY;
  }
  return ALB_OK;
}

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void keep(alb_onnx_attention *a, int64_t mode, size_t row, const double *scores) {
  if (a->scores && a->mode == mode && a->keys) memcpy(a->scores + row * a->keys, scores, a->keys * sizeof *scores);
}

static void softmax(double *x, size_t n) {
  double highest = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) highest = fmax(highest, x[i]);
  for (size_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - highest);
  for (size_t i = 0; i < n; i++) x[i] /= sum;
}

/* Row `row` of [batch, heads, queries]. */
static void attend(alb_onnx_attention *a, size_t row, double *scores) {
  const size_t head = row / a->queries, b = head / a->heads;
  const size_t from = b * a->kv_heads + head % a->heads / (a->heads / a->kv_heads);
  const double *k = a->k + from * a->keys * a->width, *v = a->v + from * a->keys * a->value_width;
  for (size_t j = 0; j < a->keys; j++) scores[j] = dot(a->q + row * a->width, k + j * a->width, a->width) * a->scale;
  keep(a, 0, row, scores);
  for (size_t j = 0; j < a->keys; j++) scores[j] += a->bias[row * a->keys + j];
  keep(a, 1, row, scores);
  for (size_t j = 0; a->softcap > 0 && j < a->keys; j++) scores[j] = a->softcap * tanh(scores[j] / a->softcap);
  keep(a, 2, row, scores);
  softmax(scores, a->keys);
  keep(a, 3, row, scores);
  for (size_t d = 0; d < a->value_width; d++) {
    double sum = 0;
    for (size_t j = 0; j < a->keys; j++) sum += scores[j] * v[j * a->value_width + d];
    a->out[row * a->value_width + d] = sum;
  }
}

alb_status alb_onnx_attention_run(const alb_onnx_call *c, alb_onnx_attention *a) {
  const size_t rows = a->batch * a->heads * a->queries;
  size_t n;
  double *scores;
  if (!alb_mul_ok(rows, a->value_width, &n)) return alb_onnx_refuse(c, ALB_LIMIT, "its size overflows");
  ALB_TRY(alb_onnx_doubles(c, n, &a->out));
  ALB_TRY(alb_onnx_doubles(c, a->keys, &scores));
  for (size_t row = 0; row < rows; row++) attend(a, row, scores);
  free(scores);
  return ALB_OK;
}

void alb_onnx_attention_free(alb_onnx_attention *a) {
  free(a->q);
  free(a->k);
  free(a->v);
  free(a->bias);
  free(a->out);
  free(a->scores);
  *a = (alb_onnx_attention){0};
}

/* ---- ai.onnx ---- */

/* The number of heads of an input: a dimension of rank 4, an attribute of rank 3. */
static alb_status heads_of(const alb_onnx_call *c, const alb_onnx_tensor *t, const char *name, size_t *heads) {
  if (t->rank != 3 && t->rank != 4) return alb_onnx_refuse(c, ALB_SHAPE, "inputs must have rank 3 or 4");
  const int64_t n = t->rank == 4 ? t->dims[1] : alb_onnx_attr_int(c->node, name, 0);
  if (n < 1 || (t->rank == 3 && t->dims[2] % n))
    return alb_onnx_refuse(c, ALB_ARGUMENT, "%s is %lld", name, (long long)n);
  *heads = (size_t)n;
  return alb_onnx_need_float(c, t);
}

static size_t tokens_of(const alb_onnx_tensor *t) {
  return (size_t)t->dims[t->rank == 4 ? 2 : 1];
}

static size_t width_of(const alb_onnx_tensor *t, size_t heads) {
  return t->rank == 4 ? (size_t)t->dims[3] : (size_t)t->dims[2] / heads;
}

/* A past of [batch, kv heads, past, width] fits what is to come behind it. */
static alb_status check_past(const alb_onnx_call *c, const alb_onnx_attention *a, const alb_onnx_tensor *past,
                             size_t width) {
  if (!past) return ALB_OK;
  const bool fits = past->rank == 4 && (size_t)past->dims[0] == a->batch && (size_t)past->dims[1] == a->kv_heads &&
                    (size_t)past->dims[3] == width;
  return fits ? alb_onnx_need_float(c, past) : alb_onnx_refuse(c, ALB_SHAPE, "past keys or values do not fit");
}

static alb_status set_sizes(const alb_onnx_call *c, alb_onnx_attention *a, size_t *past) {
  const alb_onnx_tensor *q = c->inputs[0], *k = c->inputs[1], *v = c->inputs[2];
  const alb_onnx_tensor *past_k = alb_onnx_in(c, 4), *past_v = alb_onnx_in(c, 5);
  size_t v_heads;
  ALB_TRY(heads_of(c, q, "q_num_heads", &a->heads));
  ALB_TRY(heads_of(c, k, "kv_num_heads", &a->kv_heads));
  ALB_TRY(heads_of(c, v, "kv_num_heads", &v_heads));
  a->batch = (size_t)q->dims[0];
  a->queries = tokens_of(q);
  a->width = width_of(q, a->heads);
  a->value_width = width_of(v, v_heads);
  if (k->dims[0] != q->dims[0] || v->dims[0] != q->dims[0] || a->heads % a->kv_heads || v_heads != a->kv_heads ||
      tokens_of(k) != tokens_of(v) || width_of(k, a->kv_heads) != a->width || !past_k != !past_v) {
    return alb_onnx_refuse(c, ALB_SHAPE, "queries, keys and values do not fit one another");
  }
  ALB_TRY(check_past(c, a, past_k, a->width));
  ALB_TRY(check_past(c, a, past_v, a->value_width));
  *past = past_k ? tokens_of(past_k) : 0;
  if (past_k && tokens_of(past_v) != *past) return alb_onnx_refuse(c, ALB_SHAPE, "past keys and values differ");
  a->keys = tokens_of(k) + *past;
  a->scale = (double)alb_onnx_attr_float(c->node, "scale", (float)(1.0 / sqrt((double)a->width)));
  a->softcap = (double)alb_onnx_attr_float(c->node, "softcap", 0);
  a->mode = alb_onnx_attr_int(c->node, "qk_matmul_output_mode", 0);
  return ALB_OK;
}

static alb_status take_inputs(const alb_onnx_call *c, alb_onnx_attention *a, size_t past) {
  const alb_onnx_tensor *past_k = alb_onnx_in(c, 4), *past_v = alb_onnx_in(c, 5);
  ALB_TRY(alb_onnx_attention_take(c, c->inputs[0], a->heads, 0, a->queries, &a->q));
  if (past_k) ALB_TRY(alb_onnx_attention_take(c, past_k, a->kv_heads, 0, a->keys, &a->k));
  if (past_v) ALB_TRY(alb_onnx_attention_take(c, past_v, a->kv_heads, 0, a->keys, &a->v));
  ALB_TRY(alb_onnx_attention_take(c, c->inputs[1], a->kv_heads, past, a->keys, &a->k));
  return alb_onnx_attention_take(c, c->inputs[2], a->kv_heads, past, a->keys, &a->v);
}

static alb_status give(alb_onnx_call *c, size_t i, const double *values, size_t rank, const int64_t *dims) {
  if (!alb_onnx_wants(c, i)) return ALB_OK;
  ALB_TRY(alb_onnx_out(c, i, c->inputs[0]->type, rank, dims));
  for (size_t k = 0; k < c->outputs[i].count; k++) alb_onnx_set_f64(&c->outputs[i], k, values[k]);
  return ALB_OK;
}

/* The result in the form of the queries: [batch, queries, heads * width] for rank 3. */
static alb_status give_result(alb_onnx_call *c, const alb_onnx_attention *a) {
  const int64_t b = (int64_t)a->batch, h = (int64_t)a->heads, s = (int64_t)a->queries, w = (int64_t)a->value_width;
  if (c->inputs[0]->rank == 4) return give(c, 0, a->out, 4, (int64_t[]){b, h, s, w});
  ALB_TRY(alb_onnx_out(c, 0, c->inputs[0]->type, 3, (int64_t[]){b, s, h * w}));
  for (size_t i = 0; i < c->outputs[0].count; i++) {
    const size_t d = i % a->value_width, head = i / a->value_width % a->heads;
    const size_t token = i / (a->value_width * a->heads) % a->queries,
                 batch = i / (a->value_width * a->heads * a->queries);
    alb_onnx_set_f64(&c->outputs[0], i, a->out[((batch * a->heads + head) * a->queries + token) * a->value_width + d]);
  }
  return ALB_OK;
}

static alb_status give_outputs(alb_onnx_call *c, const alb_onnx_attention *a) {
  const int64_t b = (int64_t)a->batch, h = (int64_t)a->heads, kv = (int64_t)a->kv_heads, t = (int64_t)a->keys;
  ALB_TRY(give_result(c, a));
  ALB_TRY(give(c, 1, a->k, 4, (int64_t[]){b, kv, t, (int64_t)a->width}));
  ALB_TRY(give(c, 2, a->v, 4, (int64_t[]){b, kv, t, (int64_t)a->value_width}));
  return give(c, 3, a->scores, 4, (int64_t[]){b, h, (int64_t)a->queries, t});
}

static alb_status attention(alb_onnx_call *c, alb_onnx_attention *a) {
  size_t past = 0, n;
  ALB_TRY(set_sizes(c, a, &past));
  ALB_TRY(take_inputs(c, a, past));
  ALB_TRY(alb_onnx_attention_prepare(c, a));
  if (alb_onnx_in(c, 3)) ALB_TRY(alb_onnx_attention_bias(c, a, alb_onnx_in(c, 3)));
  if (alb_onnx_attr_int(c->node, "is_causal", 0)) alb_onnx_attention_causal(a, past, -INFINITY);
  if (alb_onnx_in(c, 6)) ALB_TRY(alb_onnx_attention_lengths(c, a, alb_onnx_in(c, 6)));
  ALB_TRY(score_count(c, a, &n));
  if (alb_onnx_wants(c, 3)) ALB_TRY(alb_onnx_doubles(c, n, &a->scores));
  ALB_TRY(alb_onnx_attention_run(c, a));
  return give_outputs(c, a);
}

alb_status alb_onnx_run_attention(alb_onnx_call *c) {
  alb_onnx_attention a = {0};
  const alb_status status = attention(c, &a);
  alb_onnx_attention_free(&a);
  return status;
}
