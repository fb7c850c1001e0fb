/* SentencePiece's table of replacements (precompiled_charsmap): docs/format.md section 9.6. */
#ifndef ALB_FORMAT_CHARSMAP_H
#define ALB_FORMAT_CHARSMAP_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

typedef struct alb_charsmap {
  const uint8_t *units; /* [unit_count] u32, borrowed */
  size_t unit_count;
  alb_str texts; /* borrowed: UTF-8, each ended by a NUL */
} alb_charsmap;

/* Checks all of a table, in linear time: look-ups need no checks. *out borrows the bytes. */
alb_status alb_charsmap_open(alb_diag *diag, alb_span bytes, alb_charsmap *out);

/* The replacement of the shortest key that text[0, n) begins with; false: there is none. */
bool alb_charsmap_find(const alb_charsmap *map, const uint8_t *text, size_t n, alb_str *out);

#endif
