/* The reference interpreter: runs a graph in plain C, f32 values with f64 sums. It is the oracle
 * for validation, golden outputs and pass tests: obviously right before fast. */
#ifndef ALB_GRAPH_INTERPRET_H
#define ALB_GRAPH_INTERPRET_H

#include "graph/ir.h"

/* Sequences packed back to back, no padding. Everything is borrowed.
 * ids, type_ids and positions have `tokens` elements, the sum of lengths. */
typedef struct alb_sequences {
  size_t sequences, tokens;
  const uint32_t *lengths; /* [sequences], each >= 1 */
  const int32_t *ids, *type_ids, *positions;
} alb_sequences;

/* rows x width f32, or rows indices when width is 0. */
typedef struct alb_array {
  size_t rows, width;
  const float *f32;
  const int32_t *i32;
} alb_array;

/* Called after each layer with the hidden state; the array is valid during the call only. */
typedef struct alb_layer_tap {
  void (*layer)(void *context, uint32_t layer, const alb_array *hidden);
  void *context;
} alb_layer_tap;

/* Runs one function. The caller frees *output with alb_array_free. Values are freed after their
 * last use. Errors: ALB_ARGUMENT for an id outside of its table, ALB_MEMORY. tap may be NULL. */
alb_status alb_interpret(alb_diag *diag, const alb_graph *graph, uint32_t function, const alb_sequences *batch,
                         const alb_array *inputs, const alb_layer_tap *tap, alb_array *output);

/* Runs the encoder on the batch. */
alb_status alb_interpret_encoder(alb_diag *diag, const alb_graph *graph, const alb_sequences *batch,
                                 const alb_layer_tap *tap, alb_array *hidden);

/* Frees the values of an array that the interpreter made. */
void alb_array_free(alb_array *array);

/* What an activation makes of one number. */
double alb_activation_value(alb_activation activation, double x);

#endif
