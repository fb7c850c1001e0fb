/* bert_config.json and albert_config.json, the configurations of Google's own checkpoints. */
#ifndef ALB_CONVERTER_CONFIG_GOOGLE_H
#define ALB_CONVERTER_CONFIG_GOOGLE_H

#include "converter/source.h"

/* Adds to source->config what these files leave to the program that reads them, when it names no architecture and
 * is such a file or lies beside a TensorFlow checkpoint: "model_type", by keys and names of tensors that only ALBERT
 * has; and for ALBERT "gelu" becomes "gelu_new", because that program's gelu is the one with tanh (as
 * transformers' configurations of the same checkpoints say). */
alb_status alb_config_google(alb_diag *diag, alb_source *source);

#endif
