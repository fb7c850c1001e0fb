/* What kernels that quantise share: the range of a group from its limits, by the reference's operations, and the loop
 * over groups. */
#ifndef ALB_KERNELS_GROUP_RANGE_H
#define ALB_KERNELS_GROUP_RANGE_H

#include "runtime/kernels/kernels.h"
#include "runtime/kernels/vec/unroll.h"

/* Returns what to multiply with before rounding, and what to subtract before that; 0: all bytes of the group become
 * 128. */
static inline float group_range(bool finite, float low, float high, alb_range *range, float *middle) {
  const float half = finite ? high * 0.5f - low * 0.5f : 0, nan = __builtin_nanf("");
  const bool nothing = half < 1e-30f;
  const float scale = nothing ? 0 : half / 127.0f;
  *middle = low * 0.5f + high * 0.5f + 0.0f;
  *range = (alb_range){scale, *middle - 128.0f * scale};
  if (!finite) *range = (alb_range){nan, nan};
  return nothing ? 0 : 127.0f / half;
}

/* Group after group of row after row: quantize(x, the width of the group that is there, q, range). */
ALB_INLINE void each_group(const alb_quantize_s8 *g, void (*quantize)(const float *, size_t, uint8_t *, alb_range *)) {
  alb_range *range = g->range;
  for (size_t r = 0; r < g->rows; r++) {
    for (size_t at = 0; at < g->width; at += ALB_S8_DEPTH) {
      const size_t left = g->width - at < ALB_S8_DEPTH ? g->width - at : ALB_S8_DEPTH;
      quantize(g->x + r * g->ldx + at, left, g->q + r * g->ldq + at, range++);
    }
  }
}

#endif
