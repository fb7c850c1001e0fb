/* The memory of an encoding call, and running the normalizers in it. */
#ifndef ALB_TOKENIZER_SCRATCH_H
#define ALB_TOKENIZER_SCRATCH_H

#include "runtime/tokenizer/stages.h"

/* Runs all normalizers over cp[0, n); the result is scratch->text. */
alb_status alb_scratch_normalize(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, alb_diag *diag,
                                 const uint32_t *cp, size_t n);
/* Runs all normalizers over scratch->text in place. */
alb_status alb_scratch_run_normalizers(const alb_tokenizer *tokenizer, alb_token_scratch *scratch);

#endif
