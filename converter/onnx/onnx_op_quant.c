/* Quantisation: QuantizeLinear, DequantizeLinear, integer products, and ONNX Runtime's weight-only form. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "converter/onnx/onnx_matmul.h"

static double clamp(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}

static bool is_quantized(alb_onnx_type type) {
  return type == ALB_ONNX_UINT8 || type == ALB_ONNX_INT8 || type == ALB_ONNX_UINT16 || type == ALB_ONNX_INT16;
}

/* ---- per tensor, per axis, in blocks ---- */

/* A walk over x with the place of the scale (and zero point) of each element: one, one for each index of an axis, or
 * one for each block along it. */
static alb_status scale_walk(const alb_onnx_call *c, const alb_onnx_tensor *x, const alb_onnx_tensor *scale,
                             const alb_onnx_tensor *zero, alb_onnx_walk *w, size_t *axis, size_t *block) {
  *block = 1;
  *axis = 0;
  ALB_TRY(alb_onnx_need_float(c, scale));
  if (zero && zero->count != scale->count) return alb_onnx_refuse(c, ALB_SHAPE, "zero points are not as scales");
  ALB_TRY(alb_onnx_walk_over(c, x->rank, x->dims, w));
  w->tensors = 1;
  if (scale->rank == 0 || (scale->rank == 1 && scale->count == 1)) return ALB_OK;
  ALB_TRY(alb_onnx_axis(c, alb_onnx_attr_int(c->node, "axis", 1), x->rank, axis));
  if (scale->rank == 1) {
    w->stride[0][*axis] = 1;
    return scale->dims[0] == x->dims[*axis] ? ALB_OK : alb_onnx_refuse(c, ALB_SHAPE, "scales do not fit their axis");
  }
  const int64_t size = alb_onnx_attr_int(c->node, "block_size", 0);
  bool fits = scale->rank == x->rank && size > 0;
  for (size_t i = 0; fits && i < x->rank; i++) {
    const int64_t blocks = i == *axis ? (x->dims[i] + size - 1) / size : x->dims[i];
    fits = size <= INT32_MAX && scale->dims[i] == blocks;
  }
  if (!fits) return alb_onnx_refuse(c, ALB_SHAPE, "scales do not fit");
  *block = (size_t)size;
  return ALB_OK;
}

/* The element of the scale at the walk's place. */
static size_t scale_at(const alb_onnx_tensor *scale, const alb_onnx_walk *w, size_t axis, size_t block) {
  if (scale->rank < 2) return w->at[0];
  size_t at = 0;
  for (size_t i = 0; i < w->rank; i++) {
    at = at * (size_t)scale->dims[i] + (size_t)w->index[i] / (i == axis ? block : 1);
  }
  return at;
}

static alb_onnx_type quantized_type(const alb_onnx_call *c, const alb_onnx_tensor *zero) {
  if (zero) return zero->type;
  const int64_t stated = alb_onnx_attr_int(c->node, "output_dtype", 0);
  return stated ? alb_onnx_type_of((uint64_t)stated) : ALB_ONNX_UINT8;
}

/* Rounds half to even, then saturates. */
alb_status alb_onnx_run_quantize(alb_onnx_call *c) {
  const alb_onnx_tensor *x = c->inputs[0], *scale = c->inputs[1], *zero = alb_onnx_in(c, 2);
  const alb_onnx_type type = quantized_type(c, zero);
  alb_onnx_walk w;
  size_t axis, block;
  if (!is_quantized(type)) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "to type %s", alb_onnx_type_name(type));
  if (x->type == ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "takes no bool");
  ALB_TRY(scale_walk(c, x, scale, zero, &w, &axis, &block));
  ALB_TRY(alb_onnx_out(c, 0, type, x->rank, x->dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const size_t at = scale_at(scale, &w, axis, block);
    const double quotient = (double)((float)alb_onnx_get_f64(x, i) / (float)alb_onnx_get_f64(scale, at));
    alb_onnx_set_f64(&c->outputs[0], i, rint(quotient) + (zero ? alb_onnx_get_f64(zero, at) : 0));
  }
  return ALB_OK;
}

