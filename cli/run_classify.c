/* albert-run classify: the classes of each text with their scores, best first, one JSON line a text. */
#include <stdlib.h>

#include "cli/run.h"

typedef struct ranked {
  size_t number;
  float score;
} ranked;

typedef struct classifier {
  alb_runner *runner;
  alb_input input;
  alb_ids ids;
  size_t classes, kept, capacity; /* kept: how many classes of a text are written */
  float *logits;                  /* [texts][classes], then scores */
  ranked *ranked;                 /* [classes] */
} classifier;

/* Best first; of equals the first. */
static int by_score(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  const float p = alb_run_order(x->score), q = alb_run_order(y->score);
  if (p != q) return p < q ? 1 : -1;
  return (x->number > y->number) - (x->number < y->number);
}

static void put_class(alb_json *json, const alb_model *model, const ranked *class, bool truncated) {
  alb_json_open(json, '{');
  alb_json_key(json, "label");
  alb_json_text(json, alb_str_of(alb_model_label(model, class->number)));
  alb_json_key(json, "score");
  alb_json_float(json, class->score);
  alb_run_put_truncated(json, truncated);
  alb_json_close(json, '}');
}

static alb_status put_text(alb_diag *diag, classifier *c, float *row, bool truncated) {
  alb_json json = {.file = c->runner->out};
  const alb_status status = alb_scores(c->runner->model, "classify", row, row);
  if (status != ALB_OK) return alb_fail(diag, status, "the classes have no scores");
  for (size_t i = 0; i < c->classes; i++) c->ranked[i] = (ranked){i, row[i]};
  qsort(c->ranked, c->classes, sizeof *c->ranked, by_score);
  alb_json_open(&json, '[');
  for (size_t i = 0; i < c->kept; i++) put_class(&json, c->runner->model, &c->ranked[i], truncated);
  alb_json_close(&json, ']');
  alb_json_line(&json);
  return ALB_OK;
}

static alb_status run_batches(alb_diag *diag, classifier *c) {
  for (;;) {
    alb_error error;
    ALB_TRY(alb_run_sequences(diag, c->runner, &c->input, &c->ids));
    const size_t rows = c->ids.lengths.count;
    if (rows == 0) return ALB_OK;
    ALB_TRY(alb_run_room(diag, rows, c->classes, &c->logits, &c->capacity));
    const alb_batch batch = alb_ids_batch(&c->ids);
    const alb_output out = {"classify", c->logits, c->capacity};
    ALB_TRY(alb_run_fail(diag, alb_run(c->runner->session, &batch, &out, 1, &error), &error));
    for (size_t i = 0; i < rows; i++) {
      ALB_TRY(put_text(diag, c, c->logits + i * c->classes, c->ids.truncated.items[i]));
    }
    ALB_TRY(alb_run_flush(diag, c->runner->out));
  }
}

static alb_status classify(alb_diag *diag, classifier *c) {
  c->ranked = calloc(c->classes, sizeof *c->ranked);
  c->kept = c->runner->options.top_k;
  if (c->kept == 0 || c->kept > c->classes) c->kept = c->classes;
  if (!c->ranked) return alb_fail_memory(diag, c->classes * sizeof *c->ranked, "classes");
  return run_batches(diag, c);
}

alb_status alb_run_classify(alb_diag *diag, alb_runner *runner) {
  classifier c = {.runner = runner};
  ALB_TRY(alb_run_head(diag, runner, "classify", "text classification", &c.classes));
  if (alb_run_wants_logits(runner)) return alb_run_logits(diag, runner, "classify", false);
  ALB_TRY(alb_run_need_texts(diag, runner));
  alb_input_open(&c.input, runner->texts, runner->text_count);
  const alb_status status = classify(diag, &c);
  alb_input_close(&c.input);
  alb_ids_free(&c.ids);
  free(c.logits);
  free(c.ranked);
  return status;
}
