/* Alignment as a helper of the pass fold-layers. */
#ifndef ALB_TUNE_FOLD_ALIGN_H
#define ALB_TUNE_FOLD_ALIGN_H

#include "passes/pass.h"

/* Aligns the layers of each group to the middle one, in the blocks that the fold loses; what they compute stays the
 * same. For alb_pass_options.align; takes no context. A layer function that alignment isn't sure to be right for
 * (something stands between query, key and their product, or between up, activation and down) is left alone. */
alb_status alb_fold_align(alb_diag *diag, void *context, const alb_fold_job *job);
/* The same for a conversion whose size is all that is asked for: layers get the tensors that alignment would give them,
 * with the numbers that they have. */
alb_status alb_fold_align_sizes(alb_diag *diag, void *context, const alb_fold_job *job);

#endif
