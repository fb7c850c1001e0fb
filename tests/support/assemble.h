/* Files put together in memory without the writer's checks: to make what no writer makes. */
#ifndef ALB_TESTS_ASSEMBLE_H
#define ALB_TESTS_ASSEMBLE_H

#include "base/arena.h"
#include "base/span.h"
#include "format/frame.h"

/* A file in the arena, aligned to 64, with room for more behind it. */
typedef struct image {
  uint8_t *p;
  size_t n;
} image;

/* A section of an image to be made: its content as it is. */
typedef struct image_section {
  uint32_t id, flags;
  alb_span bytes;
} image_section;

/* Lays the sections out as docs/format.md says, whatever is in them, with correct checksums. */
image image_make(alb_arena *arena, const image_section *sections, size_t count);
/* Reads a file. */
image image_load(alb_arena *arena, const char *path);
/* A copy with `more` zeroed bytes behind it. */
image image_copy(alb_arena *arena, image from, size_t more);
/* The sections of a sound image. */
size_t image_sections(image from, image_section sections[ALB_MAX_SECTIONS]);

/* Recomputes chunk table and root hash where the prefix says that they are; does nothing when that
 * can't be. What an attacker does after a change. */
void image_repair(uint8_t *file, size_t n);

#endif
