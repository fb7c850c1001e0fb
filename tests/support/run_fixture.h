/* A tiny encoder opened by the runtime, with a batch for it; for tests. */
#ifndef ALB_TESTS_RUN_FIXTURE_H
#define ALB_TESTS_RUN_FIXTURE_H

#include "albert.h"
#include "tests/support/tiny_encoder.h"

enum { RUN_SEQUENCES = 23, RUN_ROWS = 64 };

typedef struct run_fixture {
  enc e;
  char *folder, *path;
  alb_model *model;
  size_t lengths[RUN_SEQUENCES], rows[RUN_ROWS], tokens, row_count;
  int32_t *ids, *types;
  alb_batch batch;
} run_fixture;

/* Fails the cmocka test when the model can't be made. cpu as in alb_model_options. */
void run_fixture_open(run_fixture *f, const enc_options *options, const char *cpu);
void run_fixture_close(run_fixture *f);

size_t run_fixture_width(const run_fixture *f, const char *output);

#endif
