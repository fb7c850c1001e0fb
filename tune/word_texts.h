/* Texts of random words, which keep a file of one kind of texts from bending a fit to that kind alone. */
#ifndef ALB_TUNE_WORD_TEXTS_H
#define ALB_TUNE_WORD_TEXTS_H

#include "base/vec.h"
#include "graph/interpret.h"

/* Start with {0}; alb_word_texts_free at the end. */
typedef struct alb_word_texts {
  alb_sequences all; /* the texts that were given, then those of random words */
  ALB_VEC(uint32_t) lengths;
  ALB_VEC(int32_t) ids, type_ids, positions;
  ALB_VEC(int32_t) words; /* tokens that stand for words */
} alb_word_texts;

/* Every third text comes once more, its tokens but the first and the last replaced by words of the vocabulary: tokens
 * of two letters or more (of any script) and nothing else. A vocabulary with fewer than 1,000 of them is not of words:
 * then `all` is what was given. The same texts give the same words. tokens[count]: text by id. Errors: ALB_MEMORY. */
alb_status alb_word_texts_make(alb_diag *diag, const alb_sequences *texts, const alb_str *tokens, size_t count,
                               alb_word_texts *out);
void alb_word_texts_free(alb_word_texts *texts);

#endif
