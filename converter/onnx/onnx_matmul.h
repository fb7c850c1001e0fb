/* The product of matrices with broadcast batches, for the operators that contain one. Not for others. */
#ifndef ALB_CONVERTER_ONNX_MATMUL_H
#define ALB_CONVERTER_ONNX_MATMUL_H

#include "converter/onnx/onnx_op.h"

/* What is taken off an operand and what it is multiplied with: one number, or one for each row of a (column of b).
 * Both may be NULL. */
typedef struct alb_onnx_affine {
  const alb_onnx_tensor *zero, *scale;
} alb_onnx_affine;

typedef struct alb_onnx_product {
  const alb_onnx_tensor *a, *b;
  alb_onnx_affine a_affine, b_affine;
  bool a_turned, b_turned;             /* the last two dimensions are swapped */
  bool a_batch_turned, b_batch_turned; /* FusedMatMul's transBatchA: the first dimension stands before the last */
  double alpha;
  /* found by alb_onnx_product_shape */
  size_t m, k, n, rank, batches;
  int64_t dims[ALB_ONNX_MAX_RANK]; /* of the result, with vectors' dimensions taken out */
} alb_onnx_product;

/* Sizes and the shape of the result by numpy's rule for matmul; ALB_SHAPE. */
alb_status alb_onnx_product_shape(const alb_onnx_call *c, alb_onnx_product *p);
/* Sums of f64, exact for integers of up to 32 bits. `put(context, i, sum)` is called for each element of the result in
 * order. */
alb_status alb_onnx_product_run(const alb_onnx_call *c, const alb_onnx_product *p,
                                void (*put)(void *context, size_t i, double sum), void *context);

#endif