alb_status alb_onnx_run_dequantize(alb_onnx_call *c) {
  const alb_onnx_tensor *x = c->inputs[0], *scale = c->inputs[1], *zero = alb_onnx_in(c, 2);
  alb_onnx_walk w;
  size_t axis, block;
  if (!is_quantized(x->type) && x->type != ALB_ONNX_INT32) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "from type %s", alb_onnx_type_name(x->type));
  }
  if (zero) ALB_TRY(alb_onnx_need_same_type(c, x, zero));
  ALB_TRY(scale_walk(c, x, scale, zero, &w, &axis, &block));
  ALB_TRY(alb_onnx_out(c, 0, scale->type, x->rank, x->dims));
  for (size_t i = 0; i < w.count; i++, alb_onnx_walk_next(&w)) {
    const size_t at = scale_at(scale, &w, axis, block);
    const double level = alb_onnx_get_f64(x, i) - (zero ? alb_onnx_get_f64(zero, at) : 0);
    alb_onnx_set_f64(&c->outputs[0], i, level * alb_onnx_get_f64(scale, at));
  }
  return ALB_OK;
}

/* ---- a scale from the values themselves ---- */

/* uint8 over the range of x and 0; the arithmetic of the standard, in f32. */
static void dynamic_range(const alb_onnx_tensor *x, float *scale, float *zero) {
  float low = 0, high = 0;
  for (size_t i = 0; i < x->count; i++) {
    const float v = (float)alb_onnx_get_f64(x, i);
    if (v < low) low = v;
    if (v > high) high = v;
  }
  *scale = (high - low) / 255.0f;
  if (*scale == 0) *scale = 1;
  *zero = (float)clamp((double)rintf(0.0f - low / *scale), 0, 255);
}

static double dynamic_level(double x, float scale, float zero) {
  return clamp((double)rintf((float)x / scale) + (double)zero, 0, 255);
}

alb_status alb_onnx_run_dynamic_quantize(alb_onnx_call *c) {
  const alb_onnx_tensor *x = c->inputs[0];
  float scale, zero;
  if (x->type != ALB_ONNX_FLOAT) return alb_onnx_refuse(c, ALB_MALFORMED, "takes float");
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_UINT8, x->rank, x->dims));
  dynamic_range(x, &scale, &zero);
  for (size_t i = 0; i < x->count; i++) {
    alb_onnx_set_f64(&c->outputs[0], i, dynamic_level(alb_onnx_get_f64(x, i), scale, zero));
  }
  if (alb_onnx_wants(c, 1)) {
    ALB_TRY(alb_onnx_out(c, 1, ALB_ONNX_FLOAT, 0, NULL));
    alb_onnx_set_f64(&c->outputs[1], 0, (double)scale);
  }
  if (alb_onnx_wants(c, 2)) {
    ALB_TRY(alb_onnx_out(c, 2, ALB_ONNX_UINT8, 0, NULL));
    alb_onnx_set_f64(&c->outputs[2], 0, (double)zero);
  }
  return ALB_OK;
}

/* ---- products of 8-bit integers ---- */

static alb_status need_quantized(const alb_onnx_call *c, const alb_onnx_tensor *t) {
  if (t->type == ALB_ONNX_UINT8 || t->type == ALB_ONNX_INT8) return ALB_OK;
  return alb_onnx_refuse(c, ALB_UNSUPPORTED, "of type %s", alb_onnx_type_name(t->type));
}

static void put_int(void *context, size_t i, double sum) {
  alb_onnx_set_i64(context, i, (int64_t)sum); /* wraps as int32 */
}

alb_status alb_onnx_run_matmul_integer(alb_onnx_call *c) {
  alb_onnx_product p = {.a = c->inputs[0],
                        .b = c->inputs[1],
                        .a_affine.zero = alb_onnx_in(c, 2),
                        .b_affine.zero = alb_onnx_in(c, 3),
                        .alpha = 1};
  ALB_TRY(need_quantized(c, p.a));
  ALB_TRY(need_quantized(c, p.b));
  if (p.a_affine.zero) ALB_TRY(alb_onnx_need_same_type(c, p.a, p.a_affine.zero));
  if (p.b_affine.zero) ALB_TRY(alb_onnx_need_same_type(c, p.b, p.b_affine.zero));
  ALB_TRY(alb_onnx_product_shape(c, &p));
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_INT32, p.rank, p.dims));
  return alb_onnx_product_run(c, &p, put_int, &c->outputs[0]);
}

typedef struct scaled {
  alb_onnx_tensor *out;
  const alb_onnx_tensor *scale, *zero, *bias; /* of the result */
  size_t columns;
} scaled;

static size_t column_or_first(const alb_onnx_tensor *t, size_t column) {
  return t->count == 1 ? 0 : column;
}

static void put_requantized(void *context, size_t i, double sum) {
  const scaled *s = context;
  const size_t column = i % s->columns;
  const double level = rint(sum / alb_onnx_get_f64(s->scale, column_or_first(s->scale, column)));
  alb_onnx_set_f64(s->out, i, level + alb_onnx_get_f64(s->zero, column_or_first(s->zero, column)));
}

