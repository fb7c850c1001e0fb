/* Growable arrays. */
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* items points at a T*; it is copied as bytes because T** is not void**. */
bool alb_vec_grow(void **items, size_t *capacity, size_t count, size_t more, size_t item_size) {
  size_t need, bytes;
  if (!alb_add_ok(count, more, &need)) return false;
  if (need <= *capacity) return true;
  size_t room = *capacity ? *capacity : 8;
  while (room < need) {
    if (!alb_mul_ok(room, 2, &room)) return false;
  }
  if (!alb_mul_ok(room, item_size, &bytes)) return false;
  void *old, *grown;
  memcpy(&old, (void *)items, sizeof old);
  grown = realloc(old, bytes);
  if (!grown) return false;
  memcpy((void *)items, &grown, sizeof grown);
  *capacity = room;
  return true;
}

void alb_vec_release(void **items) {
  void *old, *none = NULL;
  memcpy(&old, (void *)items, sizeof old);
  free(old);
  memcpy((void *)items, &none, sizeof none);
}
