/* albert-run ner: the entities of each text, one JSON line a text. */
#include "cli/run.h"

static void put_entity(alb_json *json, const alb_entity *entity, bool truncated) {
  alb_json_open(json, '{');
  alb_json_key(json, "entity_group");
  alb_json_text(json, alb_str_of(entity->entity_group));
  alb_json_key(json, "score");
  alb_json_float(json, entity->score);
  alb_json_key(json, "word");
  alb_json_text(json, (alb_str){entity->word, entity->word_length});
  alb_json_key(json, "start");
  alb_json_int(json, entity->start);
  alb_json_key(json, "end");
  alb_json_int(json, entity->end);
  alb_run_put_truncated(json, truncated);
  alb_json_close(json, '}');
}

static void put_entities(alb_json *json, const alb_entities *found) {
  alb_json_open(json, '[');
  for (size_t i = 0; i < found->count; i++) put_entity(json, &found->entities[i], found->truncated);
  alb_json_close(json, ']');
  alb_json_line(json);
}

static alb_status find_batch(alb_diag *diag, alb_runner *runner, const alb_input *input) {
  alb_json json = {.file = runner->out};
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_text text = {.text = input->texts.items[i].p, .length = input->texts.items[i].n};
    alb_entities found;
    alb_error error;
    const alb_status status = alb_find_entities(runner->session, &text, &found, &error);
    if (status != ALB_OK) return alb_fail(diag, status, "text %zu: %s", input->first + i + 1, error.text);
    put_entities(&json, &found);
    if (found.truncated) alb_run_note(runner, "text %zu was truncated", input->first + i + 1);
  }
  return alb_run_flush(diag, runner->out);
}

alb_status alb_run_ner(alb_diag *diag, alb_runner *runner) {
  alb_input input;
  size_t classes;
  ALB_TRY(alb_run_head(diag, runner, "ner", "token classification", &classes));
  if (alb_run_wants_logits(runner)) return alb_run_logits(diag, runner, "ner", true);
  if (runner->options.ids) return alb_fail(diag, ALB_USAGE, "ner --ids gives logits: it goes with --logits");
  ALB_TRY(alb_run_need_texts(diag, runner));
  alb_input_open(&input, runner->texts, runner->text_count);
  alb_status status;
  do {
    status = alb_input_next(diag, &input);
    if (status == ALB_OK) status = find_batch(diag, runner, &input);
  } while (status == ALB_OK && input.texts.count > 0);
  alb_input_close(&input);
  return status;
}
