/* Fetching weights ahead: a model's are more than the caches hold, so while the tiles of one panel run, each
 * of them fetches its share of the next. */
#ifndef ALB_KERNELS_FETCH_H
#define ALB_KERNELS_FETCH_H

#include <stddef.h>

/* Memory that is wanted soon: `step` bytes from `ahead` on with every k. It need not be there. */
typedef struct fetch {
  const char *ahead;
  size_t step;
} fetch;

/* Brings the line of caches that holds `p`, which need not be there, into all of them. */
static inline void fetch_line(const char *p) {
  __builtin_prefetch(p, 0, 3);
}

/* What a tile of `rows` rows from `row` on fetches of the next panel, k times `per_k` bytes, when the tiles
 * of all rows fetch it together. */
static inline fetch fetch_share(const void *next, size_t per_k, size_t k, size_t row, size_t rows, size_t all_rows) {
  return (fetch){(const char *)next + per_k * k * row / all_rows, per_k * rows / all_rows + 1};
}

#endif
