/* Layers' matrices as int4, int5 or int6 that are fitted to texts, as a helper of the pass quantize-weights. */
#ifndef ALB_TUNE_FIT_INTN_H
#define ALB_TUNE_FIT_INTN_H

#include "graph/interpret.h"
#include "passes/pass.h"

/* An alb_round_helper; context: the texts (const alb_sequences *). Layer after layer, on the states that the layers
 * before leave once they are rounded: matrices by alb_gptq, a shared one for all inputs that it has, and biases by what
 * the mean input loses. Errors: ALB_UNSUPPORTED for layers of a structure that is not known, numbers that are not
 * finite; ALB_MEMORY. */
alb_status alb_fit_intn(alb_diag *diag, void *context, alb_dtype dtype, alb_graph *graph);

#endif
