/* UTF-8 as the Unicode standard defines it (table 3-7): no overlong forms, no surrogates. */
#ifndef ALB_BASE_UTF8_H
#define ALB_BASE_UTF8_H

#include "base/span.h"

/* The length (1 to 4) of the valid sequence at p[0..n), n >= 1; 0 when it is not valid. */
size_t alb_utf8_length(const uint8_t *p, size_t n);
/* Offset of the first byte that is not valid UTF-8; text.n when all is. */
size_t alb_utf8_first_invalid(alb_span text);
static inline bool alb_utf8_valid(alb_str text) {
  return alb_utf8_first_invalid((alb_span){(const uint8_t *)text.p, text.n}) == text.n;
}
/* Writes a code point below 0x110000 that is no surrogate; returns its length (1 to 4). */
size_t alb_utf8_encode(uint32_t code_point, char out[4]);

#endif
