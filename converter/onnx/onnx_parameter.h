/* One recognised parameter as a tensor of the table. */
#ifndef ALB_CONVERTER_ONNX_PARAMETER_H
#define ALB_CONVERTER_ONNX_PARAMETER_H

#include "converter/onnx/match.h"
#include "graph/tensors.h"

/* Makes tensors of parts; start with zeros and the first four fields. alb_onnx_parameters_free at the end. */
typedef struct alb_onnx_parameters {
  alb_onnx_match *m;
  alb_tensors *tensors;
  alb_span file;   /* bytes that are mapped: pages of these may be given back, of no others */
  bool *used;      /* [constants] set for those that a weight is made of */
  bool *checked;   /* [constants] looked through for NaN and infinity */
  size_t computed; /* tensors whose bytes had to be made */
} alb_onnx_parameters;

typedef enum alb_onnx_layout {
  ALB_ONNX_VECTOR, /* [columns] */
  ALB_ONNX_TABLE,  /* [rows,columns], stored so */
  ALB_ONNX_MATRIX  /* [rows,columns] = [out,in]; the part's own layout says how it is stored */
} alb_onnx_layout;

/* Adds a tensor of that name and shape. A part without a value becomes zeros, or ones where `ones` says so. */
alb_status alb_onnx_parameter(alb_onnx_parameters *p, alb_str name, const alb_onnx_part *part, alb_onnx_layout layout,
                              size_t rows, size_t columns, bool ones, uint32_t *id);
void alb_onnx_parameters_free(alb_onnx_parameters *p);

#endif
