/* Tensors of ONNX: types, sizes, elements as numbers. */
#include "converter/onnx/onnx_tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"

#define MAX_COUNT ((size_t)1 << 48)

static const struct {
  alb_onnx_type type;
  const char *name;
  size_t bytes;
  alb_dtype dtype;
} types[] = {
#define ALB_ONNX_TYPE(id, value, name, bytes, dtype) [value] = {ALB_ONNX_##id, name, bytes, dtype},
#include "converter/onnx/onnx_type.def"
#undef ALB_ONNX_TYPE
};

static bool known(alb_onnx_type type) {
  return (size_t)type < sizeof types / sizeof types[0] && types[type].name;
}

alb_onnx_type alb_onnx_type_of(uint64_t number) {
  const bool is_type = number < sizeof types / sizeof types[0] && types[number].name;
  return is_type ? (alb_onnx_type)number : ALB_ONNX_NO_TYPE;
}

const char *alb_onnx_type_name(alb_onnx_type type) {
  return known(type) ? types[type].name : "?";
}

size_t alb_onnx_type_bytes(alb_onnx_type type) {
  return known(type) ? types[type].bytes : 0;
}

alb_dtype alb_onnx_type_dtype(alb_onnx_type type) {
  return known(type) ? types[type].dtype : ALB_DTYPE_NONE;
}

bool alb_onnx_type_is_float(alb_onnx_type type) {
  return type == ALB_ONNX_FLOAT || type == ALB_ONNX_DOUBLE || type == ALB_ONNX_FLOAT16 || type == ALB_ONNX_BFLOAT16;
}

bool alb_onnx_type_is_signed(alb_onnx_type type) {
  return type == ALB_ONNX_INT8 || type == ALB_ONNX_INT16 || type == ALB_ONNX_INT32 || type == ALB_ONNX_INT64;
}

alb_status alb_onnx_count(alb_diag *diag, size_t rank, const int64_t *dims, size_t *count) {
  if (rank > ALB_ONNX_MAX_RANK) {
    return alb_fail(diag, ALB_LIMIT, "rank %zu is above the limit of %d", rank, ALB_ONNX_MAX_RANK);
  }
  *count = 1;
  bool empty = false;
  for (size_t i = 0; i < rank; i++) {
    if (dims[i] < 0) return alb_fail(diag, ALB_MALFORMED, "dimension %zu is %lld", i, (long long)dims[i]);
    if ((uint64_t)dims[i] > MAX_COUNT) {
      return alb_fail(diag, ALB_LIMIT, "dimension %zu is %lld, above 2^48", i, (long long)dims[i]);
    }
    empty = empty || dims[i] == 0;
  }
  for (size_t i = 0; i < rank && !empty; i++) {
    if (!alb_mul_ok(*count, (size_t)dims[i], count) || *count > MAX_COUNT) {
      return alb_fail(diag, ALB_OVERFLOW, "the product of its dimensions is above 2^48");
    }
  }
  if (empty) *count = 0;
  return ALB_OK;
}

alb_status alb_onnx_tensor_new(alb_diag *diag, alb_onnx_type type, size_t rank, const int64_t *dims,
                               alb_onnx_tensor *out) {
  size_t count;
  ALB_TRY(alb_onnx_count(diag, rank, dims, &count));
  const size_t bytes = alb_onnx_type_bytes(type);
  if (bytes == 0) return alb_fail(diag, ALB_UNSUPPORTED, "elements of type %s", alb_onnx_type_name(type));
  *out = (alb_onnx_tensor){.type = type, .rank = rank, .count = count};
  if (rank) memcpy(out->dims, dims, rank * sizeof *dims);
  out->owned = calloc(count ? count : 1, bytes);
  out->data = out->owned;
  return out->owned ? ALB_OK : alb_fail_memory(diag, count * bytes, "a tensor");
}

alb_status alb_onnx_tensor_copy(alb_diag *diag, const alb_onnx_tensor *from, alb_onnx_tensor *out) {
  ALB_TRY(alb_onnx_tensor_new(diag, from->type, from->rank, from->dims, out));
  if (from->count) memcpy(out->owned, from->data, alb_onnx_tensor_bytes(from));
  return ALB_OK;
}

void alb_onnx_tensor_free(alb_onnx_tensor *tensor) {
  free(tensor->owned);
  *tensor = (alb_onnx_tensor){0};
}

size_t alb_onnx_tensor_bytes(const alb_onnx_tensor *tensor) {
  return tensor->count * alb_onnx_type_bytes(tensor->type);
}

