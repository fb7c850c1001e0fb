/* albert-run embed and hidden, and logits of heads: vectors of texts or of their tokens, as JSON lines or one array. */
#include <stdlib.h>

#include "cli/npy_out.h"
#include "cli/run.h"

typedef struct vectors {
  alb_runner *runner;
  const char *output, *key; /* the model's output, and its name in JSON */
  bool by_token;            /* a vector for each token, not for each text */
  bool pooled;              /* sentence embeddings: the pooling is worth a word */
  bool as_npy;
  size_t width;
  alb_json json;
  alb_npy npy;
  alb_input input;
  alb_ids ids;
  float *values;
  size_t capacity;
  size_t index; /* of the next text */
} vectors;

static void pooling_text(const alb_model_info *info, char out[128]) {
  (void)snprintf(out, 128, "%s%s", info->pooling, info->pooling_stated ? "" : " (default: the source does not say)");
}

static void put_values(vectors *v, const float *values, size_t rows) {
  alb_json_key(&v->json, v->key);
  if (v->by_token) alb_json_open(&v->json, '[');
  for (size_t i = 0; i < rows; i++) alb_json_floats(&v->json, values + i * v->width, v->width);
  if (v->by_token) alb_json_close(&v->json, ']');
}

static void put_line(vectors *v, size_t i, const float *values, size_t rows) {
  alb_json *json = &v->json;
  alb_json_open(json, '{');
  alb_json_key(json, "index");
  alb_json_int(json, (int64_t)v->index);
  put_values(v, values, rows);
  alb_json_key(json, "tokens");
  alb_json_int(json, (int64_t)v->ids.lengths.items[i]);
  alb_json_key(json, "truncated");
  alb_json_bool(json, v->ids.truncated.items[i]);
  if (v->runner->options.json && v->pooled) {
    char pooling[128];
    pooling_text(&v->runner->info, pooling);
    alb_json_key(json, "pooling");
    alb_json_text(json, alb_str_of(pooling));
  }
  alb_json_close(json, '}');
  alb_json_line(json);
}

static alb_status put_batch(alb_diag *diag, vectors *v) {
  const float *values = v->values;
  for (size_t i = 0; i < v->ids.lengths.count; i++, v->index++) {
    const size_t rows = v->by_token ? v->ids.lengths.items[i] : 1;
    if (!v->as_npy)
      put_line(v, i, values, rows);
    else
      ALB_TRY(alb_npy_rows(diag, &v->npy, values, rows));
    if (v->as_npy && v->ids.truncated.items[i]) alb_run_note(v->runner, "text %zu was truncated", v->index + 1);
    values += rows * v->width;
  }
  return v->as_npy ? ALB_OK : alb_run_flush(diag, v->runner->out);
}

static alb_status run_batches(alb_diag *diag, vectors *v) {
  for (;;) {
    alb_error error;
    ALB_TRY(alb_run_sequences(diag, v->runner, &v->input, &v->ids));
    const size_t rows = v->by_token ? v->ids.ids.count : v->ids.lengths.count;
    if (rows == 0) return ALB_OK;
    ALB_TRY(alb_run_room(diag, rows, v->width, &v->values, &v->capacity));
    const alb_batch batch = alb_ids_batch(&v->ids);
    const alb_output out = {v->output, v->values, v->capacity};
    ALB_TRY(alb_run_fail(diag, alb_run(v->runner->session, &batch, &out, 1, &error), &error));
    ALB_TRY(put_batch(diag, v));
  }
}

static alb_status run(alb_diag *diag, vectors *v) {
  ALB_TRY(alb_run_width(diag, v->runner, v->output, &v->width));
  ALB_TRY(alb_run_need_texts(diag, v->runner));
  if (v->pooled && !v->runner->info.pooling_stated) {
    char pooling[128];
    pooling_text(&v->runner->info, pooling);
    alb_run_note(v->runner, "pooling: %s", pooling);
  }
  if (v->as_npy) ALB_TRY(alb_npy_open(diag, v->width, &v->npy));
  ALB_TRY(run_batches(diag, v));
  if (v->as_npy) ALB_TRY(alb_npy_finish(diag, &v->npy, v->runner->out));
  return alb_run_flush(diag, v->runner->out);
}

static alb_status run_vectors(alb_diag *diag, vectors *v) {
  v->json.file = v->runner->out;
  v->as_npy = v->runner->options.format[0] == 'n';
  alb_input_open(&v->input, v->runner->texts, v->runner->text_count);
  const alb_status status = run(diag, v);
  alb_npy_close(&v->npy);
  alb_input_close(&v->input);
  alb_ids_free(&v->ids);
  free(v->values);
  return status;
}

alb_status alb_run_embed(alb_diag *diag, alb_runner *runner) {
  vectors v = {.runner = runner, .output = "embed", .key = "embedding", .pooled = true};
  return run_vectors(diag, &v);
}

alb_status alb_run_hidden(alb_diag *diag, alb_runner *runner) {
  vectors v = {.runner = runner, .output = "hidden", .key = "hidden", .by_token = true};
  return run_vectors(diag, &v);
}

alb_status alb_run_logits(alb_diag *diag, alb_runner *runner, const char *output, bool by_token) {
  vectors v = {.runner = runner, .output = output, .key = "logits", .by_token = by_token};
  return run_vectors(diag, &v);
}
