/* The range of a group of quantised numbers from its limits, by the reference's operations. */
#ifndef ALB_KERNELS_GROUP_RANGE_H
#define ALB_KERNELS_GROUP_RANGE_H

#include "runtime/kernels/kernels.h"

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

#endif
