/* Some rows of a tensor as a tensor of its own, without new bytes. */
#ifndef ALB_GRAPH_ROW_SLICE_H
#define ALB_GRAPH_ROW_SLICE_H

#include "graph/tensors.h"

/* Adds a tensor of `rows` rows (elements, when it is a vector) of another one, from row `first` on. Slices of
 * the same bytes share a blob; rows of a stack are the stacked blob's; a slice of a recipe that works row by row is
 * the recipe of slices. Errors: ALB_INTERNAL for rows that are not there. */
alb_status alb_tensors_slice(alb_diag *diag, alb_tensors *table, alb_str name, uint32_t tensor, uint64_t first,
                             uint64_t rows, uint32_t *id);

#endif
