/* Reference: rows of f32 to bytes with one range a group of ALB_S8_DEPTH. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "runtime/kernels/variants.h"

/* False when the group holds an infinity or NaN. */
static bool find_limits(const float *x, size_t n, float *low, float *high) {
  *low = *high = x[0];
  for (size_t i = 0; i < n; i++) {
    if ((alb_f32_bits(x[i]) & 0x7fffffffu) >= 0x7f800000u) return false;
    if (x[i] < *low) *low = x[i];
    if (x[i] > *high) *high = x[i];
  }
  return true;
}

static void quantize_group(const float *x, size_t width, uint8_t *q, alb_range *range) {
  float low, high;
  memset(q, 128, ALB_S8_DEPTH);
  *range = (alb_range){NAN, NAN};
  if (!find_limits(x, width, &low, &high)) return;
  const float half = high * 0.5f - low * 0.5f, middle = low * 0.5f + high * 0.5f + 0.0f;
  *range = (alb_range){0, middle};
  if (half < 1e-30f) return;
  *range = (alb_range){half / 127.0f, middle - 128.0f * (half / 127.0f)};
  const float inverse = 127.0f / half;
  for (size_t i = 0; i < width; i++) q[i] = (uint8_t)(128 + lrintf((x[i] - middle) * inverse));
}

void alb_quantize_s8_ref(const alb_quantize_s8 *g) {
  const size_t groups = alb_s8_groups(g->width);
  for (size_t r = 0; r < g->rows; r++) {
    for (size_t i = 0; i < groups; i++) {
      const size_t at = i * ALB_S8_DEPTH, left = g->width - at < ALB_S8_DEPTH ? g->width - at : ALB_S8_DEPTH;
      quantize_group(g->x + r * g->ldx + at, left, g->q + r * g->ldq + at, g->range + r * groups + i);
    }
  }
}
