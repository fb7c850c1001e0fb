/* albert-run rerank: how well each document answers a query, best first, one JSON list for all. */
#include <stdlib.h>

#include "cli/run.h"

typedef struct document {
  size_t index;
  float score;
  bool truncated;
} document;

typedef struct ranker {
  alb_runner *runner;
  alb_input input;
  alb_ids ids;
  float *scores;
  size_t capacity;
  ALB_VEC(document) documents;
} ranker;

/* Best first; of equals the first. */
static int by_score(const void *a, const void *b) {
  const document *x = a, *y = b;
  const float p = alb_run_order(x->score), q = alb_run_order(y->score);
  if (p != q) return p < q ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

static alb_status keep_batch(alb_diag *diag, ranker *r) {
  for (size_t i = 0; i < r->ids.lengths.count; i++) {
    document d = {.index = r->documents.count, .truncated = r->ids.truncated.items[i]};
    const alb_status status = alb_scores(r->runner->model, "rerank", &r->scores[i], &d.score);
    if (status != ALB_OK) return alb_fail(diag, status, "the documents have no scores");
    if (!alb_vec_push(&r->documents, d)) return alb_fail_memory(diag, r->documents.count, "documents");
  }
  return ALB_OK;
}

static alb_status score_all(alb_diag *diag, ranker *r) {
  for (;;) {
    alb_error error;
    ALB_TRY(alb_run_sequences(diag, r->runner, &r->input, &r->ids));
    if (r->ids.lengths.count == 0) return ALB_OK;
    ALB_TRY(alb_run_room(diag, r->ids.lengths.count, 1, &r->scores, &r->capacity));
    const alb_batch batch = alb_ids_batch(&r->ids);
    const alb_output out = {"classify", r->scores, r->capacity};
    ALB_TRY(alb_run_fail(diag, alb_run(r->runner->session, &batch, &out, 1, &error), &error));
    ALB_TRY(keep_batch(diag, r));
  }
}

static void put_documents(ranker *r) {
  alb_json json = {.file = r->runner->out};
  if (r->documents.count) qsort(r->documents.items, r->documents.count, sizeof *r->documents.items, by_score);
  alb_json_open(&json, '[');
  for (size_t i = 0; i < r->documents.count; i++) {
    const document *d = &r->documents.items[i];
    alb_json_open(&json, '{');
    alb_json_key(&json, "index");
    alb_json_int(&json, (int64_t)d->index);
    alb_json_key(&json, "score");
    alb_json_float(&json, d->score);
    alb_run_put_truncated(&json, d->truncated);
    alb_json_close(&json, '}');
  }
  alb_json_close(&json, ']');
  alb_json_line(&json);
}

static alb_status rank(alb_diag *diag, ranker *r) {
  ALB_TRY(score_all(diag, r));
  put_documents(r);
  return alb_run_flush(diag, r->runner->out);
}

alb_status alb_run_rerank(alb_diag *diag, alb_runner *runner) {
  ranker r = {.runner = runner};
  size_t classes = 0;
  const bool texts = !runner->options.ids;
  if (texts && runner->text_count == 0) return alb_fail(diag, ALB_USAGE, "rerank needs a query");
  ALB_TRY(alb_run_head(diag, runner, "classify", "text classification", &classes));
  if (classes != 1) {
    return alb_fail(diag, ALB_UNSUPPORTED, "rerank needs a head with one class, this one has %zu", classes);
  }
  ALB_TRY(alb_run_need_texts(diag, runner));
  if (texts) runner->query = runner->texts[0];
  alb_input_open(&r.input, runner->texts + texts, runner->text_count - texts);
  const alb_status status = rank(diag, &r);
  alb_input_close(&r.input);
  alb_ids_free(&r.ids);
  alb_vec_free(&r.documents);
  free(r.scores);
  return status;
}
