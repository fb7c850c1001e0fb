/* Runs sequences of token ids through libalbert and writes what the programs do not show, as raw f32, for run_e2e.py.
 *
 *   run_model MODEL.alb layers|OUTPUT [THREADS]
 *
 * Standard input, whitespace between numbers: how many sequences; for each its length, its ids, its type ids; how many
 * rows; the rows. "layers" writes [layers + 1][tokens][hidden]; any other word is the name of an output of alb_run. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "albert.h"

enum { MAX_SEQUENCES = 256, MAX_TOKENS = 16384 };

static size_t lengths[MAX_SEQUENCES], rows[MAX_TOKENS];
static int32_t ids[MAX_TOKENS], type_ids[MAX_TOKENS];

/* Hidden states by layer, put in their places as the runs come in. */
typedef struct layers {
  float *values; /* [count][tokens][hidden] */
  size_t count, tokens, hidden;
} layers;

static bool read_size(size_t limit, size_t *out) {
  return scanf("%zu", out) == 1 && *out <= limit;
}

static bool read_numbers(int32_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (scanf("%d", &out[i]) != 1) return false;
  }
  return true;
}

static bool read_batch(alb_batch *batch, size_t *tokens) {
  *tokens = 0;
  if (!read_size(MAX_SEQUENCES, &batch->count)) return false;
  for (size_t s = 0; s < batch->count; s++) {
    if (!read_size(MAX_TOKENS - *tokens, &lengths[s])) return false;
    if (!read_numbers(ids + *tokens, lengths[s]) || !read_numbers(type_ids + *tokens, lengths[s])) return false;
    *tokens += lengths[s];
  }
  if (!read_size(MAX_TOKENS, &batch->row_count)) return false;
  for (size_t r = 0; r < batch->row_count; r++) {
    if (!read_size(MAX_TOKENS, &rows[r])) return false;
  }
  return true;
}

static void tap(void *user, size_t layer, size_t first, size_t tokens, const float *values) {
  layers *out = user;
  if (layer >= out->count || first + tokens > out->tokens) return;
  memcpy(out->values + (layer * out->tokens + first) * out->hidden, values, tokens * out->hidden * sizeof *values);
}

static bool write_floats(const float *values, size_t n) {
  return fwrite(values, sizeof *values, n, stdout) == n && fflush(stdout) == 0;
}

static alb_status run_layers(alb_session *session, const alb_model_info *info, alb_batch *batch, size_t tokens,
                             alb_error *error) {
  layers out = {.count = info->layers + 1u, .tokens = tokens, .hidden = info->hidden};
  out.values = calloc(out.count * tokens * out.hidden + 1, sizeof *out.values);
  float *last = calloc(tokens * out.hidden + 1, sizeof *last);
  alb_status status = ALB_MEMORY;
  if (out.values && last) {
    batch->tap = tap;
    batch->tap_user = &out;
    const alb_output output = {"hidden", last, tokens * out.hidden};
    status = alb_run(session, batch, &output, 1, error);
    if (!status && !write_floats(out.values, out.count * tokens * out.hidden)) status = ALB_IO;
  }
  free(out.values);
  free(last);
  return status;
}

static alb_status run_output(alb_session *session, const alb_model *model, const char *name, const alb_batch *batch,
                             size_t tokens, alb_error *error) {
  const size_t most = batch->count + batch->row_count + tokens; /* rows of any output are one of the three */
  const size_t width = alb_model_output_width(model, name);
  const bool each_token = !strcmp(name, "hidden") || !strcmp(name, "ner") || !strcmp(name, "qa");
  const size_t count = each_token ? tokens : !strcmp(name, "mlm") ? batch->row_count : batch->count;
  float *values = calloc(most * width + 1, sizeof *values);
  if (!values) return ALB_MEMORY;
  const alb_output output = {name, values, most * width};
  alb_status status = alb_run(session, batch, &output, 1, error);
  if (!status && !write_floats(values, count * width)) status = ALB_IO;
  free(values);
  return status;
}

static alb_status run(const alb_model *model, const char *what, int threads, alb_error *error) {
  alb_batch batch = {.size = sizeof batch, .lengths = lengths, .ids = ids, .type_ids = type_ids, .rows = rows};
  alb_model_info info = {.size = sizeof info};
  size_t tokens;
  if (!read_batch(&batch, &tokens)) return ALB_USAGE;
  alb_status status = alb_model_get_info(model, &info);
  if (status) return status;
  const alb_session_options options = {.size = sizeof options, .threads = threads};
  alb_session *session = NULL;
  status = alb_session_new(model, &options, &session, error);
  if (status) return status;
  status = !strcmp(what, "layers") ? run_layers(session, &info, &batch, tokens, error)
                                   : run_output(session, model, what, &batch, tokens, error);
  alb_session_free(session);
  return status;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: run_model MODEL.alb layers|OUTPUT [THREADS]\n", stderr);
    return 2;
  }
  alb_error error = {""};
  alb_model *model = NULL;
  alb_status status = alb_model_open(argv[1], NULL, &model, &error);
  if (!status) status = run(model, argv[2], argc > 3 ? atoi(argv[3]) : 1, &error);
  if (status) fprintf(stderr, "run_model: %s: %s %s\n", argv[1], alb_status_text(status), error.text);
  alb_model_free(model);
  return alb_status_exit_code(status);
}
