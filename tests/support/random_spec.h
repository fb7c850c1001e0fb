/* A small encoder of random numbers, as roles and as a graph, and texts for it. */
#ifndef ALB_TESTS_RANDOM_SPEC_H
#define ALB_TESTS_RANDOM_SPEC_H

#include "graph/interpret.h"
#include "graph/model_spec.h"

enum { SPEC_LAYERS = 3, SPEC_HIDDEN = 24, SPEC_INNER = 40, SPEC_POSITIONS = 16, SPEC_VOCAB = 50, SPEC_TOKENS = 40 };

/* Start with {0}; random_spec_free at the end. */
typedef struct random_spec {
  alb_arena arena;
  alb_diag diag;
  alb_tensors tensors;
  alb_graph graph;
  alb_model_spec spec;
  uint32_t seed;
  uint32_t vocab; /* 0: SPEC_VOCAB; texts have words of those only */
  int32_t ids[SPEC_TOKENS], types[SPEC_TOKENS], positions[SPEC_TOKENS];
} random_spec;

/* shared: all layers have one set. embedding other than SPEC_HIDDEN: with a projection. */
void random_spec_make(random_spec *s, uint32_t embedding, bool shared, alb_activation activation);
void random_spec_free(random_spec *s);

/* 1 to 4 texts of 7, 1, 12 and 9 tokens; borrows s. */
alb_sequences random_spec_batch(random_spec *s, size_t sequences);

#endif
