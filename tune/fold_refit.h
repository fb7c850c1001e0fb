/* Recalibration of a lossy fold as a helper of the pass fold-layers. */
#ifndef ALB_TUNE_FOLD_REFIT_H
#define ALB_TUNE_FOLD_REFIT_H

#include "passes/pass.h"

/* Adjusts what layers still have of their own to texts: layer after layer, with inputs from the layers that are
 * folded and adjusted already and targets from the source. Matrices that a layer shares with no other are fitted by
 * least squares, biases and LayerNorms by mean and slope. For alb_pass_options.refit; context: the texts, an
 * alb_sequences. Errors: ALB_UNSUPPORTED for layers of another structure, ALB_MEMORY. */
alb_status alb_fold_refit(alb_diag *diag, void *context, const alb_fold_job *job);

#endif
