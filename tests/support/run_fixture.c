/* A tiny encoder opened by the runtime, with a batch for it; for tests. */
#include "tests/support/run_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/tiny_model.h"

static void make_batch(run_fixture *f) {
  uint32_t seed = 7;
  for (size_t i = 0; i < RUN_SEQUENCES; i++) {
    f->lengths[i] = 1 + enc_random(&seed, i % 3 ? 20 : f->e.options.positions - f->e.options.offset);
    f->tokens += f->lengths[i];
  }
  f->ids = calloc(f->tokens, sizeof *f->ids);
  f->types = calloc(f->tokens, sizeof *f->types);
  for (size_t i = 0; i < f->tokens; i++) {
    f->ids[i] = (int32_t)enc_random(&seed, f->e.options.vocab);
    f->types[i] = (int32_t)enc_random(&seed, f->e.options.types);
  }
  for (size_t i = 3; i < f->tokens && f->row_count < RUN_ROWS; i += 11) f->rows[f->row_count++] = i;
  f->batch = (alb_batch){.size = sizeof f->batch,
                         .count = RUN_SEQUENCES,
                         .lengths = f->lengths,
                         .ids = f->ids,
                         .type_ids = f->types,
                         .rows = f->rows,
                         .row_count = f->row_count};
}

void run_fixture_open(run_fixture *f, const enc_options *options, const char *cpu) {
  alb_error error = {""};
  *f = (run_fixture){.folder = tiny_folder()};
  enc_make(&f->e, options);
  f->path = tiny_path(&f->e.arena, f->folder, "m.alb");
  alb_diag diag = {0};
  if (enc_write(&f->e, &diag, f->path) != ALB_OK) fail_msg("%s", alb_diag_text(&diag, ALB_OK));
  const alb_model_options how = {.size = sizeof how, .cpu = cpu};
  if (alb_model_open(f->path, &how, &f->model, &error) != ALB_OK) fail_msg("%s", error.text);
  make_batch(f);
}

void run_fixture_close(run_fixture *f) {
  alb_model_free(f->model);
  tiny_remove_folder(f->folder);
  enc_free(&f->e);
  free(f->ids);
  free(f->types);
}

size_t run_fixture_width(const run_fixture *f, const char *output) {
  return alb_model_output_width(f->model, output);
}
