/* How layers relate: which attention and FFN blocks are equal, and how alike the others are. */
#ifndef ALB_PASSES_LAYER_SIGNATURE_H
#define ALB_PASSES_LAYER_SIGNATURE_H

#include "passes/layer_relation.h"

/* equal[l]: the first layer whose block is bound to the same blobs, or l. cosine[a * layers + b]:
 * cosine of the block's matrices, taken as one long vector. Arrays in the caller's arena. */
typedef struct alb_block_signature {
  uint32_t *equal;
  double *cosine;
  alb_layer_relation *relations; /* [layers] */
} alb_block_signature;

/* How much of a matrix's energy its mean over the n layers explains: rho = n |mean|^2 / sum |W|^2, which is 1/n for
 * matrices that have nothing in common; share = (rho - 1/n) / (1 - 1/n). */
typedef struct alb_role_share {
  const char *name; /* of the parameter; in the caller's arena */
  bool ffn;
  double rho, share;
  double *adjacent; /* [layers - 1]: cosine of layer l and l + 1 */
} alb_role_share;

typedef struct alb_layer_signature {
  size_t layers; /* 0: the graph is not rolled */
  alb_block_signature attention, ffn;
  alb_role_share *roles; /* [role_count]: a line a matrix; none for one layer */
  size_t role_count;
  size_t row_step; /* cosines are taken over every row_step-th row: 1 but for very large models */
} alb_layer_signature;

/* Needs dedup-blobs and roll-layers. */
alb_status alb_layer_signature_read(alb_diag *diag, const alb_graph *graph, alb_arena *arena, alb_layer_signature *out);

#endif