/* Inputs: a, scale, zero, b, scale, zero, scale and zero of the result. */
alb_status alb_onnx_run_qlinear_matmul(alb_onnx_call *c) {
  const alb_onnx_tensor *const *in = c->inputs;
  alb_onnx_product p = {.a = in[0], .b = in[3], .a_affine = {in[2], in[1]}, .b_affine = {in[5], in[4]}, .alpha = 1};
  scaled s = {.scale = in[6], .zero = in[7]};
  ALB_TRY(need_quantized(c, p.a));
  ALB_TRY(need_quantized(c, p.b));
  ALB_TRY(need_quantized(c, s.zero));
  ALB_TRY(alb_onnx_need_float(c, s.scale));
  ALB_TRY(alb_onnx_product_shape(c, &p));
  if ((s.scale->count != 1 && s.scale->count != p.n) || (s.zero->count != 1 && s.zero->count != p.n)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "scales of the result do not fit");
  }
  ALB_TRY(alb_onnx_out(c, 0, s.zero->type, p.rank, p.dims));
  s.out = &c->outputs[0];
  s.columns = p.n;
  return alb_onnx_product_run(c, &p, put_requantized, &s);
}

static void put_with_bias(void *context, size_t i, double sum) {
  const scaled *s = context;
  alb_onnx_set_f64(s->out, i, sum + (s->bias ? alb_onnx_get_f64(s->bias, i % s->columns) : 0));
}

static alb_status product_to_float(alb_onnx_call *c, alb_onnx_product *p, const alb_onnx_tensor *bias) {
  scaled s = {.bias = bias};
  ALB_TRY(alb_onnx_product_shape(c, p));
  if (bias && bias->count != p->n) return alb_onnx_refuse(c, ALB_SHAPE, "a bias of %zu elements", bias->count);
  ALB_TRY(alb_onnx_out(c, 0, ALB_ONNX_FLOAT, p->rank, p->dims));
  s.out = &c->outputs[0];
  s.columns = p->n;
  return alb_onnx_product_run(c, p, put_with_bias, &s);
}

/* Inputs: a, b, scale of a, scale of b, zero of a, zero of b, bias. */
alb_status alb_onnx_run_matmul_integer_to_float(alb_onnx_call *c) {
  const alb_onnx_tensor *const *in = c->inputs;
  alb_onnx_product p = {.a = in[0],
                        .b = in[1],
                        .a_affine = {alb_onnx_in(c, 4), in[2]},
                        .b_affine = {alb_onnx_in(c, 5), in[3]},
                        .alpha = 1};
  ALB_TRY(need_quantized(c, p.a));
  ALB_TRY(need_quantized(c, p.b));
  return product_to_float(c, &p, alb_onnx_in(c, 6));
}

/* Inputs: a (float, quantised here), b, scale of b, zero of b, bias. */
alb_status alb_onnx_run_dynamic_quantize_matmul(alb_onnx_call *c) {
  const alb_onnx_tensor *x = c->inputs[0];
  alb_onnx_tensor levels = {0};
  float scale_value, zero_value;
  if (x->type != ALB_ONNX_FLOAT) return alb_onnx_refuse(c, ALB_MALFORMED, "takes float");
  ALB_TRY(need_quantized(c, c->inputs[1]));
  ALB_TRY(alb_onnx_tensor_new(c->diag, ALB_ONNX_UINT8, x->rank, x->dims, &levels));
  dynamic_range(x, &scale_value, &zero_value);
  for (size_t i = 0; i < x->count; i++) {
    alb_onnx_set_f64(&levels, i, dynamic_level(alb_onnx_get_f64(x, i), scale_value, zero_value));
  }
  const alb_onnx_tensor scale = {.type = ALB_ONNX_FLOAT, .count = 1, .data = (const uint8_t *)&scale_value};
  const alb_onnx_tensor zero = {.type = ALB_ONNX_FLOAT, .count = 1, .data = (const uint8_t *)&zero_value};
  alb_onnx_product p = {.a = &levels,
                        .b = c->inputs[1],
                        .a_affine = {&zero, &scale},
                        .b_affine = {alb_onnx_in(c, 3), c->inputs[2]},
                        .alpha = 1};
  const alb_status status = product_to_float(c, &p, alb_onnx_in(c, 4));
  alb_onnx_tensor_free(&levels);
  return status;
}

