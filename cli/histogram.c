/* Cosines counted in bins: each is about a factor of 1.4 nearer to 1 than the one before. */
#include "cli/histogram.h"

#include <math.h>

const double alb_cosine_edges[ALB_COSINE_BINS - 1] = {
    0,     0.2,  0.4,   0.5,   0.6,   0.7,   0.8,    0.85,  0.9,    0.93,   0.95,   0.97,   0.98,
    0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.9985, 0.999, 0.9993, 0.9995, 0.9997, 0.9998, 0.9999};

const char *alb_cosine_bin_name(size_t bin, char out[24]) {
  (void)snprintf(out, 24, bin ? "%g" : "below 0", bin ? alb_cosine_edges[bin - 1] : 0);
  return out;
}

static size_t bin_of(double cosine) {
  size_t bin = 0;
  while (bin < ALB_COSINE_BINS - 1 && cosine >= alb_cosine_edges[bin]) bin++;
  return bin;
}

void alb_histogram_add(alb_histogram *histogram, double cosine) {
  histogram->counts[bin_of(cosine)]++;
}

double alb_histogram_place(double cosine) {
  const size_t bin = bin_of(cosine);
  const double from = bin ? alb_cosine_edges[bin - 1] : -1;
  const double to = bin < ALB_COSINE_BINS - 1 ? alb_cosine_edges[bin] : 1;
  const double part = isfinite(cosine) ? (cosine - from) / (to - from) : 0;
  return (double)bin + fmin(1, fmax(0, part));
}

void alb_histogram_json(alb_json *json, const alb_histogram *histogram) {
  alb_json_open(json, '[');
  for (size_t b = 0; b < ALB_COSINE_BINS; b++) alb_json_int(json, (int64_t)histogram->counts[b]);
  alb_json_close(json, ']');
}

void alb_histogram_edges_json(alb_json *json) {
  alb_json_open(json, '[');
  for (size_t b = 0; b < ALB_COSINE_BINS - 1; b++) alb_json_float(json, (float)alb_cosine_edges[b]);
  alb_json_close(json, ']');
}
