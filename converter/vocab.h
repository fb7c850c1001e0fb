/* Imports a source's tokenizer: tokenizer.json, or spiece.model or vocab.txt with tokenizer_config.json. */
#ifndef ALB_CONVERTER_VOCAB_H
#define ALB_CONVERTER_VOCAB_H

#include "converter/source.h"

struct Alb__Tokenizer;

typedef struct alb_vocab_options {
  size_t rows;       /* tokens that the model has; 0: not known */
  size_t max_length; /* most tokens that the model takes, special ones included; 0: not known */
} alb_vocab_options;

typedef struct alb_vocab {
  struct Alb__Tokenizer *tokenizer; /* NULL: the source has none */
  const alb_str *tokens;            /* [count] text by id, for alb_writer_set_vocab; length 0: no such token */
  size_t count;
  alb_span section; /* the same as the bytes of a vocabulary section, for alb_tokenizer_new */
} alb_vocab;

/* Everything in *out lives in `arena`. ALB_UNSUPPORTED names an element that would change ids and is not known;
 * ALB_SHAPE: more tokens than the model has rows. */
alb_status alb_vocab_import(alb_diag *diag, alb_source *source, alb_arena *arena, const alb_vocab_options *options,
                            alb_vocab *out);

#endif
