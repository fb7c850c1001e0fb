/* The arithmetic of attention, for the operators that contain it. Not for others. */
#ifndef ALB_CONVERTER_ONNX_ATTENTION_H
#define ALB_CONVERTER_ONNX_ATTENTION_H

#include "converter/onnx/onnx_op.h"

/* softmax(softcap(q k^T scale + bias)) v, per batch and head. All arrays are f64 and belong to this
 * (alb_onnx_attention_free). */
typedef struct alb_onnx_attention {
  size_t batch, heads, kv_heads, queries, keys, width, value_width;
  double scale, softcap; /* softcap 0: none */
  double *q;             /* [batch, heads, queries, width] */
  double *k;             /* [batch, kv_heads, keys, width] */
  double *v;             /* [batch, kv_heads, keys, value_width] */
  double *bias;          /* [batch, heads, queries, keys], what is added to the scores; made by _prepare */
  double *out;           /* [batch, heads, queries, value_width]; made by _run */
  int64_t mode;          /* what `scores` keeps: 0 before the bias, 1 after it, 2 after softcap, 3 after softmax */
  double *scores;        /* [batch, heads, queries, keys]; NULL when nobody wants them */
} alb_onnx_attention;

/* Copies a tensor of [batch, tokens, heads * width] (rank 3) or [batch, heads, tokens, width] (rank 4) into
 * [batch, heads, total, width] from token `first` on; *array is made when it is NULL. */
alb_status alb_onnx_attention_take(const alb_onnx_call *c, const alb_onnx_tensor *t, size_t heads, size_t first,
                                   size_t total, double **array);
/* Makes bias (of zeros) after the sizes are set. */
alb_status alb_onnx_attention_prepare(const alb_onnx_call *c, alb_onnx_attention *a);
/* Adds a tensor that is broadcast to [batch, heads, queries, keys]; of bool: minus infinity where it is false. */
alb_status alb_onnx_attention_bias(const alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *t);
/* A query sees keys up to its own place plus `past`; `value` is added to the scores of the others. */
void alb_onnx_attention_causal(alb_onnx_attention *a, size_t past, double value);
/* Takes keys from lengths[batch] on out of sight. */
alb_status alb_onnx_attention_lengths(const alb_onnx_call *c, alb_onnx_attention *a, const alb_onnx_tensor *lengths);
alb_status alb_onnx_attention_run(const alb_onnx_call *c, alb_onnx_attention *a);
void alb_onnx_attention_free(alb_onnx_attention *a);

#endif
