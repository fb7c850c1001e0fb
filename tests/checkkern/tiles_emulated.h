/* The instructions of AMX that kernels use, in C, for machines without it: ALB_TILES of tiles_amx.h. */
#ifndef TILES_EMULATED_H
#define TILES_EMULATED_H

#include <assert.h>
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static _Thread_local struct { uint8_t rows[8], bytes[8][16][64]; } tiles;

static inline void emulated_loadconfig(const void *config) {
  const uint8_t *c = config;
  assert(c[0] == 1);
  memset(&tiles, 0, sizeof tiles);
  memcpy(tiles.rows, c + 48, sizeof tiles.rows);
  for (int i = 0; i < 8; i++) assert(tiles.rows[i] >= 1 && tiles.rows[i] <= 16 && c[16 + 2 * i] == 64);
}

static inline void emulated_load(int t, const void *from, size_t stride) {
  assert(tiles.rows[t]);
  for (size_t r = 0; r < tiles.rows[t]; r++) memcpy(tiles.bytes[t][r], (const char *)from + r * stride, 64);
}

static inline void emulated_store(int t, void *to, size_t stride) {
  assert(tiles.rows[t]);
  for (size_t r = 0; r < tiles.rows[t]; r++) memcpy((char *)to + r * stride, tiles.bytes[t][r], 64);
}

static inline void emulated_dpbusd(int c, int a, int b) {
  assert(tiles.rows[c] && tiles.rows[c] == tiles.rows[a] && tiles.rows[b] == 16);
  for (int m = 0; m < tiles.rows[c]; m++) {
    for (int n = 0; n < 16; n++) {
      int32_t sum;
      memcpy(&sum, &tiles.bytes[c][m][4 * n], sizeof sum);
      for (int k = 0; k < 64; k++) sum += tiles.bytes[a][m][k] * (int8_t)tiles.bytes[b][k / 4][4 * n + k % 4];
      memcpy(&tiles.bytes[c][m][4 * n], &sum, sizeof sum);
    }
  }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbusd
#define _tile_loadconfig(config) emulated_loadconfig(config)
#define _tile_release() memset(tiles.rows, 0, sizeof tiles.rows)
#define _tile_zero(t) memset(tiles.bytes[t], 0, sizeof tiles.bytes[t])
#define _tile_loadd(t, from, stride) emulated_load(t, from, stride)
#define _tile_stored(t, to, stride) emulated_store(t, to, stride)
#define _tile_dpbusd(c, a, b) emulated_dpbusd(c, a, b)

#endif
