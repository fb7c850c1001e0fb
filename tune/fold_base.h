/* A better base than the mean, where there are texts. */
#ifndef ALB_TUNE_FOLD_BASE_H
#define ALB_TUNE_FOLD_BASE_H

#include "passes/pass.h"
#include "tune/layer_run.h"

/* Makes each matrix that a fold shares the one whose products are nearest to those of the group's layers, on the
 * inputs that the source gives them, every layer weighted so that its products have one size. `source` is at the state
 * before the first layer, and is run through all layers. Errors: ALB_UNSUPPORTED when numbers are not finite,
 * ALB_MEMORY. */
alb_status alb_fold_base(alb_diag *diag, const alb_fold_job *job, alb_layer_run *source);

#endif
