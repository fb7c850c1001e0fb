/* How far two arrays are from each other, gathered over many rows. */
#ifndef ALB_CLI_COMPARE_H
#define ALB_CLI_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"
#include "cli/histogram.h"

typedef ALB_VEC(double) alb_doubles;

/* Start with {0}; alb_comparison_free at the end. */
typedef struct alb_comparison {
  double max_abs, sum_abs, magnitude; /* magnitude: largest |reference| */
  size_t numbers, rows, agree;        /* agree: rows whose largest number is at the same place */
  alb_doubles cosines;                /* one a row */
} alb_comparison;

/* Adds rows x width numbers; false when memory is not to be had. NaN counts as infinitely far. */
bool alb_comparison_add(alb_comparison *c, const float *reference, const float *got, size_t rows, size_t width);
double alb_comparison_mean_abs(const alb_comparison *c);
/* Largest difference as part of the largest magnitude. */
double alb_comparison_relative(const alb_comparison *c);
double alb_comparison_mean_cosine(const alb_comparison *c);
/* These sort the cosines. Low: one in twenty is below. */
double alb_comparison_min_cosine(alb_comparison *c);
double alb_comparison_low_cosine(alb_comparison *c);
double alb_comparison_median_cosine(alb_comparison *c);
/* Counts the cosines of all rows. */
void alb_comparison_histogram(const alb_comparison *c, alb_histogram *out);
void alb_comparison_free(alb_comparison *c);

#endif
