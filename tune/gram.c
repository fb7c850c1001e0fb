/* Some rows at a time; of their product, threads take blocks of rows. */
#include "tune/gram.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "tune/panels.h"

/* PIECE rows are summed in f32; a block of the product, BLOCK rows by COLUMNS at a time, stays in the cache until it is
 * added. */
enum { PIECE = 512, BLOCK = 112, COLUMNS = 512, ROOM = BLOCK * (PIECE + COLUMNS) };

typedef struct job {
  const alb_columns *a, *b;
  size_t rows;    /* of the piece */
  float *as, *bs; /* [rows, n]: the piece of each less its means */
  float *panels;  /* bs */
  float *room;    /* [ALB_PARALLEL_MAX, ROOM] */
  double *sum;
} job;

static void centre(const alb_columns *c, size_t first, size_t rows, float *out) {
  const float *x = c->x + first * c->n;
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < c->n; i++) out[r * c->n + i] = (float)((double)x[r * c->n + i] - c->mean[i]);
  }
}

static void add_block(const job *j, size_t block, float *room) {
  const size_t row = block * BLOCK, rows = alb_least(BLOCK, j->a->n - row);
  float *product = room + BLOCK * PIECE;
  for (size_t at = j->a == j->b ? row / ALB_PANEL * ALB_PANEL : 0; at < j->b->n; at += COLUMNS) {
    const size_t n = alb_least(COLUMNS, j->b->n - at);
    alb_panels_multiply((alb_grid){j->as + row, 1, j->a->n}, rows, j->rows, j->panels + at * j->rows, n, false, room,
                        product, n);
    for (size_t r = 0; r < rows; r++) {
      double *to = j->sum + (row + r) * j->b->n + at;
      for (size_t i = 0; i < n; i++) to[i] += (double)product[r * n + i];
    }
  }
}

static size_t block_count(const job *j) {
  return (j->a->n + BLOCK - 1) / BLOCK;
}

/* A block and the one as far from the end: together they are the same work, in a triangle too. */
static void add_blocks(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  for (size_t b = first; b < last; b++) {
    const size_t mirror = block_count(j) - 1 - b;
    add_block(j, b, j->room + index * ROOM);
    if (mirror != b) add_block(j, mirror, j->room + index * ROOM);
  }
}

static void add_piece(job *j, size_t first, size_t rows) {
  j->rows = rows;
  centre(j->b, first, rows, j->bs);
  if (j->a != j->b) centre(j->a, first, rows, j->as);
  alb_panels_pack((alb_grid){j->bs, j->b->n, 1}, rows, j->b->n, j->panels);
  alb_parallel((block_count(j) + 1) / 2, 1, add_blocks, j);
}

alb_status alb_gram_add(alb_diag *diag, const alb_columns *a, const alb_columns *b, size_t rows, double *sum) {
  const size_t others = a == b ? 0 : PIECE * a->n, own = PIECE * b->n, panels = alb_panels_room(PIECE, b->n);
  const size_t numbers = others + own + panels + (size_t)ALB_PARALLEL_MAX * ROOM;
  float *room = malloc(numbers * sizeof *room);
  if (!room) return alb_fail_memory(diag, numbers * sizeof *room, "products of columns");
  job j = {.a = a, .b = b, .bs = room + others, .panels = room + others + own, .sum = sum};
  j.as = a == b ? j.bs : room;
  j.room = j.panels + panels;
  for (size_t r = 0; r < rows; r += PIECE) add_piece(&j, r, alb_least(PIECE, rows - r));
  free(room);
  return ALB_OK;
}
