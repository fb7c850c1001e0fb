/* What the files of sentence-transformers say: pooling, normalisation, longest input, prompts. */
#ifndef ALB_CONVERTER_SENTENCE_H
#define ALB_CONVERTER_SENTENCE_H

#include "base/vocabulary.h"
#include "converter/package.h"
#include "converter/source.h"

typedef struct alb_sentence {
  alb_pooling pooling;
  bool normalize;
  bool stated;         /* false: the source says nothing, these are the defaults (mean, not normalised) */
  bool pools_prompt;   /* the prompt's tokens take part in pooling; always so when there are prompts */
  uint32_t max_length; /* in tokens; 0: not said */
  alb_prompt *prompts; /* in the arena */
  size_t prompt_count;
  const char *default_prompt; /* name, or "" */
} alb_sentence;

/* Errors: ALB_UNSUPPORTED naming a module or pooling mode that we do not run. */
alb_status alb_sentence_read(alb_diag *diag, alb_arena *arena, alb_source *source, alb_sentence *out);

#endif
