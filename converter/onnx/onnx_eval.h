/* The reference interpreter for ONNX: one node on given inputs, or a whole model. Plain C, obviously right before fast;
 * the oracle for constant folding, for recognising graphs and for checking what is written. */
#ifndef ALB_CONVERTER_ONNX_EVAL_H
#define ALB_CONVERTER_ONNX_EVAL_H

#include "converter/onnx/onnx_graph.h"

/* Bounds on what an evaluation may take, for files that nobody vouches for; 0: the default. */
typedef struct alb_onnx_limits {
  uint64_t tensor_bytes; /* of one output; default 2^40 */
  uint64_t work;         /* elements written and products summed, over all nodes; default no bound */
} alb_onnx_limits;

/* Computes one node. inputs[node->input_count], NULL where one is left out; outputs[node->output_count] are filled, the
 * caller frees them (alb_onnx_tensor_free). An output may borrow the bytes of an input that is itself borrowed. Errors:
 * ALB_UNSUPPORTED (operator, element type, form), ALB_SHAPE, ALB_ARGUMENT, ALB_MALFORMED (what the operator forbids),
 * ALB_LIMIT (limits), ALB_MEMORY; then no output is left. limits may be NULL. */
alb_status alb_onnx_eval_node(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_node *node,
                              const alb_onnx_tensor *const *inputs, const alb_onnx_limits *limits,
                              alb_onnx_tensor *outputs);

/* Runs the main graph of a model that is in order (alb_onnx_settle): inputs and outputs in its order, all owned by the
 * caller. Outputs own their bytes. Values are freed after their last use. */
alb_status alb_onnx_run(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_tensor *inputs,
                        const alb_onnx_limits *limits, alb_onnx_tensor *outputs);

#endif
