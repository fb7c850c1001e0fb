/* Tokenizer: text to token ids with offsets, and back, as the Hugging Face `tokenizers` library does. */
#ifndef ALB_TOKENIZER_TOKENIZER_H
#define ALB_TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

/* The message of format/alb.proto, under the name that protoc-c gives it. */
struct Alb__Tokenizer;

/* Immutable; may be shared between threads. */
typedef struct alb_tokenizer alb_tokenizer;

/* Builds a tokenizer from the message and the vocabulary section of a file (or of alb_vocab_import), both checked
 * here. Both are borrowed: they must outlive the tokenizer. `rows` is the number of tokens that the model has: an id
 * outside is an error; 0: as many as the vocabulary has. The caller frees *out with alb_tokenizer_free.
 * ALB_MALFORMED, ALB_DUPLICATE, ALB_LIMIT: the content is not sound. ALB_UNSUPPORTED: a stage that is not known. */
alb_status alb_tokenizer_new(alb_diag *diag, const struct Alb__Tokenizer *message, alb_span vocab, size_t rows,
                             alb_tokenizer **out);
void alb_tokenizer_free(alb_tokenizer *tokenizer); /* NULL is allowed */

/* The memory of one caller at a time; grows to what the texts need and stays. For one tokenizer. */
typedef struct alb_token_scratch alb_token_scratch;
alb_status alb_token_scratch_new(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch **out);
void alb_token_scratch_free(alb_token_scratch *scratch); /* NULL is allowed */

/* A text as tokens; the arrays belong to the scratch and are valid until its next use. */
typedef struct alb_token_encoding {
  size_t count;
  const int32_t *ids, *type_ids;
  const uint32_t *offsets; /* [count][2] start and end in their text, in Unicode code points; 0,0 for special tokens */
  const uint8_t *special;  /* 1: the template put the token there */
  const uint8_t *sequence; /* 0: of the text, 1: of the pair, 255: of the template */
  const uint8_t *begins_word; /* 1: the first token of what the splitters left of the text, or an added token */
  bool truncated;
} alb_token_encoding;

/* Encodes a text, or a pair when `pair` is not NULL. Bytes that are not UTF-8 count as U+FFFD, as Python's
 * errors="replace" does it. `max_length` is the most tokens there may be, special ones included (the longer of the two
 * texts is cut first); 0: the tokenizer's own limit. `add_special`: whether special tokens are put around the text.
 * ALB_ARGUMENT: max_length has no room for the special tokens. ALB_LIMIT: a regular expression took too many steps, or
 * the text is too long (2^30 bytes). */
alb_status alb_tokenizer_encode(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch,
                                alb_str text, const alb_str *pair, size_t max_length, bool add_special,
                                alb_token_encoding *out);

/* Text of tokens, as `transformers` decodes them: in the scratch, NUL-terminated, valid until its next use.
 * ALB_ARGUMENT: an id out of range. */
alb_status alb_tokenizer_decode(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch,
                                const int32_t *ids, size_t count, bool skip_special, alb_str *out);

/* Joins tokens as decoding does, whatever their texts are: in the scratch as above. The encoding stays. */
alb_status alb_tokenizer_join(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch,
                              const alb_str *tokens, size_t count, alb_str *out);

size_t alb_tokenizer_count(const alb_tokenizer *tokenizer);              /* of tokens in the vocabulary */
alb_str alb_tokenizer_token(const alb_tokenizer *tokenizer, int32_t id); /* length 0: no such token */
int32_t alb_tokenizer_id(const alb_tokenizer *tokenizer, alb_str token); /* -1: no such token */
size_t alb_tokenizer_max_length(const alb_tokenizer *tokenizer);         /* 0: no limit */
/* The id of "unk", "cls", "sep", "pad" or "mask"; -1 when the tokenizer has none. */
int32_t alb_tokenizer_named(const alb_tokenizer *tokenizer, const char *name);

#endif
