/* How much of layers their mean explains, and how much of it alignment makes out of noise. */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "tune/align.h"

static double rho_of(const alb_align_layer *layers, size_t n, int matrix, size_t elements) {
  double explained = 0, energy = 0;
  for (size_t i = 0; i < elements; i++) {
    double sum = 0;
    for (size_t l = 0; l < n; l++) {
      const double w = (double)layers[l].matrix[matrix][i];
      sum += w;
      energy += w * w;
    }
    explained += sum * sum / (double)n;
  }
  return energy > 0 ? explained / energy : 0;
}

void alb_align_rho(const alb_align_dims *dims, const alb_align_layer *layers, size_t n,
                   double rho[ALB_ALIGN_MATRICES]) {
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    rho[m] = rho_of(layers, n, m, alb_align_elements(dims, (alb_align_matrix)m));
  }
}

/* A uniform number in (0, 1]. */
static double uniform(uint64_t *state) {
  return (double)((alb_random_next(state) >> 11) + 1) * 0x1p-53;
}

/* Normally distributed numbers, two at a time (Box and Muller). */
static void fill_normal(uint64_t *state, double deviation, size_t n, float *out) {
  for (size_t i = 0; i < n; i += 2) {
    const double radius = deviation * sqrt(-2 * log(uniform(state))), angle = 2 * acos(-1.0) * uniform(state);
    out[i] = (float)(radius * cos(angle));
    if (i + 1 < n) out[i + 1] = (float)(radius * sin(angle));
  }
}

static double root_mean_square(const float *values, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)values[i] * (double)values[i];
  return n ? sqrt(sum / (double)n) : 0;
}

/* Layers of noise with the sizes of the given ones, without biases; the numbers stand in `values`. */
static void make_noise(const alb_align_dims *dims, const alb_align_layer *layers, size_t n, uint64_t seed,
                       float *values, alb_align_layer *noise) {
  for (size_t l = 0; l < n; l++) {
    for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
      const size_t elements = alb_align_elements(dims, (alb_align_matrix)m);
      fill_normal(&seed, root_mean_square(layers[l].matrix[m], elements), elements, values);
      noise[l].matrix[m] = values;
      values += elements;
    }
  }
}

alb_status alb_align_null(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *layers, size_t n,
                          size_t reference, uint64_t seed, double rho[ALB_ALIGN_MATRICES]) {
  size_t elements = 0;
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) elements += n * alb_align_elements(dims, (alb_align_matrix)m);
  float *values = malloc((elements + 1) * sizeof *values);
  alb_align_layer *noise = calloc(n + 1, sizeof *noise);
  alb_status status = values && noise ? ALB_OK : alb_fail_memory(diag, elements * sizeof *values, "layers of noise");
  if (status == ALB_OK) {
    make_noise(dims, layers, n, seed, values, noise);
    status = alb_align_layers(diag, dims, ALB_ALIGN_ATTENTION | ALB_ALIGN_FFN, noise, n, reference);
  }
  if (status == ALB_OK) alb_align_rho(dims, noise, n, rho);
  free(values);
  free(noise);
  return status;
}
