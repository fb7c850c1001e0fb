/* The reverse of build_encoder.h: from a graph, whatever passes did to it, back to roles. */
#ifndef ALB_GRAPH_ENCODER_ROLES_H
#define ALB_GRAPH_ENCODER_ROLES_H

#include "graph/ir.h"
#include "graph/model_spec.h"

/* Fills *out from a graph of an encoder with this configuration: layers inline or called, fused or not;
 * stacked query, key and value weights become three tensors, which are added to graph->tensors. Arrays are in
 * `arena`. pooling NONE: there is no embed function. Errors: ALB_UNSUPPORTED naming the place where the graph is
 * not the encoder that the configuration describes. */
alb_status alb_encoder_roles(alb_diag *diag, alb_arena *arena, const alb_graph *graph, const alb_encoder_config *config,
                             alb_model_spec *out);

#endif
