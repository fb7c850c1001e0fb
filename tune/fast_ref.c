/* What training spends its time with, in plain C, and which of the widths a machine takes. */
#include "tune/fast_vec.h"

const alb_fast alb_fast_ref = ALB_FAST(ALB_TILE_ROWS);

const alb_fast *alb_fast_of(alb_wide wide) {
#if defined(__x86_64__)
  if (wide >= ALB_WIDE_AVX512) return &alb_fast_avx512;
  if (wide >= ALB_WIDE_AVX2) return &alb_fast_avx2;
#endif
  (void)wide;
  return &alb_fast_ref;
}

const alb_fast *alb_fast_best(void) {
  return alb_fast_of(alb_wide_best());
}

double alb_activation_slope(alb_activation activation, double x) {
  const double cubic = 0.044715, root = 0.79788456080286535588; /* sqrt(2 / pi) */
  const double y = alb_activation_value(activation, x);
  switch (activation) {
    case ALB_ACT_GELU:
      return 0.5 * (1.0 + erf(x * 0.70710678118654752440)) + x * 0.5 * root * exp(-0.5 * x * x);
    case ALB_ACT_GELU_TANH: {
      const double t = tanh(root * (x + cubic * x * x * x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * root * (1.0 + 3.0 * cubic * x * x);
    }
    case ALB_ACT_RELU:
      return x > 0 ? 1.0 : 0.0;
    case ALB_ACT_SILU: {
      const double s = 1.0 / (1.0 + exp(-x));
      return s + y * (1.0 - s);
    }
    case ALB_ACT_TANH:
      return 1.0 - y * y;
    case ALB_ACT_SIGMOID:
      return y * (1.0 - y);
    case ALB_ACT_NONE:
    case ALB_ACT_COUNT:
      break;
  }
  return 1.0;
}
