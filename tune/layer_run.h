/* Layers of a view, run on texts one after another, with everything that they compute at hand. */
#ifndef ALB_TUNE_LAYER_RUN_H
#define ALB_TUNE_LAYER_RUN_H

#include "tune/layer_view.h"
#include "tune/rows.h"

/* One layer's numbers, its hidden state, and room for what it computes from that. Start with {0}. */
typedef struct alb_layer_run {
  const alb_layer_view *view;
  const alb_sequences *texts;
  alb_layer_values layer;
  float *x;                /* [tokens, hidden] */
  float *q, *k, *v, *sum;  /* the same */
  float *inner;            /* [tokens, inner] */
  float *panels, *scratch; /* of one product */
} alb_layer_run;

/* Both are borrowed. Errors: ALB_MEMORY; alb_layer_run_free also after a failure. */
alb_status alb_layer_run_new(alb_diag *diag, const alb_layer_view *view, const alb_sequences *texts,
                             alb_layer_run *out);
void alb_layer_run_free(alb_layer_run *run);

/* The state before the first layer, into run->x. */
alb_status alb_layer_run_embed(alb_diag *diag, alb_layer_run *run);
/* Rows and columns of a matrix. */
size_t alb_layer_run_out(const alb_layer_run *run, int matrix);
size_t alb_layer_run_in(const alb_layer_run *run, int matrix);
/* out = the layer's product with that matrix, bias included. */
void alb_layer_run_multiply(const alb_layer_run *run, int matrix, const float *x, float *out);
/* What attention makes of q, k and v, into q. */
alb_status alb_layer_run_attend(alb_diag *diag, alb_layer_run *run);
/* sum = the product that ends a block, with the residual x. */
void alb_layer_run_add(alb_layer_run *run, int matrix, const float *in);
/* x = the norm of sum that ends a block, whose gamma is that part. */
void alb_layer_run_norm(alb_layer_run *run, int gamma, float eps);

/* Is given the inputs x of each matrix of a layer, before its product. */
typedef struct alb_input_tap {
  alb_status (*input)(void *context, int matrix, const float *x);
  void *context;
} alb_input_tap;

/* Loads a layer from `tensors` (alb_layer_view_load), which stays loaded, and takes x through it; tap may be NULL. */
alb_status alb_layer_run_layer(alb_diag *diag, alb_layer_run *run, const uint32_t *tensors, size_t layer,
                               const alb_input_tap *tap);

#endif
