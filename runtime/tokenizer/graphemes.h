/* Extended grapheme clusters (UAX 29), by the Unicode version of the `tokenizers` library. */
#ifndef ALB_TOKENIZER_GRAPHEMES_H
#define ALB_TOKENIZER_GRAPHEMES_H

#include "runtime/tokenizer/stages.h"

/* A character's class of UAX 29 as utf8proc numbers them, with further bits for rule GB9c. */
int alb_grapheme_class(uint32_t cp);
enum { ALB_GRAPHEME_OTHER = 1, ALB_GRAPHEME_PREPEND = 13 };

/* Characters of the cluster that text[0, n) begins with; n is at least 1. Time is linear in the result. */
size_t alb_grapheme_length(const alb_char *text, size_t n);

#endif
