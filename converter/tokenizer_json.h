/* From the tokenizer of an .alb file back to the files of Hugging Face's `tokenizers`. */
#ifndef ALB_CONVERTER_TOKENIZER_JSON_H
#define ALB_CONVERTER_TOKENIZER_JSON_H

#include <jansson.h>

#include "alb.pb-c.h"
#include "base/span.h"
#include "base/status.h"

/* tokens: [count], text by id; length 0: no such token. */
typedef struct alb_tokenizer_parts {
  const Alb__Tokenizer *tokenizer;
  const alb_str *tokens;
  size_t count;
} alb_tokenizer_parts;

/* tokenizer.json that gives the same ids; the caller frees *out with json_decref. Truncation is left to
 * tokenizer_config.json. Errors: ALB_UNSUPPORTED naming a stage that has no element there. */
alb_status alb_tokenizer_json(alb_diag *diag, const alb_tokenizer_parts *parts, json_t **out);
/* tokenizer_config.json: class, special tokens, longest input; NULL: out of memory. */
json_t *alb_tokenizer_config_json(const alb_tokenizer_parts *parts);

/* A regular expression of the file format (PCRE2) in the words of `tokenizers` (Oniguruma): the reverse of
 * alb_vocab_translate_regex. malloc'd; NULL: out of memory. */
char *alb_regex_to_oniguruma(const char *pattern);

#endif
