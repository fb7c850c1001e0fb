/* Which layout of `transformers` holds a model, and which tensors that layout has. */
#ifndef ALB_CONVERTER_HF_LAYOUT_H
#define ALB_CONVERTER_HF_LAYOUT_H

#include "converter/arch.h"
#include "converter/safetensors_out.h"

/* A BERT has a tensor for every layer, no width of its own for embeddings and no projection. An ALBERT has
 * `groups` groups of `inner` layers, used in order, and always a projection. Both are exact: what a layout can't
 * share is stored again. */
typedef struct alb_hf_layout {
  const alb_arch *arch;
  bool albert;
  uint32_t stated_layers, groups, inner; /* ALBERT: config.layers = stated_layers * inner */
  bool identity;                         /* ALBERT: the projection is made up, the model has none */
  bool tied;                             /* the decoder of the MLM head is the word embeddings, stored once */
  bool repeated;                         /* layers share tensors that the layout stores more than once */
  bool same_matrices;                    /* all layers share all matrices, but not their biases and norms */
  bool headless;                         /* heads of the model are left out: there are no names for them */
  bool dequantized;                      /* quantised weights are stored multiplied out */
  alb_dtype dtype;                       /* of matrices and tables in the file */
  alb_dtype narrowest;                   /* of all tensors: dtype, or f32 where vectors need it */
  alb_st_item *items;                    /* in the arena */
  size_t count;
} alb_hf_layout;

/* Chooses the layout and lists its tensors, which belong to spec->tensors. With `names` it is a BERT's with these
 * names, roles without a name are left out, and ALB_UNSUPPORTED says why a model is no BERT. */
alb_status alb_hf_layout_choose(alb_diag *diag, alb_arena *arena, const alb_model_spec *spec, const alb_arch *names,
                                alb_hf_layout *out);

#endif
