/* Map from strings to indices 0, 1, 2 ... in the order of insertion. */
#ifndef ALB_BASE_STRMAP_H
#define ALB_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Start with {0}. Keys are borrowed: their bytes must outlive the map. Hashed with a seed that
 * differs from process to process, so no file can be written to make look-ups slow; the order of
 * the indices does not depend on the seed. */
typedef struct alb_strmap {
  alb_str *keys; /* [count], in order of insertion */
  size_t count, capacity;
  uint32_t *slots; /* open addressing: index + 1, or 0; slot_count is a power of two */
  size_t slot_count;
} alb_strmap;

#define ALB_STRMAP_NONE ((size_t)-1)

/* Inserts a key. *index is its place; *inserted is false when the key was there already.
 * False: out of memory. */
bool alb_strmap_add(alb_strmap *map, alb_str key, size_t *index, bool *inserted);
/* The index of a key, or ALB_STRMAP_NONE. */
size_t alb_strmap_find(const alb_strmap *map, alb_str key);
void alb_strmap_free(alb_strmap *map);

#endif
