/* The measurements of a training, as many as there is room for, evenly spread. */
#include "tune/train.h"

static void thin_out(alb_train_curve *curve) {
  for (uint64_t i = 1; 2 * i < curve->count; i++) curve->points[i] = curve->points[2 * i];
  curve->count = (curve->count + 1) / 2;
  curve->every *= 2;
}

void alb_train_curve_add(alb_train_curve *curve, const alb_train_point *point) {
  if (!curve->every) curve->every = 1;
  if (curve->count && ++curve->skipped < curve->every) return;
  curve->skipped = 0;
  if (curve->count == ALB_TRAIN_POINTS) thin_out(curve);
  curve->points[curve->count++] = *point;
}
