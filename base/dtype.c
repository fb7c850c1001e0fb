/* Element types and the conversion of every numeric type to f32. */
#include "base/dtype.h"

#include <string.h>

#include "base/half.h"

static const struct {
  alb_dtype type;
  const char *name, *st_name;
  size_t bytes;
  unsigned bits;
} dtypes[] = {
#define ALB_DTYPE(id, value, name, st_name, bytes, bits) {ALB_##id, name, st_name, bytes, bits},
#include "base/dtype.def"
#undef ALB_DTYPE
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

const char *alb_dtype_name(alb_dtype type) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (dtypes[i].type == type) return dtypes[i].name;
  }
  return "?";
}

size_t alb_dtype_bytes(alb_dtype type) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (dtypes[i].type == type) return dtypes[i].bytes;
  }
  return 0;
}

unsigned alb_intn_bits(alb_dtype type) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (dtypes[i].type == type) return dtypes[i].bits;
  }
  return 0;
}

bool alb_dtype_is_quantised(alb_dtype type) {
  return type == ALB_I8 || alb_intn_bits(type) != 0;
}

alb_dtype alb_dtype_by_name(alb_str name) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (alb_str_is(name, dtypes[i].name)) return dtypes[i].type;
  }
  return ALB_DTYPE_NONE;
}

alb_dtype alb_dtype_by_safetensors(alb_str name) {
  for (int i = 0; i < DTYPE_COUNT; i++) {
    if (name.n && alb_str_is(name, dtypes[i].st_name)) return dtypes[i].type;
  }
  return ALB_DTYPE_NONE;
}

bool alb_dtype_is_float(alb_dtype type) {
  return type == ALB_F32 || type == ALB_F16 || type == ALB_BF16 || type == ALB_F64;
}

static float load_f32(alb_dtype type, const uint8_t *p) {
  if (type == ALB_F16) return alb_f16_to_f32(alb_load_u16(p));
  if (type == ALB_BF16) return alb_bf16_to_f32(alb_load_u16(p));
  double wide;
  memcpy(&wide, p, sizeof wide);
  return (float)wide;
}

bool alb_to_f32(alb_dtype type, const void *src, size_t n, float *dst) {
  if (!alb_dtype_is_float(type)) return false;
  const uint8_t *p = src;
  const size_t step = alb_dtype_bytes(type);
  if (type == ALB_F32) {
    if (n) memcpy(dst, src, n * step);
    return true;
  }
  for (size_t i = 0; i < n; i++) dst[i] = load_f32(type, p + i * step);
  return true;
}

bool alb_from_f32(alb_dtype type, const float *src, size_t n, void *dst) {
  uint8_t *p = dst;
  if (type == ALB_F32) {
    if (n) memcpy(dst, src, n * sizeof *src);
    return true;
  }
  if (type != ALB_F16 && type != ALB_BF16) return false;
  for (size_t i = 0; i < n; i++) {
    const uint16_t h = type == ALB_F16 ? alb_f32_to_f16(src[i]) : alb_f32_to_bf16(src[i]);
    memcpy(p + 2 * i, &h, sizeof h);
  }
  return true;
}
