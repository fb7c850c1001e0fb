/* What the nodes of a graph take each tensor as. */
#ifndef ALB_PASSES_WEIGHT_USE_H
#define ALB_PASSES_WEIGHT_USE_H

#include "graph/ir.h"

/* A tensor of several uses has the last of them: a matrix that is a table too is treated as a table. */
typedef enum alb_use {
  ALB_USED_NOT,
  ALB_USED_VECTOR,
  ALB_USED_MATRIX,
  ALB_USED_PLACES, /* a table of positions or token types: few rows, which all texts use */
  ALB_USED_TABLE   /* of words: what its function's first input, the token ids, gathers from */
} alb_use;

/* (*uses)[tensor], in the arena. A matrix whose blob is a table as well, under another name, is a table. */
alb_status alb_weight_uses(alb_diag *diag, alb_arena *arena, const alb_graph *graph, alb_use **uses);

/* The element type that all tensors of a use have; none if there are none of them; if they differ, the narrowest
 * quantised one, else f32. */
alb_dtype alb_use_dtype(const alb_tensors *tensors, const alb_use *uses, size_t count, alb_use use);

#endif
