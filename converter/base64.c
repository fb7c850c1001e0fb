/* Base64 to bytes. */
#include "converter/base64.h"

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
