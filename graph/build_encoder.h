/* From filled roles to the encoder graph, layer after layer, nothing fused, nothing shared but
 * what the source shares. */
#ifndef ALB_GRAPH_BUILD_ENCODER_H
#define ALB_GRAPH_BUILD_ENCODER_H

#include "graph/ir.h"
#include "graph/model_spec.h"

/* Names of the functions that a graph may have, and what they take and give. */
#define ALB_FN_ENCODER "encoder"   /* ids[tokens], type_ids[tokens], positions[tokens] -> [tokens,H] */
#define ALB_FN_LAYER "layer"       /* [tokens,H] -> [tokens,H]; made by the pass roll-layers */
#define ALB_FN_EMBED "embed"       /* [tokens,H] -> [sequences,H] */
#define ALB_FN_POOLER "pooler"     /* [tokens,H] -> [sequences,H] */
#define ALB_FN_MLM "mlm"           /* [rows,H] -> [rows,V] */
#define ALB_FN_CLASSIFY "classify" /* [tokens,H] -> [sequences,C] */
#define ALB_FN_NER "ner"           /* [tokens,H] -> [tokens,C] */
#define ALB_FN_QA "qa"             /* [tokens,H] -> [tokens,2] */

/* Builds into an empty graph over spec->tensors (borrowed). Functions whose roles are not filled
 * are left out; the encoder's roles must all be filled. */
alb_status alb_build_encoder(alb_diag *diag, const alb_model_spec *spec, alb_graph *graph);

#endif
