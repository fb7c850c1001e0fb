/* The tile registers of AMX: their shapes, and where the instructions come from.
 *
 * Tests of the logic on machines without AMX name a header of their own in ALB_TILES, which does in C what each
 * instruction does. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18. */
#ifndef ALB_KERNELS_TILES_AMX_H
#define ALB_KERNELS_TILES_AMX_H

#ifdef ALB_TILES
#include ALB_TILES
#else
#include <immintrin.h>
#endif

#include <stddef.h>
#include <stdint.h>

#include "runtime/kernels/vec/unroll.h"

/* The operand of ldtilecfg. */
typedef struct tile_shapes {
  _Alignas(64) uint8_t palette; /* 1 */
  uint8_t start_row, zero[14];
  uint16_t row_bytes[16]; /* of tile i; 8 tiles exist */
  uint8_t rows[16];
} tile_shapes;
_Static_assert(sizeof(tile_shapes) == 64, "as the processor reads it");

/* Makes tiles 0-1 and 4 have `upper` rows, 2-3 and 5 `lower` rows, 6-7 (of weights) 16, all of 64 bytes. Clears them.
 * A tile of no rows is not used. */
ALB_INLINE void tiles_begin(size_t upper, size_t lower) {
  const uint8_t u = (uint8_t)upper, l = (uint8_t)(lower ? lower : 1);
  const tile_shapes shapes = {
      .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {u, u, l, l, u, l, 16, 16}};
  __asm__ volatile("" : : "r"(&shapes) : "memory"); /* all of it is read, whatever the intrinsic says */
  _tile_loadconfig(&shapes);
}

/* Frees the tiles: a thread that holds none switches faster. */
ALB_INLINE void tiles_end(void) {
  _tile_release();
}

#endif
