/* The inputs of an ONNX encoder: which is which, and tensors to feed them with. */
#ifndef ALB_CONVERTER_ONNX_INPUTS_H
#define ALB_CONVERTER_ONNX_INPUTS_H

#include "converter/onnx/onnx_trace.h"

enum { ALB_ONNX_LONGEST = 8192 }; /* of a graph that takes one length only */

typedef enum alb_onnx_input_role {
  ALB_ONNX_INPUT_IDS,
  ALB_ONNX_INPUT_MASK,
  ALB_ONNX_INPUT_TYPES,
  ALB_ONNX_INPUT_POSITIONS,
  ALB_ONNX_INPUT_ROLES
} alb_onnx_input_role;

/* values: ALB_ONNX_NONE for a role that the graph has no input for. length: of a sequence, 0 when any will do. */
typedef struct alb_onnx_inputs {
  uint32_t values[ALB_ONNX_INPUT_ROLES];
  size_t length;
} alb_onnx_inputs;

/* Tells inputs by their names, else by what the graph does with them. Errors: ALB_UNSUPPORTED naming an input that is
 * none of these, has another rank, or takes more than one sequence at a time only. */
alb_status alb_onnx_inputs_find(alb_diag *diag, const alb_onnx_model *model, alb_onnx_inputs *out);

/* Rows of the largest table that an input looks up, or `otherwise` when that is not told by the graph. */
int64_t alb_onnx_inputs_rows(const alb_onnx_model *model, uint32_t input, int64_t otherwise);

/* Bounds on a run over sequences of that length: far above what any encoder with these constants takes, and small for a
 * small file. */
void alb_onnx_inputs_bound(const alb_onnx_model *model, size_t length, alb_onnx_trace_options *options);

/* Feeds for one sequence of `length` tokens: a mask of ones, positions from 0. alb_onnx_feeds_free after use. */
typedef struct alb_onnx_feeds {
  alb_onnx_tensor tensors[ALB_ONNX_INPUT_ROLES];
  alb_onnx_feed feeds[ALB_ONNX_INPUT_ROLES];
  size_t count;
} alb_onnx_feeds;

alb_status alb_onnx_feeds_make(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_inputs *inputs,
                               const int64_t *ids, const int64_t *type_ids, size_t length, alb_onnx_feeds *out);
void alb_onnx_feeds_free(alb_onnx_feeds *feeds);

#endif
