/* The memory of an encoding call, and running the normalizers in it. */
#ifndef ALB_TOKENIZER_SCRATCH_H
#define ALB_TOKENIZER_SCRATCH_H

#include "runtime/tokenizer/stages.h"

/* Runs all normalizers over cp[0, n); the result is scratch->text. */
alb_status alb_scratch_normalize(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, alb_diag *diag,
                                 const uint32_t *cp, size_t n);
enum { ALB_HONEST_GROWTH = 64 }; /* no honest chain of normalizers makes a text so many times longer */

/* The normalizers may make as much of a text of n characters as any honest chain does. */
void alb_scratch_set_room(alb_token_scratch *scratch, size_t n);
/* Runs all normalizers over scratch->text in place; what they make is taken from the room. ALB_LIMIT: it is used up. */
alb_status alb_scratch_run_normalizers(const alb_tokenizer *tokenizer, alb_token_scratch *scratch);

#endif
