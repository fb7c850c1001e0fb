#include "tests/support/opened_model.h"

#include <stdio.h>

#include "tests/support/check.h"
#include "tests/support/graph_text.h"

void opened_texts_make(const alb_encoder_config *config, uint64_t *seed, opened_texts *t) {
  size_t n = 0;
  for (uint32_t s = 0; s < OPENED_TEXTS; s++) {
    t->lengths[s] = s % OPENED_LONGEST + 1;
    for (uint32_t i = 0; i < t->lengths[s]; i++, n++) {
      t->ids[n] = (int32_t)((graph_text_random(seed) + 1) / 2 * (float)(config->vocab - 1));
      t->types[n] = 0;
      t->positions[n] = (int32_t)(i + config->position_offset);
    }
  }
  t->all = (alb_sequences){OPENED_TEXTS, n, t->lengths, t->ids, t->types, t->positions};
}

void opened_model_open(const char *name, const alb_pass_options *options, const char *passes, opened_model *m) {
  alb_diag diag = {0};
  char path[64];
  *m = (opened_model){0};
  (void)snprintf(path, sizeof path, "tests/e2e/models/%s", name);
  assert_ok(&diag, alb_model_load(&diag, path, &m->loaded));
  assert_ok(&diag, alb_loaded_clone(&diag, &m->loaded, &m->tensors));
  assert_ok(&diag, alb_loaded_graph(&diag, &m->loaded, &m->tensors, &m->graph));
  assert_ok(&diag, alb_passes_run(&diag, &m->graph, passes, options, NULL));
}

void opened_model_close(opened_model *m) {
  alb_graph_free(&m->graph);
  alb_tensors_free(&m->tensors);
  alb_model_unload(&m->loaded);
}
