/* What the commands of albert-run share: errors, notes, flushing. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cli/run.h"
#include "cli/run_pairs.h"

alb_status alb_run_fail(alb_diag *diag, alb_status status, const alb_error *error) {
  return status == ALB_OK ? ALB_OK : alb_fail(diag, status, "%s", error->text);
}

alb_status alb_run_flush(alb_diag *diag, FILE *out) {
  if (fflush(out) == 0 && !ferror(out)) return ALB_OK;
  return alb_fail(diag, ALB_IO, "standard output cannot be written: %s", strerror(errno));
}

void alb_run_note(const alb_runner *runner, const char *format, ...) {
  if (runner->options.quiet) return;
  alb_diag line = {0};
  char text[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  (void)alb_fail(&line, ALB_OK, "%s: %s", runner->path, text); /* makes the text safe for a terminal */
  fprintf(stderr, "albert-run: %s\n", alb_diag_text(&line, ALB_OK));
  alb_diag_free(&line);
}

static alb_status tokenize(alb_diag *diag, alb_runner *runner, const alb_text *text, alb_ids *ids) {
  alb_tokens tokens;
  alb_error error;
  ALB_TRY(alb_run_fail(diag, alb_tokenize(runner->session, text, 0, &tokens, &error), &error));
  if (tokens.count == 0) return alb_fail(diag, ALB_MALFORMED, "has no tokens");
  return alb_ids_add(diag, &tokens, ids);
}

static alb_status add_pair(alb_diag *diag, alb_runner *runner, alb_str line, alb_ids *ids) {
  static const alb_pair_keys keys = {.first = "text", .second = "text_pair", .second_optional = true};
  alb_pair pair;
  alb_status status = alb_pair_parse(diag, line, &keys, &pair);
  /* as in transformers, an empty second text is none */
  const alb_text text = {pair.first.p, pair.first.n, pair.second.n ? pair.second.p : NULL, pair.second.n};
  if (status == ALB_OK) status = tokenize(diag, runner, &text, ids);
  alb_pair_free(&pair);
  return status;
}

static alb_status add_text(alb_diag *diag, alb_runner *runner, alb_str text, alb_ids *ids) {
  if (runner->options.ids) return alb_ids_parse(diag, &runner->info, text, ids);
  if (runner->options.pairs) return add_pair(diag, runner, text, ids);
  const char *query = runner->query;
  if (!query) return tokenize(diag, runner, &(alb_text){.text = text.p, .length = text.n}, ids);
  return tokenize(diag, runner, &(alb_text){query, strlen(query), text.p, text.n}, ids);
}

alb_status alb_run_sequences(alb_diag *diag, alb_runner *runner, alb_input *input, alb_ids *ids) {
  alb_ids_clear(ids);
  ALB_TRY(alb_input_next(diag, input));
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_status status = add_text(diag, runner, input->texts.items[i], ids);
    if (status == ALB_OK) continue;
    alb_diag_prefix(diag, "text %zu", input->first + i + 1);
    return status;
  }
  return ALB_OK;
}

alb_status alb_run_room(alb_diag *diag, size_t rows, size_t width, float **values, size_t *capacity) {
  size_t need, bytes;
  if (!alb_mul_ok(rows, width, &need) || !alb_mul_ok(need, sizeof(float), &bytes)) {
    return alb_fail(diag, ALB_OVERFLOW, "too many results");
  }
  if (need <= *capacity) return ALB_OK;
  free(*values);
  *capacity = 0;
  *values = malloc(bytes);
  if (!*values) return alb_fail_memory(diag, bytes, "results");
  *capacity = need;
  return ALB_OK;
}

alb_status alb_run_width(alb_diag *diag, const alb_runner *runner, const char *output, size_t *width) {
  *width = alb_model_output_width(runner->model, output);
  return *width ? ALB_OK : alb_fail(diag, ALB_UNSUPPORTED, "the model has no output \"%s\"", output);
}

alb_status alb_run_head(alb_diag *diag, const alb_runner *runner, const char *output, const char *words,
                        size_t *width) {
  *width = alb_model_output_width(runner->model, output);
  return *width ? ALB_OK : alb_fail(diag, ALB_UNSUPPORTED, "the model has no %s head (\"%s\")", words, output);
}

alb_status alb_run_need_texts(alb_diag *diag, const alb_runner *runner) {
  if (runner->options.ids && runner->options.pairs)
    return alb_fail(diag, ALB_USAGE, "--ids and --pairs exclude each other");
  if (runner->options.ids || runner->info.has_tokenizer) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "the model has no tokenizer: it runs with --ids");
}

bool alb_run_wants_logits(const alb_runner *runner) {
  return runner->options.logits || runner->options.format[0] == 'n';
}

float alb_run_order(float score) {
  return isnan(score) ? -INFINITY : score;
}

void alb_run_put_truncated(alb_json *json, bool truncated) {
  if (!truncated) return;
  alb_json_key(json, "truncated");
  alb_json_bool(json, true);
}
