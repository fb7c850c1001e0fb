/* Base64 to bytes. */
#include "converter/base64.h"

#include <stdlib.h>

static int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool alb_base64_decode(alb_str text, uint8_t *out, size_t *count) {
  size_t pad = 0;
  *count = 0;
  if (text.n % 4) return false;
  while (pad < 2 && pad < text.n && text.p[text.n - 1 - pad] == '=') pad++;
  uint32_t group = 0;
  for (size_t i = 0; i < text.n; i++) {
    const int value = i >= text.n - pad ? 0 : value_of(text.p[i]);
    if (value < 0) return false;
    group = group << 6 | (uint32_t)value;
    if (i % 4 != 3) continue;
    const size_t bytes = i + 1 == text.n ? 3 - pad : 3;
    for (size_t k = 0; k < bytes; k++) out[(*count)++] = (uint8_t)(group >> (16 - 8 * k));
    if (bytes < 3 && (group & ((1u << (8 * (3 - bytes))) - 1))) return false; /* bits that no byte has */
    group = 0;
  }
  return true;
}

char *alb_base64_encode(alb_span bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = malloc(bytes.n / 3 * 4 + 5), *end = out;
  for (size_t i = 0; out && i < bytes.n; i += 3) {
    const size_t left = bytes.n - i;
    const uint32_t three = (uint32_t)bytes.p[i] << 16 | (left > 1 ? (uint32_t)bytes.p[i + 1] << 8 : 0) |
                           (left > 2 ? (uint32_t)bytes.p[i + 2] : 0);
    for (int k = 0; k < 4; k++) *end++ = (size_t)k > left ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  if (out) *end = '\0';
  return out;
}
