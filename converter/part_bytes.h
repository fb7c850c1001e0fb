/* Where the bytes of a model are: in which part of it. */
#ifndef ALB_CONVERTER_PART_BYTES_H
#define ALB_CONVERTER_PART_BYTES_H

#include "graph/ir.h"

typedef enum alb_model_part {
  ALB_MODEL_EMBEDDINGS,
  ALB_MODEL_ATTENTION, /* with their norms and biases, as are the FFN blocks */
  ALB_MODEL_FFN,
  ALB_MODEL_HEADS, /* poolers too */
  ALB_MODEL_REST,  /* what is no weight of the graph: tokenizer, configuration, padding, weights that are not used */
  ALB_MODEL_PARTS
} alb_model_part;

/* "embeddings", "attention", "ffn", "heads", "rest". */
const char *alb_model_part_name(alb_model_part part);

/* Bytes of the blobs that the graph uses, each counted once, for the part that uses it first; out has
 * ALB_MODEL_PARTS numbers, REST is 0. */
alb_status alb_part_bytes(alb_diag *diag, const alb_graph *graph, uint64_t *out);

#endif
