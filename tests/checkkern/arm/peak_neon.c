/* Twelve independent chains of NEON fused multiply-adds, twice. */
#include <arm_neon.h>

#include "peak.h"

float fma_loop_neon(void) {
  float32x4_t x[24];
  const float32x4_t a = vdupq_n_f32(0.999f), b = vdupq_n_f32(0.001f);
  for (int i = 0; i < 24; i++) {
    x[i] = vdupq_n_f32((float)i);
    __asm__ volatile("" : "+w"(x[i])); /* numbers nobody knows, so that no chain is left out */
  }
  for (int r = 0; r < FMA_LOOP_ROUNDS; r++) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) x[i] = vfmaq_f32(b, x[i], a);
  }
  for (int i = 0; i < 24; i++) __asm__ volatile("" : "+w"(x[i]));
  return vgetq_lane_f32(x[0], 0);
}
