/* Operators of ONNX Runtime that are several others in one, taken apart again. */
#ifndef ALB_CONVERTER_ONNX_LOWER_H
#define ALB_CONVERTER_ONNX_LOWER_H

#include "converter/onnx/onnx_graph.h"

/* Replaces in the main graph, by operators that the interpreter knows and that compute the same:
 *   FusedGemm(a, b, c)                      Tanh | Relu | Sigmoid (Gemm(a, b, c))
 *   QAttention(x, w, bias, ...)             Attention(DequantizeLinear(x), DequantizeLinear(w), bias, ...)
 *   QEmbedLayerNormalization(ids, ...)      EmbedLayerNormalization(ids, ... DequantizeLinear(tables) ...)
 * Other forms of these are left as they are. */
alb_status alb_onnx_lower(alb_diag *diag, alb_onnx_model *model);

#endif
