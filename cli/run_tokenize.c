/* albert-run tokenize: the tokens of each text, all of them, one JSON line a text. */
#include "cli/run.h"

static void put_numbers(alb_json *json, const char *key, const int32_t *values, size_t count) {
  alb_json_key(json, key);
  alb_json_open(json, '[');
  for (size_t i = 0; i < count; i++) alb_json_int(json, values[i]);
  alb_json_close(json, ']');
}

static void put_offsets(alb_json *json, const alb_tokens *tokens) {
  alb_json_key(json, "offsets");
  alb_json_open(json, '[');
  for (size_t i = 0; i < tokens->count; i++) {
    alb_json_open(json, '[');
    alb_json_int(json, tokens->offsets[2 * i]);
    alb_json_int(json, tokens->offsets[2 * i + 1]);
    alb_json_close(json, ']');
  }
  alb_json_close(json, ']');
}

static void put_tokens(alb_json *json, const alb_model *model, const alb_tokens *tokens) {
  alb_json_key(json, "tokens");
  alb_json_open(json, '[');
  for (size_t i = 0; i < tokens->count; i++) {
    alb_str text;
    text.p = alb_token_text(model, tokens->ids[i], &text.n);
    alb_json_text(json, text);
  }
  alb_json_close(json, ']');
}

static void put_line(alb_json *json, const alb_model *model, const alb_tokens *tokens) {
  alb_json_open(json, '{');
  put_numbers(json, "ids", tokens->ids, tokens->count);
  put_numbers(json, "type_ids", tokens->type_ids, tokens->count);
  put_offsets(json, tokens);
  put_tokens(json, model, tokens);
  alb_json_key(json, "truncated");
  alb_json_bool(json, tokens->truncated);
  alb_json_close(json, '}');
  alb_json_line(json);
}

static alb_status tokenize_batch(alb_diag *diag, alb_runner *runner, const alb_input *input) {
  alb_json json = {.file = runner->out};
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_text text = {.text = input->texts.items[i].p, .length = input->texts.items[i].n};
    alb_tokens tokens;
    alb_error error;
    const alb_status status = alb_tokenize(runner->session, &text, SIZE_MAX, &tokens, &error);
    if (status != ALB_OK) return alb_fail(diag, status, "text %zu: %s", input->first + i + 1, error.text);
    put_line(&json, runner->model, &tokens);
  }
  return alb_run_flush(diag, runner->out);
}

alb_status alb_run_tokenize(alb_diag *diag, alb_runner *runner) {
  alb_input input;
  if (!runner->info.has_tokenizer) return alb_fail(diag, ALB_UNSUPPORTED, "the model has no tokenizer");
  alb_input_open(&input, runner->texts, runner->text_count);
  alb_status status;
  do {
    status = alb_input_next(diag, &input);
    if (status == ALB_OK) status = tokenize_batch(diag, runner, &input);
  } while (status == ALB_OK && input.texts.count > 0);
  alb_input_close(&input);
  return status;
}
