/* How far two arrays are from each other. */
#include "cli/compare.h"

#include <math.h>
#include <stdlib.h>

/* Two rows of zeros are equal; what is no number is as far as can be. */
static double cosine(const float *a, const float *b, size_t width) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < width; i++) {
    dot += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  if (aa == 0 && bb == 0) return 1;
  if (!isfinite(aa) || !isfinite(bb)) return -1;
  return aa == 0 || bb == 0 ? 0 : dot / sqrt(aa * bb);
}

static size_t argmax(const float *row, size_t width) {
  size_t best = 0;
  for (size_t i = 1; i < width; i++) {
    if (row[i] > row[best]) best = i;
  }
  return best;
}

bool alb_comparison_add(alb_comparison *c, const float *reference, const float *got, size_t rows, size_t width) {
  for (size_t i = 0; i < rows * width; i++) {
    const double difference = fabs((double)reference[i] - (double)got[i]);
    c->sum_abs += difference;
    c->magnitude = fmax(c->magnitude, fabs((double)reference[i]));
    if (!(difference <= c->max_abs)) c->max_abs = isnan(difference) ? INFINITY : difference;
  }
  c->numbers += rows * width;
  c->rows += rows;
  for (size_t r = 0; r < rows; r++) {
    const float *a = reference + r * width, *b = got + r * width;
    c->agree += argmax(a, width) == argmax(b, width);
    if (!alb_vec_push(&c->cosines, cosine(a, b, width))) return false;
  }
  return true;
}

double alb_comparison_mean_abs(const alb_comparison *c) {
  return c->numbers ? c->sum_abs / (double)c->numbers : 0;
}

double alb_comparison_relative(const alb_comparison *c) {
  return c->magnitude > 0 ? c->max_abs / c->magnitude : c->max_abs;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double cosine_at(alb_comparison *c, size_t index) {
  if (c->cosines.count == 0) return 1;
  qsort(c->cosines.items, c->cosines.count, sizeof *c->cosines.items, by_size);
  return c->cosines.items[index];
}

double alb_comparison_min_cosine(alb_comparison *c) {
  return cosine_at(c, 0);
}

double alb_comparison_median_cosine(alb_comparison *c) {
  return cosine_at(c, c->cosines.count / 2);
}

double alb_comparison_low_cosine(alb_comparison *c) {
  return cosine_at(c, c->cosines.count / 20);
}

double alb_comparison_mean_cosine(const alb_comparison *c) {
  double sum = 0;
  for (size_t i = 0; i < c->cosines.count; i++) sum += c->cosines.items[i];
  return c->cosines.count ? sum / (double)c->cosines.count : 1;
}

void alb_comparison_histogram(const alb_comparison *c, alb_histogram *out) {
  for (size_t i = 0; i < c->cosines.count; i++) alb_histogram_add(out, c->cosines.items[i]);
}

void alb_comparison_free(alb_comparison *c) {
  alb_vec_free(&c->cosines);
}
