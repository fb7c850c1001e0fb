/* Base64 (RFC 4648), strictly: padded, in the standard alphabet, nothing left over. */
#ifndef ALB_CONVERTER_BASE64_H
#define ALB_CONVERTER_BASE64_H

#include "base/span.h"

/* Writes at most text.n / 4 * 3 bytes to out. False: the text is not base64. */
bool alb_base64_decode(alb_str text, uint8_t *out, size_t *count);

/* The text of n bytes, malloc'd; NULL: out of memory. */
char *alb_base64_encode(alb_span bytes);

#endif
