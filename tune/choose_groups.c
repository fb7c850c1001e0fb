/* Dynamic programming over where the last group begins. */
#include "tune/choose_groups.h"

#include <math.h>
#include <stdlib.h>

/* Tables over the number of groups k (row k - 1) and the last layer that they reach. */
typedef struct table {
  size_t layers;
  double *sum;  /* least sum of costs */
  size_t *from; /* where the last group begins then */
} table;

/* The first of equal sums is kept, so that the choice is the same on every machine. */
static void fill(const table *t, const double *cost, size_t k, size_t last) {
  const size_t n = t->layers;
  double *sum = &t->sum[k * n + last];
  *sum = k ? INFINITY : cost[last];
  for (size_t from = k; k && from <= last; from++) {
    const double with = t->sum[(k - 1) * n + from - 1] + cost[from * n + last];
    if (!(with < *sum)) continue;
    *sum = with;
    t->from[k * n + last] = from;
  }
}

static void trace(const table *t, size_t k, size_t *first) {
  size_t last = t->layers - 1;
  for (size_t g = k + 1; g-- > 0;) {
    first[g] = g ? t->from[g * t->layers + last] : 0;
    last = first[g] - (g > 0);
  }
}

bool alb_partitions_best(const double *cost, size_t layers, double *damage, size_t *first) {
  const table t = {layers, calloc(layers * layers + 1, sizeof *t.sum), calloc(layers * layers + 1, sizeof *t.from)};
  const bool memory = t.sum && t.from;
  for (size_t k = 0; memory && k < layers; k++) {
    for (size_t last = k; last < layers; last++) fill(&t, cost, k, last);
    damage[k] = t.sum[k * layers + layers - 1];
    trace(&t, k, first + k * layers);
  }
  free(t.sum);
  free(t.from);
  return memory;
}

char *alb_groups_text(alb_arena *arena, const size_t *first, size_t count, size_t layers) {
  char *text = alb_arena_printf(arena, "%s", "");
  for (size_t g = 0; text && g < count; g++) {
    const size_t last = (g + 1 < count ? first[g + 1] : layers) - 1;
    const char *comma = g ? "," : "";
    text = last == first[g] ? alb_arena_printf(arena, "%s%s%zu", text, comma, last)
                            : alb_arena_printf(arena, "%s%s%zu-%zu", text, comma, first[g], last);
  }
  return text;
}
