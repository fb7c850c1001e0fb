/* One of the models of tests/e2e/models as a graph that passes have changed, and texts for it. */
#ifndef ALB_TESTS_OPENED_MODEL_H
#define ALB_TESTS_OPENED_MODEL_H

#include "converter/model_load.h"
#include "graph/interpret.h"
#include "passes/layer_table.h"

typedef struct opened_model {
  alb_loaded loaded;
  alb_tensors tensors;
  alb_graph graph;
  alb_layer_table table; /* for whoever reads it */
} opened_model;

void opened_model_open(const char *name, const alb_pass_options *options, const char *passes, opened_model *m);
void opened_model_close(opened_model *m);

enum { OPENED_TEXTS = 24, OPENED_LONGEST = 12 };

typedef struct opened_texts {
  alb_sequences all;
  uint32_t lengths[OPENED_TEXTS];
  int32_t ids[OPENED_TEXTS * OPENED_LONGEST], types[OPENED_TEXTS * OPENED_LONGEST];
  int32_t positions[OPENED_TEXTS * OPENED_LONGEST];
} opened_texts;

/* Texts of 1 to OPENED_LONGEST tokens, of random ids. */
void opened_texts_make(const alb_encoder_config *config, uint64_t *seed, opened_texts *t);

#endif
