/* A run of an ONNX graph on given inputs that keeps its values, and knows which of them hold the same numbers.
 *
 * Recognition looks at a trace and not at the graph's form: whatever reshapes, casts, transposes of a batch of one,
 * identities, additions of zero and expansions a tool has put in between, the numbers stay the same, and so the values
 * are of one class. */
#ifndef ALB_CONVERTER_ONNX_TRACE_H
#define ALB_CONVERTER_ONNX_TRACE_H

#include "base/strmap.h"
#include "converter/onnx/onnx_graph.h"

/* What one graph input gets; the tensor is borrowed. dynamic: an input of the model (ids, type ids); values that
 * depend on no such input are constants. */
typedef struct alb_onnx_feed {
  uint32_t value;
  const alb_onnx_tensor *tensor;
  bool dynamic;
} alb_onnx_feed;

typedef struct alb_onnx_trace_options {
  const bool *wanted; /* [values] what is kept; NULL: all that recognition needs */
  uint64_t bytes;     /* of all values together; 0: any number */
  uint64_t work;      /* elements read, written and multiplied, nearly; 0: any number */
  bool unquantised;   /* a DequantizeLinear of a QuantizeLinear passes dynamic numbers through unrounded */
} alb_onnx_trace_options;

/* Arrays are by value. Start with {0}; alb_onnx_trace_free at the end. Borrows the model and the feeds. */
typedef struct alb_onnx_trace {
  const alb_onnx_model *model;
  alb_onnx_trace_options options;
  alb_onnx_tensor *tensors; /* no data though count > 0: not kept */
  bool *dynamic;
  uint32_t *same;  /* the class of a dynamic float value: the first one with the same numbers; else the value itself */
  uint32_t *left;  /* uses that are still to come */
  float **numbers; /* as f32, made when asked for */
  uint32_t values; /* length of the arrays */
  uint64_t bytes, work; /* used up so far */
  alb_arena arena;      /* keys of classes */
  alb_strmap classes;
  ALB_VEC(uint32_t) firsts; /* by index in classes */
} alb_onnx_trace;

/* Runs the main graph. Errors: of the operators, each with the node's name; ALB_UNSUPPORTED for an operator that is
 * not known; ALB_MISSING for an input that is not fed; ALB_LIMIT for the options' bounds. */
alb_status alb_onnx_trace_run(alb_diag *diag, const alb_onnx_model *model, const alb_onnx_feed *feeds, size_t count,
                              const alb_onnx_trace_options *options, alb_onnx_trace *trace);
void alb_onnx_trace_free(alb_onnx_trace *trace);

/* The numbers of a value as f32, [tensors[value].count]; borrowed from the trace. A constant that was not kept is
 * computed again. ALB_INTERNAL for a dynamic value that was not kept. */
alb_status alb_onnx_trace_f32(alb_diag *diag, alb_onnx_trace *trace, uint32_t value, const float **out);
/* The tensor of a value, in the same way. */
alb_status alb_onnx_trace_tensor(alb_diag *diag, alb_onnx_trace *trace, uint32_t value, const alb_onnx_tensor **out);

/* A class by its numbers: the first dynamic value that holds these, or ALB_ONNX_NONE. */
alb_status alb_onnx_trace_find(alb_diag *diag, const alb_onnx_trace *trace, const float *numbers, size_t count,
                               uint32_t *value);

#endif
