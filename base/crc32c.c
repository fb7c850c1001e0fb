/* CRC32C (Castagnoli), eight bytes a step by tables ("slicing by 8", Kounavis and Berry 2005). */
#include "base/crc32c.h"

#include <threads.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* tables[k][b]: what byte b does to the checksum when k more bytes follow it. */
static uint32_t tables[8][256];
static once_flag filled = ONCE_FLAG_INIT;

static void fill_tables(void) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
    tables[0][b] = crc;
  }
  for (int k = 1; k < 8; k++) {
    for (int b = 0; b < 256; b++) tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 255];
  }
}

static uint32_t step_8(uint32_t crc, const uint8_t *p) {
  const uint32_t low = crc ^ alb_load_u32(p);
  return tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24] ^
         tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
}

uint32_t alb_crc32c(uint32_t crc, alb_span bytes) {
  call_once(&filled, fill_tables);
  const uint8_t *p = bytes.p;
  size_t n = bytes.n;
  crc = ~crc;
  for (; n >= 8; n -= 8, p += 8) crc = step_8(crc, p);
  for (; n > 0; n--) crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 255];
  return ~crc;
}
