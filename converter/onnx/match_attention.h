/* Recognises the attention of a layer. */
#ifndef ALB_CONVERTER_ONNX_MATCH_ATTENTION_H
#define ALB_CONVERTER_ONNX_MATCH_ATTENTION_H

#include "converter/onnx/match.h"

/* The attention on class x: fills query, key and value of the layer, the number of heads, and the product that takes
 * the context. *found false: too few products stand on x for an attention. */
alb_status alb_match_attention(alb_onnx_match *m, uint32_t x, alb_onnx_matched_layer *layer, size_t *heads,
                               alb_onnx_product **output, bool *found);

/* The unused products on class x: up to `room` of them. */
size_t alb_match_products_on(const alb_onnx_match *m, uint32_t x, alb_onnx_product **out, size_t room);
/* Picks from these, to the front, what an attention needs: one merged or three single ones; 0: none. */
size_t alb_match_choose(alb_onnx_product **on, size_t count, size_t hidden);

#endif
