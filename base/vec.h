/* Growable arrays: ALB_VEC(type) is a struct of items, count and capacity; start with {0}. */
#ifndef ALB_BASE_VEC_H
#define ALB_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>

#define ALB_VEC(type) \
  struct {            \
    type *items;      \
    size_t count;     \
    size_t capacity;  \
  }

/* Makes room for `more` further items; false when memory is not to be had (nothing changed). */
#define alb_vec_reserve(v, more)                          \
  (alb_vec_has_room((v)->capacity, (v)->count, (more)) || \
   alb_vec_grow((void **)&(v)->items, &(v)->capacity, (v)->count, (more), sizeof *(v)->items))

/* Appends one item; false when memory is not to be had. */
#define alb_vec_push(v, ...) (alb_vec_reserve((v), 1) ? ((v)->items[(v)->count++] = (__VA_ARGS__), true) : false)

#define alb_vec_free(v) (alb_vec_release((void **)&(v)->items), (v)->count = 0, (v)->capacity = 0)

static inline bool alb_vec_has_room(size_t capacity, size_t count, size_t more) {
  return more <= capacity - count;
}
bool alb_vec_grow(void **items, size_t *capacity, size_t count, size_t more, size_t item_size);
void alb_vec_release(void **items);

#endif
