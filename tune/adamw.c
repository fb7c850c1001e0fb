/* Steps of AdamW; each value's by itself. */
#include "tune/adamw.h"

#include <math.h>

#include "tune/fast.h"

static const double beta1 = 0.9, beta2 = 0.98, tiny = 1e-8;
static const double warm_up = 0.05, pi = 3.14159265358979323846;

void alb_adamw_apply(const alb_adamw *adam, float *values, const float *gradients, double scale, double rate,
                     double decay, size_t first, size_t last) {
  const double count = (double)adam->step;
  const alb_adamw_step step = {.scale = (float)scale,
                               .keep1 = (float)beta1,
                               .keep2 = (float)beta2,
                               .rate = (float)(rate / (1 - pow(beta1, count))),
                               .correct2 = (float)(1 / (1 - pow(beta2, count))),
                               .tiny = (float)tiny,
                               .shrink = (float)(rate * decay)};
  alb_fast_best()->adamw(&step, last - first, gradients + first, values + first, adam->first + first,
                         adam->second + first);
}

double alb_rate_at(double rate, double done) {
  if (done >= 1) return 0;
  if (done < warm_up) return rate * done / warm_up;
  return rate * 0.5 * (1 + cos(pi * (done - warm_up) / (1 - warm_up)));
}
