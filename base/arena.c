/* Bump allocator: many small things that die together. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

struct alb_arena_block {
  struct alb_arena_block *next;
  size_t used, size;
  _Alignas(ALIGN) unsigned char bytes[];
};

static struct alb_arena_block *new_block(alb_arena *arena, size_t need) {
  const size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
  size_t total;
  if (!alb_add_ok(size, sizeof(struct alb_arena_block), &total)) return NULL;
  struct alb_arena_block *block = calloc(1, total);
  if (!block) return NULL;
  block->size = size;
  block->next = arena->blocks;
  arena->blocks = block;
  return block;
}

void *alb_arena_alloc(alb_arena *arena, size_t n) {
  size_t need;
  if (!alb_align_ok(n ? n : 1, ALIGN, &need)) return NULL;
  struct alb_arena_block *block = arena->blocks;
  if (!block || block->size - block->used < need) block = new_block(arena, need);
  if (!block) return NULL;
  void *p = block->bytes + block->used;
  block->used += need;
  arena->used += need;
  return p;
}

void *alb_arena_array(alb_arena *arena, size_t count, size_t size) {
  size_t n;
  return alb_mul_ok(count, size, &n) ? alb_arena_alloc(arena, n) : NULL;
}

char *alb_arena_strdup(alb_arena *arena, alb_str text) {
  size_t n;
  char *copy = alb_add_ok(text.n, 1, &n) ? alb_arena_alloc(arena, n) : NULL;
  if (copy && text.n) memcpy(copy, text.p, text.n);
  return copy;
}

char *alb_arena_printf(alb_arena *arena, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int n = vsnprintf(NULL, 0, format, args);
  char *text = n < 0 ? NULL : alb_arena_alloc(arena, (size_t)n + 1);
  if (text) (void)vsnprintf(text, (size_t)n + 1, format, again);
  va_end(again);
  va_end(args);
  return text;
}

void alb_arena_free(alb_arena *arena) {
  for (struct alb_arena_block *block = arena->blocks, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  *arena = (alb_arena){0};
}
