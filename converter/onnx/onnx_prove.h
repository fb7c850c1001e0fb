/* The proof of a recognition: the ONNX graph and the encoder that was built from it, run on the same sequences. */
#ifndef ALB_CONVERTER_ONNX_PROVE_H
#define ALB_CONVERTER_ONNX_PROVE_H

#include "converter/onnx/match.h"
#include "converter/onnx/onnx_inputs.h"
#include "graph/model_spec.h"

typedef struct alb_onnx_claim {
  const alb_onnx_model *model;
  const alb_onnx_inputs *inputs;
  const alb_onnx_encoder *encoder;
  const alb_model_spec *spec;
  alb_onnx_trace *seen; /* a run of the graph as it is that was recognised; NULL: there is none */
  const int64_t *ids;   /* [2 * tokens] that it ran on: ids, type ids */
  size_t tokens;
  double tolerance; /* largest difference / largest magnitude */
  double cosine;    /* above 0: a quantised graph, whose rows need to have this cosine and no more */
} alb_onnx_claim;

/* Compares the last hidden state and what every head gives. ALB_UNSUPPORTED says which differs and by how much.
 * *worst: the largest difference, or 1 - the smallest cosine. *golden: the last hidden state of our encoder for the
 * golden sequences, which are run along with the others, as every weight is fetched for these anyway; in the arena. */
alb_status alb_onnx_prove(alb_diag *diag, alb_arena *arena, const alb_onnx_claim *claim, double *worst,
                          const float **golden);

#endif
