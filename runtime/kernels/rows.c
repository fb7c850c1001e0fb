/* Small operations on rows that no instruction set makes worth a variant: gather, pool, normalize. */
#include <math.h>
#include <string.h>

#include "runtime/kernels/kernels.h"

enum { GATHER_BLOCK = 256 }; /* elements widened at a time */

static void gather_s8(const int8_t *row, float scale, size_t n, bool add, float *out) {
  if (add) {
    for (size_t i = 0; i < n; i++) out[i] += (float)row[i] * scale;
  } else {
    for (size_t i = 0; i < n; i++) out[i] = (float)row[i] * scale;
  }
}

bool alb_gather_row(alb_dtype type, const void *table, const float *scales, size_t row, size_t width, bool add,
                    float *out) {
  const size_t size = alb_dtype_bytes(type);
  const uint8_t *source = (const uint8_t *)table + row * width * size;
  if (type == ALB_I8) {
    gather_s8((const int8_t *)source, scales[row], width, add, out);
    return true;
  }
  if (!alb_dtype_is_float(type)) return false;
  for (size_t i = 0; i < width; i += GATHER_BLOCK) {
    const size_t n = width - i < GATHER_BLOCK ? width - i : GATHER_BLOCK;
    float block[GATHER_BLOCK];
    alb_to_f32(type, source + i * size, n, add ? block : out + i);
    for (size_t j = 0; add && j < n; j++) out[i + j] += block[j];
  }
  return true;
}

static void pool_mean(const float *x, size_t tokens, size_t width, float *out) {
  memset(out, 0, width * sizeof *out);
  for (size_t t = 0; t < tokens; t++) {
    for (size_t i = 0; i < width; i++) out[i] += x[t * width + i];
  }
  for (size_t i = 0; i < width; i++) out[i] /= (float)tokens;
}

static void pool_max(const float *x, size_t tokens, size_t width, float *out) {
  memcpy(out, x, width * sizeof *out);
  for (size_t t = 1; t < tokens; t++) {
    for (size_t i = 0; i < width; i++) out[i] = x[t * width + i] > out[i] ? x[t * width + i] : out[i];
  }
}

bool alb_pool_tokens(alb_pooling pooling, const float *x, size_t tokens, size_t width, float *out) {
  switch (pooling) {
    case ALB_POOL_MEAN:
      pool_mean(x, tokens, width, out);
      return true;
    case ALB_POOL_CLS:
      memcpy(out, x, width * sizeof *out);
      return true;
    case ALB_POOL_MAX:
      pool_max(x, tokens, width, out);
      return true;
    case ALB_POOL_LAST:
      memcpy(out, x + (tokens - 1) * width, width * sizeof *out);
      return true;
    case ALB_POOL_NONE:
    case ALB_POOL_COUNT:
      break;
  }
  return false;
}

void alb_normalize_row(float *x, size_t width) {
  double squares = 0;
  for (size_t i = 0; i < width; i++) squares += (double)x[i] * x[i];
  const double norm = sqrt(squares), scale = 1.0 / (norm > 1e-12 ? norm : 1e-12);
  for (size_t i = 0; i < width; i++) x[i] = (float)(x[i] * scale);
}
