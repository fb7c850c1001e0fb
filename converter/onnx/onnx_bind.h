/* From recognised parts to tensors with roles, as every other source has them. */
#ifndef ALB_CONVERTER_ONNX_BIND_H
#define ALB_CONVERTER_ONNX_BIND_H

#include "converter/onnx/match.h"
#include "graph/model_spec.h"

/* Fills tensors (empty before) and spec from a match. Weights borrow the file's bytes; products' matrices, which ONNX
 * stores [in,out], become transposes of them, so that equal weights give equal blobs whatever wrote the file. What is
 * computed in the graph (dequantised, cut, added) is made in the table's arena. Sizes, names and the configuration are
 * set; bytes inside `file` are mapped; spec's arrays lie in `arena`. used: [constants], set for those that a weight is
 * made of; *computed counts the tensors whose bytes stand nowhere in the file. Errors: ALB_SHAPE, ALB_NONFINITE,
 * ALB_LIMIT, ALB_MEMORY. */
alb_status alb_onnx_bind(alb_onnx_match *m, alb_arena *arena, alb_tensors *tensors, alb_span file, alb_model_spec *spec,
                         bool *used, size_t *computed);

#endif
