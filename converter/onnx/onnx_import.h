/* An ONNX graph as a source: recognised, bound to roles, proven. */
#ifndef ALB_CONVERTER_ONNX_IMPORT_H
#define ALB_CONVERTER_ONNX_IMPORT_H

#include "converter/onnx/onnx_graph.h"
#include "graph/model_spec.h"

/* What the import found besides the model. */
typedef struct alb_onnx_imported {
  bool quantised;             /* activations are rounded to integers: outputs can't be equal */
  bool dequantised;           /* weights are integers in the file, f32 here */
  size_t computed;            /* tensors whose bytes stand nowhere in the file */
  double worst;               /* of the proof */
  const float *golden_hidden; /* what our encoder gives for the golden sequences (golden.h); in the arena */
  bool *used;                 /* [constants] that some weight is made of; in the arena */
} alb_onnx_imported;

/* Fills tensors (empty before) and spec; both borrow the model and the bytes that it borrows. `file`: the bytes that
 * are mapped. The last hidden state and heads of the result equal the graph's on sequences of several lengths, within
 * 1e-4 (f32) or 2e-2 (16 bits) of the largest magnitude, or in direction for a quantised graph. Errors: ALB_UNSUPPORTED
 * naming the first node that is not understood and what was expected there, or what differs; those of reading. */
alb_status alb_onnx_import(alb_diag *diag, alb_arena *arena, const alb_onnx_model *model, alb_span file,
                           alb_tensors *tensors, alb_model_spec *spec, alb_onnx_imported *out);

#endif
