/* Assignment by shortest augmenting paths: rows are added one at a time; each looks, as Dijkstra's algorithm does, for
 * the cheapest chain of changes that ends at a free column. Potentials of rows and columns keep all reduced costs
 * >= 0. (Jonker and Volgenant 1987, without their initial reductions.) */
#include "tune/assign.h"

#include <math.h>
#include <stdlib.h>

#define FREE UINT32_MAX

typedef struct search {
  size_t n;
  const float *score;
  double *row_price, *column_price; /* potentials */
  double *distance;                 /* of each column from the new row */
  uint32_t *from;                   /* the row before a column on its shortest path */
  uint32_t *row_of;                 /* of each column, or FREE */
  uint32_t *left;                   /* columns not reached yet: the first left_count */
  uint32_t *reached;                /* columns reached, in that order */
  size_t left_count, reached_count;
} search;

/* Takes a row's edges into account; returns the place in `left` of the nearest column. Ties go to a free column, else
 * to the first found, so that the result depends on nothing but the scores. */
static size_t relax(search *s, uint32_t row, double so_far) {
  size_t best = 0;
  double nearest = INFINITY;
  const float *scores = s->score + row * s->n;
  for (size_t k = 0; k < s->left_count; k++) {
    const uint32_t c = s->left[k];
    const double d = so_far - (double)scores[c] - s->row_price[row] - s->column_price[c];
    if (d < s->distance[c]) {
      s->distance[c] = d;
      s->from[c] = row;
    }
    if (s->distance[c] > nearest) continue;
    if (s->distance[c] == nearest && s->row_of[c] != FREE) continue;
    nearest = s->distance[c];
    best = k;
  }
  return best;
}

/* The end of the shortest path from a row to a free column; *length is its length. */
static uint32_t find_path(search *s, uint32_t row, double *length) {
  for (uint32_t c = 0; c < s->n; c++) {
    s->distance[c] = INFINITY;
    s->left[c] = c;
  }
  s->left_count = s->n;
  s->reached_count = 0;
  *length = 0;
  for (;;) {
    const size_t k = relax(s, row, *length);
    const uint32_t c = s->left[k];
    s->left[k] = s->left[--s->left_count];
    *length = s->distance[c];
    if (s->row_of[c] == FREE) return c;
    s->reached[s->reached_count++] = c;
    row = s->row_of[c];
  }
}

/* Potentials after a search: reduced costs stay >= 0, and become 0 along the path. */
static void reprice(search *s, uint32_t row, double length) {
  s->row_price[row] += length;
  for (size_t k = 0; k < s->reached_count; k++) {
    const uint32_t c = s->reached[k];
    s->row_price[s->row_of[c]] += length - s->distance[c];
    s->column_price[c] -= length - s->distance[c];
  }
}

static void add_row(search *s, uint32_t row, uint32_t *column_of) {
  double length;
  uint32_t c = find_path(s, row, &length);
  reprice(s, row, length);
  for (;;) { /* back along the path: each row takes the column after it */
    const uint32_t r = s->from[c], before = column_of[r];
    s->row_of[c] = r;
    column_of[r] = c;
    if (r == row) return;
    c = before;
  }
}

/* Without this a path could have no end. */
static alb_status check_finite(alb_diag *diag, size_t n, const float *score) {
  for (size_t i = 0; i < n * n; i++) {
    if (!isfinite(score[i])) return alb_fail(diag, ALB_UNSUPPORTED, "an assignment by scores that are not finite");
  }
  return ALB_OK;
}

alb_status alb_assign(alb_diag *diag, size_t n, const float *score, uint32_t *column_of) {
  if (n > ALB_ASSIGN_MAX) return alb_fail(diag, ALB_LIMIT, "an assignment of %zu, at most %d", n, ALB_ASSIGN_MAX);
  ALB_TRY(check_finite(diag, n, score));
  double *numbers = calloc(3 * n + 1, sizeof *numbers);
  uint32_t *ids = calloc(4 * n + 1, sizeof *ids);
  search s = {.n = n, .score = score, .row_price = numbers, .from = ids};
  if (numbers && ids) {
    s.column_price = numbers + n;
    s.distance = numbers + 2 * n;
    s.row_of = ids + n;
    s.left = ids + 2 * n;
    s.reached = ids + 3 * n;
    for (size_t i = 0; i < n; i++) s.row_of[i] = FREE;
    for (uint32_t row = 0; row < n; row++) add_row(&s, row, column_of);
  }
  free(numbers);
  free(ids);
  return numbers && ids ? ALB_OK : alb_fail_memory(diag, n * (3 * sizeof *numbers + 4 * sizeof *ids), "an assignment");
}
