/* Gradients of all parameters of the encoder, from those of its hidden states. */
#ifndef ALB_TUNE_BACKWARD_H
#define ALB_TUNE_BACKWARD_H

#include "tune/forward.h"

/* Room for the way back; alb_tune_back_free at the end. */
typedef struct alb_tune_back {
  size_t most_tokens;
  float *dx, *dy, *dq, *dk, *dv; /* [most_tokens, hidden] */
  float *dup;                    /* [most_tokens, intermediate] */
  float *dscores;                /* [longest, longest] of one head */
  float *block;                  /* what all arrays lie in */
} alb_tune_back;

/* For runs with as many tokens as `run` has room for. Errors: ALB_MEMORY; alb_tune_back_free also then. */
alb_status alb_tune_back_new(alb_diag *diag, const alb_tune_encoder *encoder, const alb_tune_run *run,
                             alb_tune_back *out);
void alb_tune_back_free(alb_tune_back *back);

/* Goes back through a run that keeps everything, right after the forward of the same batch. dstate[l] is the
 * gradient of the loss by the state before layer l itself, dstate[layers] that by the output, [tokens, hidden] each;
 * NULL: the loss does not look there. run->embed_norm is used up. Adds to gradients, [encoder->total] laid out as the
 * values: uses of a shared parameter are summed. With embeddings false only the first encoder->layer_values are
 * touched. */
void alb_tune_backward(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_run *run,
                       const float *const *dstate, bool embeddings, alb_tune_back *back, float *gradients);

#endif
