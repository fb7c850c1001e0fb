/* Reference: activation functions. */
#include "runtime/kernels/ref_activation.h"

#include <math.h>

#include "runtime/kernels/variants.h"

static double gelu(double x) {
  return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double gelu_tanh(double x) {
  return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double sigmoid(double x) {
  return 1.0 / (1.0 + exp(-x));
}

float alb_ref_activation(alb_activation activation, float x) {
  switch (activation) {
    case ALB_ACT_GELU:
      return (float)gelu(x);
    case ALB_ACT_GELU_TANH:
      return (float)gelu_tanh(x);
    case ALB_ACT_RELU:
      return x < 0.0f ? 0.0f : x; /* NaN stays NaN */
    case ALB_ACT_SILU:
      return (float)(x * sigmoid(x));
    case ALB_ACT_TANH:
      return (float)tanh(x);
    case ALB_ACT_SIGMOID:
      return (float)sigmoid(x);
    case ALB_ACT_NONE:
    case ALB_ACT_COUNT:
      break;
  }
  return x;
}

void alb_activate_ref(const alb_activate *g) {
  for (size_t i = 0; i < g->n; i++) g->out[i] = alb_ref_activation(g->activation, g->x[i]);
}