#define LOAD(ctype)                                                      \
  do {                                                                   \
    ctype loaded_;                                                       \
    memcpy(&loaded_, tensor->data + i * sizeof loaded_, sizeof loaded_); \
    return (number)loaded_;                                              \
  } while (0)

/* A double as an integer, towards zero; NaN is 0, what is too large is the largest. */
static int64_t saturate(double x) {
  if (isnan(x)) return 0;
  if (x >= 0x1p63) return INT64_MAX;
  return x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

double alb_onnx_get_f64(const alb_onnx_tensor *tensor, size_t i) {
  typedef double number;
  switch (tensor->type) {
    case ALB_ONNX_FLOAT:
      LOAD(float);
    case ALB_ONNX_DOUBLE:
      LOAD(double);
    case ALB_ONNX_FLOAT16:
      return (double)alb_f16_to_f32(alb_load_u16(tensor->data + 2 * i));
    case ALB_ONNX_BFLOAT16:
      return (double)alb_bf16_to_f32(alb_load_u16(tensor->data + 2 * i));
    case ALB_ONNX_UINT64:
      LOAD(uint64_t);
    default:
      return (double)alb_onnx_get_i64(tensor, i);
  }
}

int64_t alb_onnx_get_i64(const alb_onnx_tensor *tensor, size_t i) {
  typedef int64_t number;
  switch (tensor->type) {
    case ALB_ONNX_INT8:
      return (int8_t)tensor->data[i];
    case ALB_ONNX_UINT8:
      return tensor->data[i];
    case ALB_ONNX_BOOL:
      return tensor->data[i] != 0;
    case ALB_ONNX_INT16:
      LOAD(int16_t);
    case ALB_ONNX_UINT16:
      LOAD(uint16_t);
    case ALB_ONNX_INT32:
      LOAD(int32_t);
    case ALB_ONNX_UINT32:
      LOAD(uint32_t);
    case ALB_ONNX_INT64:
    case ALB_ONNX_UINT64:
      LOAD(int64_t);
    case ALB_ONNX_FLOAT:
    case ALB_ONNX_DOUBLE:
    case ALB_ONNX_FLOAT16:
    case ALB_ONNX_BFLOAT16:
      return saturate(alb_onnx_get_f64(tensor, i));
    default:
      return 0;
  }
}

void alb_onnx_set_i64(alb_onnx_tensor *tensor, size_t i, int64_t value) {
  const size_t bytes = alb_onnx_type_bytes(tensor->type);
  uint8_t *p = (uint8_t *)tensor->owned + i * bytes;
  if (alb_onnx_type_is_float(tensor->type)) {
    alb_onnx_set_f64(tensor, i, (double)value);
  } else if (tensor->type == ALB_ONNX_BOOL) {
    *p = value != 0;
  } else {
    for (size_t k = 0; k < bytes; k++) p[k] = (uint8_t)((uint64_t)value >> (8 * k));
  }
}

/* The largest and smallest values of an integer type of that many bytes. */
static int64_t saturate_to(alb_onnx_type type, double value) {
  const unsigned bits = 8 * (unsigned)alb_onnx_type_bytes(type);
  if (type == ALB_ONNX_BOOL) return value != 0;
  if (type == ALB_ONNX_UINT64) {
    if (!(value > 0)) return 0;
    return (int64_t)(value >= 0x1p64 ? UINT64_MAX : (uint64_t)value);
  }
  const int64_t wide = saturate(value);
  if (type == ALB_ONNX_INT64) return wide;
  const bool is_signed = alb_onnx_type_is_signed(type);
  const int64_t high = ((int64_t)1 << (is_signed ? bits - 1 : bits)) - 1, low = is_signed ? -high - 1 : 0;
  return wide < low ? low : wide > high ? high : wide;
}

void alb_onnx_set_f64(alb_onnx_tensor *tensor, size_t i, double value) {
  uint8_t *p = tensor->owned;
  const float narrow = (float)value;
  uint16_t half;
  switch (tensor->type) {
    case ALB_ONNX_FLOAT:
      memcpy(p + 4 * i, &narrow, sizeof narrow);
      return;
    case ALB_ONNX_DOUBLE:
      memcpy(p + 8 * i, &value, sizeof value);
      return;
    case ALB_ONNX_FLOAT16:
    case ALB_ONNX_BFLOAT16:
      half = tensor->type == ALB_ONNX_FLOAT16 ? alb_f32_to_f16(narrow) : alb_f32_to_bf16(narrow);
      memcpy(p + 2 * i, &half, sizeof half);
      return;
    default:
      alb_onnx_set_i64(tensor, i, saturate_to(tensor->type, value));
  }
}
