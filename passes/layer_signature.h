/* How layers relate: which attention and FFN blocks are equal, and how alike the others are. */
#ifndef ALB_PASSES_LAYER_SIGNATURE_H
#define ALB_PASSES_LAYER_SIGNATURE_H

#include "passes/layer_table.h"

/* equal[l]: the first layer whose block is bound to the same blobs, or l. cosine[a * layers + b]:
 * cosine of the block's matrices, taken as one long vector. Arrays in the caller's arena. */
typedef struct alb_block_signature {
  uint32_t *equal;
  double *cosine;
} alb_block_signature;

typedef struct alb_layer_signature {
  size_t layers; /* 0: the graph is not rolled */
  alb_block_signature attention, ffn;
  size_t row_step; /* cosines are taken over every row_step-th row: 1 but for very large models */
} alb_layer_signature;

/* Needs dedup-blobs and roll-layers. */
alb_status alb_layer_signature_read(alb_diag *diag, const alb_graph *graph, alb_arena *arena, alb_layer_signature *out);

#endif
