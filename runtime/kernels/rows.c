/* Small operations on rows that no instruction set makes worth a variant: gather, pool, normalize. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/span.h"
#include "runtime/kernels/kernels.h"

enum { GATHER_BLOCK = 256 }; /* elements widened at a time; groups of int4 to int6 are not cut */

static void gather_s8(const int8_t *row, float scale, size_t n, bool add, float *out) {
  if (add) {
    for (size_t i = 0; i < n; i++) out[i] += (float)row[i] * scale;
  } else {
    for (size_t i = 0; i < n; i++) out[i] = (float)row[i] * scale;
  }
}

/* n elements, from the first one of a group on. */
static void widen_intn(unsigned bits, const uint8_t *groups, const uint8_t *scales, size_t n, float *out) {
  for (size_t g = 0; g * ALB_INTN_GROUP < n; g++) {
    const size_t left = n - g * ALB_INTN_GROUP;
    const float scale = alb_f16_to_f32(alb_load_u16(scales + 2 * g));
    for (size_t i = 0; i < (left < ALB_INTN_GROUP ? left : ALB_INTN_GROUP); i++) {
      out[g * ALB_INTN_GROUP + i] = (float)alb_intn_at(groups + g * alb_intn_bytes(bits), bits, i) * scale;
    }
  }
}

bool alb_gather_row(alb_dtype type, const void *table, const void *scales, size_t row, size_t width, bool add,
                    float *out) {
  const unsigned bits = alb_intn_bits(type);
  const size_t size = alb_dtype_bytes(type), groups = (size_t)alb_intn_groups(width);
  const uint8_t *source = (const uint8_t *)table + row * width * size;
  if (type == ALB_I8) {
    gather_s8((const int8_t *)source, ((const float *)scales)[row], width, add, out);
    return true;
  }
  if (bits) source = (const uint8_t *)table + row * groups * alb_intn_bytes(bits);
  if (!bits && !alb_dtype_is_float(type)) return false;
  for (size_t i = 0; i < width; i += GATHER_BLOCK) {
    const size_t n = width - i < GATHER_BLOCK ? width - i : GATHER_BLOCK;
    float block[GATHER_BLOCK];
    float *to = add ? block : out + i;
    if (bits) {
      const size_t at = i / ALB_INTN_GROUP;
      widen_intn(bits, source + at * alb_intn_bytes(bits), (const uint8_t *)scales + 2 * (row * groups + at), n, to);
    } else {
      alb_to_f32(type, source + i * size, n, to);
    }
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
