/* What a lossy fold took from each layer's matrices, given back as factors of low rank. */
#ifndef ALB_TUNE_FOLD_RESIDUAL_H
#define ALB_TUNE_FOLD_RESIDUAL_H

#include "passes/layer_table.h"
#include "tune/low_rank.h"

/* Adds the tensor of a layer that is tensor `base` and factors, in f32, and gives it a name of the layer's. Factors
 * without numbers (left and right NULL) have room for theirs. Errors: ALB_MEMORY. */
alb_status alb_residual_tensor(alb_diag *diag, alb_tensors *tensors, const alb_layer_table *table, size_t layer,
                               size_t parameter, uint32_t base, const alb_factors *factors, uint32_t *tensor);

/* True when the parameter is a matrix of which layers of this one's group had different ones, and have one now. */
bool alb_fold_lost(const alb_fold_job *job, size_t layer, size_t parameter);

/* Counts a matrix with factors in the job's report. */
void alb_fold_note_residual(const alb_fold_job *job);

/* After the fold: every such matrix becomes the folded one and the factors of rank job->residual that are nearest to
 * what it was. Errors: ALB_UNSUPPORTED when numbers are not finite, ALB_MEMORY. */
alb_status alb_fold_residual(alb_diag *diag, const alb_fold_job *job);

#endif