/* ---- MatMulNBits: 4 or 8 bits a weight, in blocks along the input ---- */

typedef struct blocks {
  size_t rows, width, block, count, bits; /* count: blocks a row */
  size_t zero_row;                        /* bytes of packed zero points a row */
} blocks;

static double weight_at(const alb_onnx_call *c, const blocks *b, size_t row, size_t k) {
  const alb_onnx_tensor *weight = c->inputs[1], *scale = c->inputs[2], *zero = alb_onnx_in(c, 3);
  const size_t at = k / b->block, in_block = k % b->block, bytes = b->block * b->bits / 8;
  const uint8_t *p = weight->data + (row * b->count + at) * bytes;
  double level = b->bits == 8 ? p[in_block] : p[in_block / 2] >> (4 * (in_block % 2)) & 15, offset;
  if (!zero) {
    offset = b->bits == 8 ? 128 : 8;
  } else if (zero->type == ALB_ONNX_UINT8) {
    const uint8_t *z = zero->data + row * b->zero_row;
    offset = b->bits == 8 ? z[at] : z[at / 2] >> (4 * (at % 2)) & 15;
  } else {
    offset = alb_onnx_get_f64(zero, row * b->count + at);
  }
  return (level - offset) * alb_onnx_get_f64(scale, row * b->count + at);
}

static alb_status nbits_sizes(const alb_onnx_call *c, blocks *b) {
  const alb_onnx_tensor *x = c->inputs[0], *weight = c->inputs[1], *scale = c->inputs[2], *zero = alb_onnx_in(c, 3);
  const int64_t k = alb_onnx_attr_int(c->node, "K", 0), n = alb_onnx_attr_int(c->node, "N", 0);
  const int64_t bits = alb_onnx_attr_int(c->node, "bits", 4), block = alb_onnx_attr_int(c->node, "block_size", 0);
  if (bits != 4 && bits != 8) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "with %lld bits", (long long)bits);
  if (alb_onnx_in(c, 4)) return alb_onnx_refuse(c, ALB_UNSUPPORTED, "with indices of groups");
  if (k < 1 || n < 1 || k > INT32_MAX || n > INT32_MAX || block < 16 || block > 65536 || (block & (block - 1))) {
    return alb_onnx_refuse(c, ALB_ARGUMENT, "K, N or block_size");
  }
  *b = (blocks){.rows = (size_t)n, .width = (size_t)k, .block = (size_t)block, .bits = (size_t)bits};
  b->count = (b->width + b->block - 1) / b->block;
  b->zero_row = (b->count * b->bits + 7) / 8;
  const size_t zeros = zero && zero->type == ALB_ONNX_UINT8 ? b->rows * b->zero_row : b->rows * b->count;
  if (x->rank == 0 || x->dims[x->rank - 1] != k || weight->type != ALB_ONNX_UINT8 ||
      weight->count != b->rows * b->count * (b->block * b->bits / 8) || scale->count != b->rows * b->count ||
      (zero && zero->count != zeros)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "weights, scales or zero points do not fit K and N");
  }
  return ALB_OK;
}

alb_status alb_onnx_run_matmul_nbits(alb_onnx_call *c) {
  const alb_onnx_tensor *x = c->inputs[0], *bias = alb_onnx_in(c, 5);
  int64_t dims[ALB_ONNX_MAX_RANK];
  double *row;
  blocks b = {0};
  ALB_TRY(alb_onnx_need_float(c, x));
  ALB_TRY(nbits_sizes(c, &b));
  if (bias && bias->count != b.rows) return alb_onnx_refuse(c, ALB_SHAPE, "a bias of %zu elements", bias->count);
  memcpy(dims, x->dims, sizeof dims);
  dims[x->rank - 1] = (int64_t)b.rows;
  ALB_TRY(alb_onnx_spend_product(c, x->count, b.rows));
  ALB_TRY(alb_onnx_out(c, 0, x->type, x->rank, dims));
  ALB_TRY(alb_onnx_doubles(c, b.width, &row));
  for (size_t n = 0; n < b.rows; n++) {
    for (size_t k = 0; k < b.width; k++) row[k] = weight_at(c, &b, n, k);
    for (size_t i = 0; i < x->count / b.width; i++) {
      double sum = bias ? alb_onnx_get_f64(bias, n) : 0;
      for (size_t k = 0; k < b.width; k++) sum += alb_onnx_get_f64(x, i * b.width + k) * row[k];
      alb_onnx_set_f64(&c->outputs[0], i * b.rows + n, sum);
    }
  }
  free(row);
  return ALB_OK;
}
