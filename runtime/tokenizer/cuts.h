/* Where a text can be cut into parts that become the same tokens one by one as together: before spaces. */
#ifndef ALB_TOKENIZER_CUTS_H
#define ALB_TOKENIZER_CUTS_H

#include "runtime/tokenizer/scratch.h"

/* Sets tokenizer->cuts: whether all of its stages allow it. The tokenizer is loaded otherwise. */
alb_status alb_prepare_cuts(alb_diag *diag, alb_tokenizer *tokenizer);

/* Does the text raw[begin, n) begin with a character that the normalizers keep, a cluster of its own where those
 * matter? Only then it can be cut. */
bool alb_cuts_begin(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, size_t begin, size_t n);

/* The end of the part of raw[begin, n) that begins at `begin`: a space with a cut before it, or n. */
size_t alb_cuts_next(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, size_t begin, size_t n);

enum { ALB_RAW_SPACES = 32 }; /* behind raw[0, n) */

#endif
