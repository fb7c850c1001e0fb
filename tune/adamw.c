/* Steps of AdamW; each value's by itself. */
#include "tune/adamw.h"

#include <math.h>

static const double beta1 = 0.9, beta2 = 0.98, tiny = 1e-8;
static const double warm_up = 0.05, pi = 3.14159265358979323846;

void alb_adamw_apply(const alb_adamw *adam, float *values, const float *gradients, double scale, double rate,
                     double decay, size_t first, size_t last) {
  const double step = (double)adam->step;
  const float a = (float)(rate / (1 - pow(beta1, step))), b = (float)(1 / (1 - pow(beta2, step)));
  const float b1 = (float)beta1, b2 = (float)beta2, shrink = (float)(rate * decay), factor = (float)scale;
  for (size_t i = first; i < last; i++) {
    const float g = gradients[i] * factor;
    const float m = adam->first[i] = b1 * adam->first[i] + (1 - b1) * g;
    const float v = adam->second[i] = b2 * adam->second[i] + (1 - b2) * g * g;
    values[i] -= a * m / (sqrtf(v * b) + (float)tiny) + shrink * values[i];
  }
}

double alb_rate_at(double rate, double done) {
  if (done >= 1) return 0;
  if (done < warm_up) return rate * done / warm_up;
  return rate * 0.5 * (1 + cos(pi * (done - warm_up) / (1 - warm_up)));
}
