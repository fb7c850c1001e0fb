/* The layers of a rolled graph as a table: which tensor each layer binds to which parameter. */
#ifndef ALB_PASSES_LAYER_TABLE_H
#define ALB_PASSES_LAYER_TABLE_H

#include "passes/pass.h"

/* What a parameter of the layer function is, told by its name and its use. */
typedef struct alb_layer_parameter {
  const char *name; /* borrowed from the function */
  bool ffn;         /* of the FFN block; else of the attention block */
  bool matrix;      /* multiplied; else a bias or a norm */
} alb_layer_parameter;

/* tensors[layer * parameter_count + parameter]; all arrays in the caller's arena. */
typedef struct alb_layer_table {
  size_t layers, parameter_count;
  const alb_layer_parameter *parameters;
  uint32_t *tensors;
  uint32_t *call_nodes; /* [layers]: index of the call in the encoder */
} alb_layer_table;

/* layers = 0 when the graph is not rolled. */
alb_status alb_layer_table_read(alb_diag *diag, const alb_graph *graph, alb_arena *arena, alb_layer_table *out);
/* Binds the table's tensors to the calls again; layers with equal tensors get one set. */
alb_status alb_layer_table_write(alb_diag *diag, alb_graph *graph, const alb_layer_table *table);
/* How many different sets the layers use, counted by tensors. */
size_t alb_layer_table_sets(const alb_layer_table *table);
/* How many different sets of matrices the attention or the FFN blocks of the layers use; a base counts as one, with
 * whatever factors. */
size_t alb_layer_table_block_sets(const alb_layer_table *table, const alb_tensors *tensors, bool ffn);
/* out[layer]: the first layer whose block has the same matrices; out[] has room for all layers. */
void alb_layer_table_block_map(const alb_layer_table *table, const alb_tensors *tensors, bool ffn, uint32_t *out);

static inline uint32_t *alb_layer_tensor(const alb_layer_table *table, size_t layer, size_t parameter) {
  return &table->tensors[layer * table->parameter_count + parameter];
}

#endif
