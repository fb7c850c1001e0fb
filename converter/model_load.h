/* A source model, read and bound: all that a conversion, an inspection or a validation starts from. */
#ifndef ALB_CONVERTER_MODEL_LOAD_H
#define ALB_CONVERTER_MODEL_LOAD_H

#include "converter/bind_roles.h"
#include "converter/classes.h"
#include "converter/sentence.h"
#include "converter/vocab.h"
#include "format/reader.h"
#include "graph/ir.h"

/* Start with {0}; alb_model_unload at the end, also after a failed load. */
typedef struct alb_loaded {
  alb_arena arena;
  alb_source source;
  alb_source_config config;
  alb_tensors tensors; /* canonical names over the source's bytes */
  alb_model_spec spec;
  alb_binding binding;
  alb_sentence sentence;
  alb_classes classes;
  const char *task;           /* a task of --task, by the heads that are there */
  alb_vocab vocab;            /* vocab.tokenizer NULL: the source has none */
  const char *note;           /* what was done to the source's weights before anything else; NULL: nothing */
  const float *golden_hidden; /* of the golden sequences (golden.h) when the encoder was run on them; else NULL */
  alb_reader *alb;            /* the source is an .alb file: no roles, no source tensors; else NULL */
} alb_loaded;

alb_status alb_model_load(alb_diag *diag, const char *path, alb_loaded *out);

/* The graph of the model as its source has it, over `tensors`, a clone of loaded->tensors; nothing
 * shared but what the source shares. Into an empty graph. */
alb_status alb_loaded_graph(alb_diag *diag, const alb_loaded *loaded, alb_tensors *tensors, alb_graph *graph);

/* Clones the tensors, with the hashes of those that may be equal to another one, so that passes may change them. */
alb_status alb_loaded_clone(alb_diag *diag, alb_loaded *loaded, alb_tensors *tensors);

void alb_model_unload(alb_loaded *loaded);

#endif
