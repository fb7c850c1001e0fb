/* How near the embeddings of two models are: cosines, nearest neighbours, similarities of pairs. */
#include "cli/embed_figures.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "cli/compare.h"

enum { SAMPLES = 1000 }; /* that bound the mean */

/* Sums for Pearson's correlation of x and y; both are cosines, so one pass is exact enough. */
typedef struct moments {
  double n, x, y, xx, yy, xy;
} moments;

/* Rows of length 1, so that products are cosines; rows of zeros and those with what is no number are zeros. */
static void normalise(const float *rows, size_t count, size_t width, float *out) {
  for (size_t r = 0; r < count; r++) {
    double sum = 0;
    for (size_t i = 0; i < width; i++) sum += (double)rows[r * width + i] * (double)rows[r * width + i];
    const double scale = isfinite(sum) && sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < width; i++) {
      out[r * width + i] = scale > 0 ? (float)((double)rows[r * width + i] * scale) : 0;
    }
  }
}

static double product(const float *a, const float *b, size_t width) {
  double sum = 0;
  for (size_t i = 0; i < width; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

static void add_pair(moments *m, double x, double y) {
  m->n++;
  m->x += x;
  m->y += y;
  m->xx += x * x;
  m->yy += y * y;
  m->xy += x * y;
}

static double correlation(const moments *m) {
  const double xx = m->xx - m->x * m->x / m->n, yy = m->yy - m->y * m->y / m->n;
  const double xy = m->xy - m->x * m->y / m->n;
  return xx > 1e-15 && yy > 1e-15 ? fmin(1, fmax(-1, xy / sqrt(xx * yy))) : 0;
}

/* Similarities of all pairs, in both spaces; a and b hold rows of length 1. */
static void compare_pairs(const float *a, const float *b, size_t rows, size_t width, alb_embed_figures *out) {
  moments m = {0};
  size_t agree = 0;
  for (size_t i = 0; i < rows; i++) {
    size_t near_a = rows, near_b = rows;
    double best_a = 0, best_b = 0;
    for (size_t j = 0; j < rows; j++) {
      if (i == j) continue;
      const double x = product(a + i * width, a + j * width, width), y = product(b + i * width, b + j * width, width);
      if (near_a == rows || x > best_a) near_a = j, best_a = x;
      if (near_b == rows || y > best_b) near_b = j, best_b = y;
      if (i < j) add_pair(&m, x, y);
    }
    agree += near_a == near_b;
  }
  out->nearest = (double)agree / (double)rows;
  out->correlation = correlation(&m);
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The bootstrap (Efron 1979): means of samples drawn with replacement, the same ones each time. */
static void bound_mean(const alb_doubles *cosines, alb_embed_figures *out) {
  double means[SAMPLES] = {0};
  uint64_t state = 1;
  for (size_t s = 0; s < SAMPLES; s++) {
    for (size_t i = 0; i < cosines->count; i++) means[s] += cosines->items[alb_random_next(&state) % cosines->count];
    means[s] /= (double)cosines->count;
  }
  qsort(means, SAMPLES, sizeof means[0], by_size);
  out->from = means[SAMPLES / 20];
  out->to = means[SAMPLES - 1 - SAMPLES / 20];
}

bool alb_embed_figures_of(const float *reference, const float *got, size_t rows, size_t width, alb_embed_figures *out) {
  alb_comparison comparison = {0};
  float *a = calloc(rows * width, sizeof *a), *b = calloc(rows * width, sizeof *b);
  const bool memory = a && b && alb_comparison_add(&comparison, reference, got, rows, width);
  if (memory) {
    out->mean = alb_comparison_mean_cosine(&comparison);
    bound_mean(&comparison.cosines, out);
    out->low = alb_comparison_low_cosine(&comparison);
    out->least = alb_comparison_min_cosine(&comparison);
    out->histogram = (alb_histogram){0};
    alb_comparison_histogram(&comparison, &out->histogram);
    normalise(reference, rows, width, a);
    normalise(got, rows, width, b);
    compare_pairs(a, b, rows, width, out);
  }
  alb_comparison_free(&comparison);
  free(a);
  free(b);
  return memory;
}

void alb_embed_figures_named(const alb_embed_figures *figures, alb_named_figure out[ALB_EMBED_FIGURES]) {
  const alb_named_figure named[ALB_EMBED_FIGURES] = {{"cosine_mean", figures->mean},
                                                     {"cosine_mean_from", figures->from},
                                                     {"cosine_mean_to", figures->to},
                                                     {"cosine_p5", figures->low},
                                                     {"cosine_min", figures->least},
                                                     {"nearest_agreement", figures->nearest},
                                                     {"similarity_correlation", figures->correlation}};
  memcpy(out, named, sizeof named);
}
