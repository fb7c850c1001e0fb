/* UTF-8 to code points and back. */
#include "runtime/tokenizer/utf8_text.h"

enum { REPLACEMENT = 0xfffd };

/* The length of the sequence that a lead byte starts and the range of its second byte; 0: no lead. */
static size_t lead(uint8_t c, uint8_t *low, uint8_t *high) {
  *low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  *high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  if (c >= 0xc2 && c < 0xe0) return 2;
  if (c >= 0xe0 && c < 0xf0) return 3;
  return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

uint32_t alb_utf8_read(const uint8_t *p, size_t n, size_t *taken) {
  *taken = 1;
  if (p[0] < 0x80) return p[0];
  uint8_t low, high;
  const size_t length = lead(p[0], &low, &high);
  if (length == 0) return REPLACEMENT;
  uint32_t cp = p[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf) {
    if (i >= n || p[i] < low || p[i] > high) return REPLACEMENT;
    cp = cp << 6 | (p[i] & 0x3f);
    ++*taken;
  }
  return cp;
}

size_t alb_utf8_write(uint32_t cp, uint8_t *out) {
  if (cp < 0x80) {
    out[0] = (uint8_t)cp;
    return 1;
  }
  const size_t length = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, cp >>= 6) out[i] = (uint8_t)(0x80 | (cp & 0x3f));
  out[0] = (uint8_t)((0xf00u >> length) | cp);
  return length;
}
