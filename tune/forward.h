/* The encoder on packed texts, with what each layer computed kept for whoever asks. */
#ifndef ALB_TUNE_FORWARD_H
#define ALB_TUNE_FORWARD_H

#include "graph/interpret.h"
#include "tune/encoder.h"

/* What one layer computed; [tokens, hidden] where nothing else is said. Its output is the next layer's input. */
typedef struct alb_tune_layer {
  float *input;          /* of query, key and value */
  float *q, *k, *v;      /* biases included; attention's probabilities are made of q and k again when needed */
  float *context;        /* input of attention's output product */
  float *attention_sum;  /* with the residual, before its norm */
  float *attention_norm; /* input of the FFN's first product */
  float *up;             /* [tokens, intermediate], before the activation */
  float *active;         /* [tokens, intermediate], input of the FFN's second product */
  float *ffn_sum;        /* with the residual, before its norm */
} alb_tune_layer;

typedef struct alb_tune_run {
  size_t tokens;         /* of the last batch */
  size_t most_tokens;    /* that there is room for */
  size_t longest;        /* tokens of a text that there is room for */
  bool keep;             /* every layer has arrays of its own; otherwise all have the same */
  float *embed_sum;      /* [tokens, embedding], before the norm */
  float *embed_norm;     /* [tokens, embedding] */
  alb_tune_layer *layer; /* [layers] */
  float *hidden;         /* the output */
  float *block;          /* what all arrays lie in */
  float *scores;         /* [longest, longest] of one head */
  float *scratch;        /* of one product, forward or backward */
} alb_tune_run;

/* Room for batches of at most most_tokens (>= 1). Errors: ALB_MEMORY, ALB_OVERFLOW; alb_tune_run_free also then. */
alb_status alb_tune_run_new(alb_diag *diag, const alb_tune_encoder *encoder, size_t most_tokens, bool keep,
                            alb_tune_run *out);
void alb_tune_run_free(alb_tune_run *run);

/* Runs the encoder on the calling thread. Errors: ALB_LIMIT for more tokens than there is room for, in all or in one
 * text, ALB_ARGUMENT for an id outside of its table. */
alb_status alb_tune_forward(alb_diag *diag, const alb_tune_encoder *encoder, const alb_sequences *batch,
                            alb_tune_run *run);

#endif
