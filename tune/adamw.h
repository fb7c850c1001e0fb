/* AdamW (Loshchilov and Hutter 2019), and the rate that it is given. */
#ifndef ALB_TUNE_ADAMW_H
#define ALB_TUNE_ADAMW_H

#include <stddef.h>
#include <stdint.h>

/* Moments of n values; first and second are the caller's, zero before step 1. */
typedef struct alb_adamw {
  size_t n;
  float *first, *second;
  uint64_t step; /* done so far */
} alb_adamw;

/* Changes values[first .. last - 1] by one step; values of which `decay` > 0 shrink besides. The caller counts: step is
 * raised before the parts of a step, which may run at once. */
void alb_adamw_apply(const alb_adamw *adam, float *values, const float *gradients, double scale, double rate,
                     double decay, size_t first, size_t last);

/* The rate at `done` (0 to 1) of a training: a straight rise, then half a cosine down to 0. */
double alb_rate_at(double rate, double done);

#endif
