/* Bump allocator: many small things that die together. */
#ifndef ALB_BASE_ARENA_H
#define ALB_BASE_ARENA_H

#include <stddef.h>

#include "base/span.h"

/* Start with {0}. Memory lives until alb_arena_free. Not for sharing between threads. */
typedef struct alb_arena {
  struct alb_arena_block *blocks;
  size_t used; /* bytes handed out, for reports */
} alb_arena;

/* n zeroed bytes aligned to 16, or NULL when memory is not to be had. n may be 0. */
void *alb_arena_alloc(alb_arena *arena, size_t n);
/* count * size zeroed bytes; NULL also when the product overflows. */
void *alb_arena_array(alb_arena *arena, size_t count, size_t size);
/* A NUL-terminated copy, or NULL. */
char *alb_arena_strdup(alb_arena *arena, alb_str text);
char *alb_arena_printf(alb_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void alb_arena_free(alb_arena *arena);

#define ALB_NEW(arena, type) ((type *)alb_arena_alloc((arena), sizeof(type)))
#define ALB_NEW_ARRAY(arena, type, count) ((type *)alb_arena_array((arena), (count), sizeof(type)))

#endif
