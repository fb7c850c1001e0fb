/* What the layers of a model have in common once each is written in the coordinates in which it is nearest to one. */
#ifndef ALB_TUNE_ALIGN_SHARE_H
#define ALB_TUNE_ALIGN_SHARE_H

#include "passes/layer_table.h"
#include "tune/align.h"

/* rho (alb_align_rho) of each matrix: of the layers as they are, aligned, and of random matrices aligned. */
typedef struct alb_align_share {
  bool done;
  size_t reference; /* the layer that the others were aligned to */
  double rho[ALB_ALIGN_MATRICES], aligned[ALB_ALIGN_MATRICES], noise[ALB_ALIGN_MATRICES];
} alb_align_share;

/* "query", "key", ... */
const char *alb_align_matrix_name(alb_align_matrix matrix);
/* The part of what n layers do not have in common by chance that their mean explains: 1 all, 0 none. */
double alb_align_excess(double rho, size_t n);

/* Aligns copies; the graph stays as it is. done stays false where there is nothing to align: layers of another
 * structure, or all of them with the same tensors. Takes seconds for large models. Errors: ALB_MEMORY,
 * ALB_UNSUPPORTED (products of the weights are too large for numbers). */
alb_status alb_align_share_find(alb_diag *diag, alb_graph *graph, const alb_layer_table *table, alb_align_share *out);

#endif
