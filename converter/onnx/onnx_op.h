/* What the operators of the interpreter share: the call, its operands, shapes. Not for others. */
#ifndef ALB_CONVERTER_ONNX_OP_H
#define ALB_CONVERTER_ONNX_OP_H

#include "converter/onnx/onnx_eval.h"

/* One node being computed. Functions allocate outputs with alb_onnx_out; the caller frees them when one fails. */
typedef struct alb_onnx_call {
  alb_diag *diag;
  const alb_onnx_model *model;
  const alb_onnx_node *node;
  const alb_onnx_tensor *const *inputs; /* [node->input_count], NULL for one that is left out */
  alb_onnx_tensor *outputs;             /* [node->output_count] */
  uint64_t tensor_bytes;                /* the limit */
  uint64_t *work;                       /* what is left */
  struct alb_onnx_frame *frame;         /* values of a running model, for subgraphs; NULL for a single node */
} alb_onnx_call;

typedef alb_status alb_onnx_function_of_op(alb_onnx_call *c);

#define ALB_ONNX_OP(id, domain, name, min_in, max_in, max_out, function) \
  alb_status alb_onnx_run_##function(alb_onnx_call *c);
#include "converter/onnx/onnx_ops.def"
#undef ALB_ONNX_OP

/* alb_fail with "onnx: NODE: " before the message. */
alb_status alb_onnx_refuse(const alb_onnx_call *c, alb_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Input i, or NULL when it is left out. */
static inline const alb_onnx_tensor *alb_onnx_in(const alb_onnx_call *c, size_t i) {
  return i < c->node->input_count ? c->inputs[i] : NULL;
}
static inline bool alb_onnx_wants(const alb_onnx_call *c, size_t i) {
  return i < c->node->output_count && c->node->outputs[i] != ALB_ONNX_NONE;
}

/* Counts n steps; ALB_LIMIT when the evaluation may not take so many. */
alb_status alb_onnx_spend(const alb_onnx_call *c, uint64_t n);
/* The product of two sizes, counted as above. */
alb_status alb_onnx_spend_product(const alb_onnx_call *c, size_t a, size_t b);

/* Output i as a new tensor of zeros; its elements are counted as work. */
alb_status alb_onnx_out(alb_onnx_call *c, size_t i, alb_onnx_type type, size_t rank, const int64_t *dims);
/* Output 0 with the input's type and another shape: the same bytes, borrowed if the input borrows. */
alb_status alb_onnx_same_bytes(alb_onnx_call *c, const alb_onnx_tensor *x, size_t rank, const int64_t *dims);

/* An axis from -rank to rank - 1 as 0 to rank - 1. */
alb_status alb_onnx_axis(const alb_onnx_call *c, int64_t axis, size_t rank, size_t *out);
/* Integers of an attribute, or (when there is none) of an input of int32 or int64; *present is false for neither.
 * At most 8. */
alb_status alb_onnx_ints(const alb_onnx_call *c, const char *name, size_t input, int64_t out[ALB_ONNX_MAX_RANK],
                         size_t *count, bool *present);
/* The one element of a tensor as an integer. */
alb_status alb_onnx_scalar_int(const alb_onnx_call *c, const alb_onnx_tensor *t, int64_t *out);
/* ALB_UNSUPPORTED unless the tensor is of floats. */
alb_status alb_onnx_need_float(const alb_onnx_call *c, const alb_onnx_tensor *t);
alb_status alb_onnx_need_same_type(const alb_onnx_call *c, const alb_onnx_tensor *a, const alb_onnx_tensor *b);

/* Walks over the elements of a shape, with the place in up to four tensors that are broadcast to it. */
typedef struct alb_onnx_walk {
  size_t rank, count, tensors;
  int64_t dims[ALB_ONNX_MAX_RANK];
  int64_t index[ALB_ONNX_MAX_RANK];
  size_t stride[4][ALB_ONNX_MAX_RANK];
  size_t at[4];
} alb_onnx_walk;

/* The common shape of the tensors (numpy's rule); ALB_SHAPE. */
alb_status alb_onnx_broadcast(const alb_onnx_call *c, const alb_onnx_tensor *const *tensors, size_t n,
                              alb_onnx_walk *walk);
/* The place of one more tensor, broadcast to the walk's shape; ALB_SHAPE when it does not fit into it. */
alb_status alb_onnx_walk_add(const alb_onnx_call *c, alb_onnx_walk *walk, const alb_onnx_tensor *t);
/* A walk over a shape, without tensors yet. */
alb_status alb_onnx_walk_over(const alb_onnx_call *c, size_t rank, const int64_t *dims, alb_onnx_walk *walk);
void alb_onnx_walk_next(alb_onnx_walk *walk);

/* An elementwise pass of an operator over one tensor of floats into output 0. */
alb_status alb_onnx_map(alb_onnx_call *c, const alb_onnx_tensor *x, double (*f)(double));
double alb_onnx_gelu(double x);      /* with erf */
double alb_onnx_gelu_tanh(double x); /* the approximation with tanh */

/* Memory for n doubles (at least one), zeroed; the caller's to free. */
alb_status alb_onnx_doubles(const alb_onnx_call *c, size_t n, double **out);
/* All elements as doubles; the caller's to free. */
alb_status alb_onnx_as_doubles(const alb_onnx_call *c, const alb_onnx_tensor *t, double **out);

#endif
