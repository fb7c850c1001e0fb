/* UTF-8 as the Unicode standard defines it (table 3-7). */
#include "base/utf8.h"

/* First bytes, and the range of the second byte; later bytes are 80..BF. */
static const struct {
  uint8_t first, last, length, low, high;
} forms[] = {{0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
             {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
             {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};

size_t alb_utf8_length(const uint8_t *p, size_t n) {
  if (p[0] < 0x80) return 1;
  for (size_t i = 1; i < sizeof forms / sizeof forms[0]; i++) {
    if (p[0] < forms[i].first || p[0] > forms[i].last) continue;
    if (n < forms[i].length || p[1] < forms[i].low || p[1] > forms[i].high) return 0;
    for (size_t k = 2; k < forms[i].length; k++) {
      if ((p[k] & 0xc0) != 0x80) return 0;
    }
    return forms[i].length;
  }
  return 0;
}

/* How many bytes from p on are ASCII, eight at a time. */
static size_t ascii_length(const uint8_t *p, size_t n) {
  size_t i = 0;
  uint64_t word;
  for (; n - i >= sizeof word; i += sizeof word) {
    memcpy(&word, p + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  while (i < n && p[i] < 0x80) i++;
  return i;
}

size_t alb_utf8_first_invalid(alb_span text) {
  size_t i = 0;
  while ((i += ascii_length(text.p + i, text.n - i)) < text.n) {
    const size_t length = alb_utf8_length(text.p + i, text.n - i);
    if (length == 0) return i;
    i += length;
  }
  return i;
}

size_t alb_utf8_encode(uint32_t c, char out[4]) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}
