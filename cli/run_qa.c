/* albert-run qa: the answer that a context gives to a question, one JSON line a question. */
#include <string.h>

#include "cli/run.h"
#include "cli/run_pairs.h"

static void put_answer(alb_runner *runner, const alb_answer *answer) {
  alb_json json = {.file = runner->out};
  alb_json_open(&json, '{');
  alb_json_key(&json, "score");
  alb_json_float(&json, answer->score);
  alb_json_key(&json, "start");
  alb_json_int(&json, answer->start);
  alb_json_key(&json, "end");
  alb_json_int(&json, answer->end);
  alb_json_key(&json, "answer");
  alb_json_text(&json, (alb_str){answer->answer, answer->length});
  alb_json_close(&json, '}');
  alb_json_line(&json);
}

static alb_status answer(alb_diag *diag, alb_runner *runner, alb_str question, alb_str context) {
  const alb_text text = {.text = question.p, .length = question.n, .pair = context.p, .pair_length = context.n};
  alb_answer found;
  alb_error error;
  alb_status status = alb_answer_question(runner->session, &text, &found, &error);
  if (status == ALB_ARGUMENT) status = ALB_MALFORMED; /* the texts are at fault, not the command line */
  if (status == ALB_OK) put_answer(runner, &found);
  return alb_run_fail(diag, status, &error);
}

static alb_status answer_line(alb_diag *diag, alb_runner *runner, alb_str line) {
  static const alb_pair_keys keys = {.first = "question", .second = "context"};
  alb_pair pair;
  alb_status status = alb_pair_parse(diag, line, &keys, &pair);
  if (status == ALB_OK) status = answer(diag, runner, pair.first, pair.second);
  alb_pair_free(&pair);
  return status;
}

static alb_status answer_batch(alb_diag *diag, alb_runner *runner, const alb_input *input) {
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_status status = answer_line(diag, runner, input->texts.items[i]);
    if (status == ALB_OK) continue;
    alb_diag_prefix(diag, "line %zu", input->first + i + 1);
    return status;
  }
  return alb_run_flush(diag, runner->out);
}

static alb_status answer_lines(alb_diag *diag, alb_runner *runner) {
  alb_input input;
  alb_input_open(&input, NULL, 0);
  alb_status status;
  do {
    status = alb_input_next(diag, &input);
    if (status == ALB_OK) status = answer_batch(diag, runner, &input);
  } while (status == ALB_OK && input.texts.count > 0);
  alb_input_close(&input);
  return status;
}

alb_status alb_run_qa(alb_diag *diag, alb_runner *runner) {
  char **texts = runner->texts;
  size_t width;
  const bool lines = runner->text_count == 0 || (runner->text_count == 1 && strcmp(texts[0], "-") == 0);
  ALB_TRY(alb_run_head(diag, runner, "qa", "question answering", &width));
  const bool logits = alb_run_wants_logits(runner);
  if (logits != runner->options.ids) {
    return alb_fail(diag, ALB_USAGE, "qa: --ids and --logits (or --format npy) go together");
  }
  if (logits) return alb_run_logits(diag, runner, "qa", true);
  if (!lines && runner->text_count != 2) {
    return alb_fail(diag, ALB_USAGE, "qa takes a QUESTION and a CONTEXT, or JSON lines from standard input");
  }
  ALB_TRY(alb_run_need_texts(diag, runner));
  if (lines) return answer_lines(diag, runner);
  ALB_TRY(answer(diag, runner, alb_str_of(texts[0]), alb_str_of(texts[1])));
  return alb_run_flush(diag, runner->out);
}
