/* config.json to the configuration of an encoder. */
#ifndef ALB_CONVERTER_CONFIG_H
#define ALB_CONVERTER_CONFIG_H

#include <jansson.h>

#include "graph/model_spec.h"

/* What the tensors named "classifier" classify. */
typedef enum alb_classifier_use {
  ALB_CLASSIFIER_UNSTATED, /* texts when there is a pooler, else tokens */
  ALB_CLASSIFIER_TEXTS,
  ALB_CLASSIFIER_TOKENS,
  ALB_CLASSIFIER_OTHER, /* something that is not run: the tensors are left alone */
} alb_classifier_use;

/* What a checkpoint's configuration says beyond the encoder itself. */
typedef struct alb_source_config {
  alb_encoder_config encoder;
  uint32_t groups, inner_layers; /* ALBERT: num_hidden_groups, inner_group_num; else layers and 1 */
  bool tied_decoder;             /* tie_word_embeddings: without an own one, the MLM decoder is the word embeddings */
  alb_classifier_use classifier; /* by the end of architectures[0] */
  uint32_t stated_layers;        /* num_hidden_layers; encoder.layers = that * inner_layers */
} alb_source_config;

/* Absent keys have the defaults of transformers' configurations. Errors: ALB_MALFORMED naming key,
 * value and allowed range; ALB_UNSUPPORTED naming the architecture or feature. */
alb_status alb_config_read(alb_diag *diag, const json_t *json, alb_source_config *out);

#endif
