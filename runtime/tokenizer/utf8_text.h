/* UTF-8 to code points and back; what is not UTF-8 becomes U+FFFD. */
#ifndef ALB_TOKENIZER_UTF8_TEXT_H
#define ALB_TOKENIZER_UTF8_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Reads one character of p[0, n), n > 0: its code point (U+FFFD for the longest prefix of a character that can't go
 * on, as Unicode's chapter 3.9 and Python have it) and how many bytes it took, at least 1. */
uint32_t alb_utf8_read(const uint8_t *p, size_t n, size_t *taken);
/* Writes a code point (any but surrogates, at most U+10FFFF): 1 to 4 bytes; returns how many. */
size_t alb_utf8_write(uint32_t cp, uint8_t *out);

#endif
