/* Cosines counted in bins that grow finer towards 1, the same for every model, so that any two can be compared. */
#ifndef ALB_CLI_HISTOGRAM_H
#define ALB_CLI_HISTOGRAM_H

#include <stddef.h>

#include "cli/json_out.h"

enum { ALB_COSINE_BINS = 27 };

/* alb_cosine_edges[i] is where bin i + 1 begins; bin 0 is below the first, the last one goes to 1 and above. */
extern const double alb_cosine_edges[ALB_COSINE_BINS - 1];

/* Where a bin begins, as a word; returns out. */
const char *alb_cosine_bin_name(size_t bin, char out[24]);

typedef struct alb_histogram {
  size_t counts[ALB_COSINE_BINS];
} alb_histogram;

/* What is no number is counted as below 0. */
void alb_histogram_add(alb_histogram *histogram, double cosine);
void alb_histogram_json(alb_json *json, const alb_histogram *histogram); /* an array of counts */
void alb_histogram_edges_json(alb_json *json);
/* Where a cosine lies, in bins: 3.5 is the middle of bin 3. */
double alb_histogram_place(double cosine);

#endif
