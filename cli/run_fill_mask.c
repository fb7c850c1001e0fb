/* albert-run fill-mask: proposals for the masks of each text, one JSON line a text. */
#include "cli/run.h"

enum { PROPOSALS = 5 };

static void put_fill(alb_json *json, const alb_fill *fill, bool truncated) {
  alb_json_open(json, '{');
  alb_json_key(json, "score");
  alb_json_float(json, fill->score);
  alb_json_key(json, "token");
  alb_json_int(json, fill->token);
  alb_json_key(json, "token_str");
  alb_json_text(json, alb_str_of(fill->token_str));
  alb_json_key(json, "sequence");
  alb_json_text(json, alb_str_of(fill->sequence));
  alb_run_put_truncated(json, truncated);
  alb_json_close(json, '}');
}

/* One mask: a list of proposals; several: a list of such lists. */
static void put_fills(alb_json *json, const alb_fills *fills) {
  if (fills->masks > 1) alb_json_open(json, '[');
  for (size_t m = 0; m < fills->masks; m++) {
    alb_json_open(json, '[');
    for (size_t k = 0; k < fills->top_k; k++) put_fill(json, &fills->fills[m * fills->top_k + k], fills->truncated);
    alb_json_close(json, ']');
  }
  if (fills->masks > 1) alb_json_close(json, ']');
  alb_json_line(json);
}

static alb_status fill_batch(alb_diag *diag, alb_runner *runner, const alb_input *input) {
  alb_json json = {.file = runner->out};
  const size_t top_k = runner->options.top_k ? runner->options.top_k : PROPOSALS;
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_text text = {.text = input->texts.items[i].p, .length = input->texts.items[i].n};
    alb_fills fills;
    alb_error error;
    alb_status status = alb_fill_mask(runner->session, &text, top_k, &fills, &error);
    if (status == ALB_ARGUMENT) status = ALB_MALFORMED; /* the text is at fault, not the command line */
    if (status != ALB_OK) return alb_fail(diag, status, "text %zu: %s", input->first + i + 1, error.text);
    put_fills(&json, &fills);
  }
  return alb_run_flush(diag, runner->out);
}

alb_status alb_run_fill_mask(alb_diag *diag, alb_runner *runner) {
  alb_input input;
  size_t vocab;
  ALB_TRY(alb_run_width(diag, runner, "mlm", &vocab));
  alb_input_open(&input, runner->texts, runner->text_count);
  alb_status status;
  do {
    status = alb_input_next(diag, &input);
    if (status == ALB_OK) status = fill_batch(diag, runner, &input);
  } while (status == ALB_OK && input.texts.count > 0);
  alb_input_close(&input);
  return status;
}
