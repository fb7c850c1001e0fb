/* Facts about characters, as the Unicode tables of the `tokenizers` library have them: utf8proc with exceptions. */
#ifndef ALB_TOKENIZER_UNICODE_H
#define ALB_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  ALB_UNI_WHITE = 1,       /* White_Space */
  ALB_UNI_CONTROL = 2,     /* Cc, Cf, Co and such, but tab and line ends: what BERT's cleaning drops */
  ALB_UNI_PUNCTUATION = 4, /* P*, and all of ASCII that is neither letter nor digit nor space */
  ALB_UNI_NONSPACING = 8,  /* Mn */
  ALB_UNI_MARK = 16,       /* Mn, Mc, Me */
  ALB_UNI_WORD = 32,       /* \w */
  ALB_UNI_CJK = 64,        /* what BERT takes for a Chinese character */
};

unsigned alb_unicode_class(uint32_t cp);
uint8_t alb_unicode_ccc(uint32_t cp); /* canonical combining class */

enum { ALB_UNICODE_LONGEST = 32 }; /* a mapping of one character, at most */
/* These write a mapping and return its length, at least 1. */
size_t alb_unicode_lower(uint32_t cp, uint32_t *out);
size_t alb_unicode_decompose(uint32_t cp, bool compatible, uint32_t *out);
uint32_t alb_unicode_compose(uint32_t first, uint32_t second); /* 0: they do not compose */

#endif
