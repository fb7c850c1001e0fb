/* Texts of a file, one a line, as token ids of a source. */
#ifndef ALB_CLI_SOURCE_TEXTS_H
#define ALB_CLI_SOURCE_TEXTS_H

#include "base/hash.h"
#include "converter/model_load.h"
#include "graph/interpret.h"

/* Lines of a file that are read. */
typedef enum alb_text_half {
  ALB_WHOLE_TEXT,
  ALB_FIRST_HALF,  /* the first line that is not empty, the third ... */
  ALB_SECOND_HALF, /* the second, the fourth ... */
} alb_text_half;

/* Start with {0}, or with {.half = ...}; alb_source_texts_free at the end. */
typedef struct alb_source_texts {
  alb_text_half half;
  size_t most; /* texts that are kept; default 0: any number */
  alb_sequences sequences;
  char hash[33]; /* of the file: XXH3-128 in hexadecimal digits */
  size_t lines;  /* texts in the file; sequences has all or evenly spread ones of the half */
  ALB_VEC(uint32_t) lengths;
  ALB_VEC(int32_t) ids;
  ALB_VEC(int32_t) type_ids;
  ALB_VEC(int32_t) positions;
} alb_source_texts;

/* Tokenizes lines that are not empty with the source's own tokenizer. At most max_tokens tokens (and out->most texts)
 * are kept: of a longer file every n-th text, n as small as can be. Errors: ALB_MISSING when the source has no
 * tokenizer, ALB_MALFORMED for a file without texts, ALB_IO, ALB_MEMORY. */
alb_status alb_source_texts_read(alb_diag *diag, const alb_loaded *loaded, const char *path, size_t max_tokens,
                                 alb_source_texts *out);
void alb_source_texts_free(alb_source_texts *texts);

#endif
