/* Blocks of layers that are one function although their bytes differ. */
#ifndef ALB_PASSES_LAYER_RELATION_H
#define ALB_PASSES_LAYER_RELATION_H

#include "passes/layer_table.h"

typedef enum alb_relation {
  ALB_RELATION_NONE,     /* like no earlier layer */
  ALB_RELATION_EQUAL,    /* equal bytes */
  ALB_RELATION_ROUNDING, /* no value further apart than one unit in the last place of the narrower type */
  ALB_RELATION_PERMUTED, /* FFN only: the same neurons in another order */
  ALB_RELATION_COUNT
} alb_relation;

typedef struct alb_layer_relation {
  alb_relation kind;
  uint32_t of;      /* the earlier layer; the layer itself for NONE */
  double max_delta; /* ROUNDING: the largest difference; else 0 */
} alb_layer_relation;

const char *alb_relation_name(alb_relation relation);

/* out[layers], in the caller's memory: how the attention or FFN block of each layer relates to the first earlier
 * one that it is equal to, else rounding-equal to, else a permutation of. */
alb_status alb_layer_relations(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table, bool ffn,
                               alb_layer_relation *out);

#endif
