/* Reference: layer norm. */
#include <math.h>

#include "runtime/kernels/variants.h"

static void norm_row(const alb_layer_norm *g, size_t row) {
  const float *x = g->x + row * g->width;
  float *out = g->out + row * g->width;
  for (size_t i = 0; i < g->width; i++) out[i] = g->residual ? x[i] + g->residual[row * g->width + i] : x[i];
  double sum = 0, squares = 0;
  for (size_t i = 0; i < g->width; i++) sum += out[i];
  const double mean = sum / (double)g->width;
  for (size_t i = 0; i < g->width; i++) squares += (out[i] - mean) * (out[i] - mean);
  const double scale = 1.0 / sqrt(squares / (double)g->width + g->eps);
  for (size_t i = 0; i < g->width; i++) out[i] = (float)((out[i] - mean) * scale * g->gamma[i] + g->beta[i]);
}

void alb_layer_norm_ref(const alb_layer_norm *g) {
  for (size_t r = 0; r < g->rows; r++) norm_row(g, r);
}
