/* Packing of both sides, and the loop over tiles. */
#include "tune/panels.h"

#include <string.h>

#include "base/checked.h"
#include "base/parallel.h"

/* Of k at a time, so that a panel's part stays in the first-level cache for all tiles; rows that a thread takes. */
enum { DEPTH = 192, PIECE = 112 };

size_t alb_panels_room(size_t k, size_t n) {
  return (n + ALB_PANEL - 1) / ALB_PANEL * ALB_PANEL * k;
}

/* Eight by eight numbers at a time, so that neither side is walked across its lines. */
static void pack_across(alb_grid b, size_t k, size_t first, size_t some, float *to) {
  enum { SIDE = 8 };
  for (size_t i = 0; i < k; i += SIDE) {
    for (size_t j = 0; j < some; j += SIDE) {
      for (size_t c = j; c < alb_least(j + SIDE, some); c++) {
        const float *from = b.at + (first + c) * b.across;
        for (size_t r = i; r < alb_least(i + SIDE, k); r++) to[r * ALB_PANEL + c] = from[r * b.down];
      }
    }
  }
}

void alb_panels_pack(alb_grid b, size_t k, size_t n, float *panels) {
  for (size_t j = 0; j < n; j += ALB_PANEL, panels += k * ALB_PANEL) {
    const size_t some = alb_least(ALB_PANEL, n - j);
    if (some < ALB_PANEL) memset(panels, 0, k * ALB_PANEL * sizeof *panels);
    if (b.across != 1)
      pack_across(b, k, j, some, panels);
    else
      for (size_t i = 0; i < k; i++) memcpy(panels + i * ALB_PANEL, b.at + i * b.down + j, some * sizeof *panels);
  }
}

/* 8 to 16 numbers, or fewer. */
static void copy_some(float *to, const float *from, size_t n) {
  enum { HALF = 8 };
  if (n < HALF || n > 2 * HALF) {
    for (size_t i = 0; i < n; i++) to[i] = from[i];
    return;
  }
  memcpy(to, from, HALF * sizeof *to);
  memcpy(to + n - HALF, from + n - HALF, HALF * sizeof *to);
}

/* Rows first .. first + rows - 1 as [k][rows]; a few of k at a time where rows are walked along. */
static void pack_tile(alb_grid a, size_t first, size_t rows, size_t k, float *tile) {
  enum { SOME = 64 };
  const float *from = a.at + first * a.down;
  if (a.down == 1) {
    for (size_t i = 0; i < k; i++) copy_some(tile + i * rows, from + i * a.across, rows);
    return;
  }
  for (size_t at = 0; at < k; at += SOME) {
    for (size_t r = 0; r < rows; r++) {
      const float *row = from + r * a.down;
      for (size_t i = at; i < alb_least(at + SOME, k); i++) tile[i * rows + r] = row[i * a.across];
    }
  }
}

/* Tiles of m rows: as few as can be, and of nearly one height. */
static size_t tile_start(size_t m, size_t tiles, size_t index) {
  return m / tiles * index + alb_least(index, m % tiles);
}

/* A tile that ends in the last panel's zeros is made beside c. */
static void multiply_tile(const alb_fast *fast, const float *a, size_t rows, const float *panel, size_t k, size_t n,
                          bool add, float *c, size_t c_row) {
  float whole[ALB_TILE_MOST * ALB_PANEL];
  if (n >= ALB_PANEL) {
    fast->tile(a, rows, panel, k, add, c, c_row);
    return;
  }
  memset(whole, 0, sizeof whole);
  for (size_t r = 0; add && r < rows; r++) memcpy(whole + r * ALB_PANEL, c + r * c_row, n * sizeof *c);
  fast->tile(a, rows, panel, k, add, whole, ALB_PANEL);
  for (size_t r = 0; r < rows; r++) memcpy(c + r * c_row, whole + r * ALB_PANEL, n * sizeof *c);
}

void alb_panels_multiply(alb_grid a, size_t m, size_t k, const float *panels, size_t n, bool add, float *scratch,
                         float *c, size_t c_row) {
  const alb_fast *fast = alb_fast_best();
  const size_t tiles = (m + fast->tile_rows - 1) / fast->tile_rows;
  for (size_t t = 0; t < tiles; t++) {
    const size_t row = tile_start(m, tiles, t);
    pack_tile(a, row, tile_start(m, tiles, t + 1) - row, k, scratch + row * k);
  }
  for (size_t j = 0; j < n; j += ALB_PANEL) {
    for (size_t at = 0; at < k || at == 0; at += DEPTH) {
      for (size_t t = 0; t < tiles; t++) {
        const size_t row = tile_start(m, tiles, t), rows = tile_start(m, tiles, t + 1) - row;
        multiply_tile(fast, scratch + row * k + at * rows, rows, panels + j * k + at * ALB_PANEL,
                      alb_least(DEPTH, k - at), n - j, add || at, c + row * c_row + j, c_row);
      }
    }
  }
}

size_t alb_grids_room(size_t m, size_t k, size_t n) {
  return alb_panels_room(k, n) + m * k;
}

void alb_grids_multiply(alb_grid a, alb_grid b, size_t m, size_t k, size_t n, bool add, float *scratch, float *c,
                        size_t c_row) {
  alb_panels_pack(b, k, n, scratch);
  alb_panels_multiply(a, m, k, scratch, n, add, scratch + alb_panels_room(k, n), c, c_row);
}

/* ---- on threads ---- */

typedef struct job {
  const float *x, *panels, *bias;
  size_t rows, k, n;
  float *scratch, *out;
} job;

size_t alb_panels_rows_room(size_t k) {
  return (size_t)ALB_PARALLEL_MAX * PIECE * k;
}

static void multiply_pieces(void *context, size_t index, size_t first, size_t last) {
  const job *j = context;
  for (size_t row = first * PIECE; row < alb_least(last * PIECE, j->rows); row += PIECE) {
    const size_t rows = alb_least(PIECE, j->rows - row);
    float *out = j->out + row * j->n;
    for (size_t r = 0; j->bias && r < rows; r++) memcpy(out + r * j->n, j->bias, j->n * sizeof *out);
    alb_panels_multiply((alb_grid){j->x + row * j->k, j->k, 1}, rows, j->k, j->panels, j->n, j->bias != NULL,
                        j->scratch + index * PIECE * j->k, out, j->n);
  }
}

void alb_panels_rows(const float *x, size_t rows, size_t k, const float *panels, const float *bias, size_t n,
                     float *scratch, float *out) {
  job j = {x, panels, bias, rows, k, n, scratch, out};
  alb_parallel((rows + PIECE - 1) / PIECE, 1, multiply_pieces, &j);
}
