/* Options, progress and report of a training. */
#include "cli/heal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum { MOST_TOKENS = 1 << 22, EVAL_TOKENS = 1 << 13 };

static void show(void *context, const alb_train_progress *p) {
  alb_heal *heal = context;
  if (heal->shown && p->done < heal->last + 0.002 && p->state->step % 20) return;
  heal->shown = true;
  heal->last = p->done;
  const double seconds = p->state->seconds > 0 ? p->state->seconds : 1;
  fprintf(stderr,
          "\r%3.0f %%  step %llu  loss %.4f  held out: loss %.4f, cosine %.4f  %.0f tokens/s  %.0f min left \033[K",
          100 * (p->done < 1 ? p->done : 1), (unsigned long long)p->state->step, p->loss, p->held.loss, p->held.cosine,
          (double)p->state->tokens / seconds, p->seconds_left / 60);
}

/* OUTPUT.heal; of a folder, beside it. */
static char *checkpoint_path(const char *output) {
  size_t n = strlen(output);
  while (n > 1 && output[n - 1] == '/') n--;
  char *path = malloc(n + sizeof ".heal");
  if (!path) return NULL;
  memcpy(path, output, n);
  memcpy(path + n, ".heal", sizeof ".heal");
  return path;
}

static void fill_options(const alb_convert_cli *cli, const alb_loaded *loaded, alb_heal *heal) {
  const bool shown = !cli->quiet && !cli->no_progress && isatty(STDERR_FILENO);
  heal->options = (alb_train_options){.texts = &heal->texts.sequences,
                                      .texts_hash = heal->texts.hash,
                                      .eval = cli->eval ? &heal->eval.sequences : NULL,
                                      .eval_hash = cli->eval ? heal->eval.hash : NULL,
                                      .pooling = loaded->spec.pooling,
                                      .steps = cli->steps,
                                      .seconds = 60 * (cli->minutes > 0 ? cli->minutes : 30),
                                      .rate = cli->lr > 0 ? cli->lr : 2e-3,
                                      .seed = cli->seed ? cli->seed : 1,
                                      .checkpoint = heal->checkpoint,
                                      .save_steps = cli->save_steps,
                                      .resume = cli->resume,
                                      .progress = shown ? show : NULL,
                                      .context = heal};
}

static alb_status read_texts(alb_diag *diag, const alb_convert_cli *cli, const alb_loaded *loaded, alb_heal *heal,
                             const char **file) {
  const char *source = *file;
  if (loaded->vocab.tokenizer) *file = cli->text;
  ALB_TRY(alb_source_texts_read(diag, loaded, cli->text, MOST_TOKENS, &heal->texts));
  if (!cli->eval && heal->texts.sequences.sequences < 2)
    return alb_fail(diag, ALB_MISSING, "has one text only: one more is needed to measure with");
  if (cli->eval) *file = cli->eval;
  if (cli->eval) ALB_TRY(alb_source_texts_read(diag, loaded, cli->eval, EVAL_TOKENS, &heal->eval));
  *file = source;
  return ALB_OK;
}

alb_status alb_heal_begin(alb_diag *diag, const alb_convert_cli *cli, const alb_loaded *loaded, alb_heal *heal,
                          alb_convert_options *options, const char **file) {
  if (loaded->alb) return alb_fail(diag, ALB_UNSUPPORTED, "is an .alb file: heal the checkpoint that it was made of");
  heal->checkpoint = checkpoint_path(cli->output);
  if (!heal->checkpoint) return alb_fail_memory(diag, 1, "a path");
  if (!cli->resume && !cli->force && alb_path_exists(heal->checkpoint))
    return alb_fail(diag, ALB_EXISTS, "%s is there: --resume goes on from it, --force drops it", heal->checkpoint);
  ALB_TRY(read_texts(diag, cli, loaded, heal, file));
  fill_options(cli, loaded, heal);
  options->heal = &heal->options;
  return ALB_OK;
}

void alb_heal_end(alb_heal *heal, bool success) {
  if (heal->shown) fprintf(stderr, "\n");
  if (success && heal->checkpoint) (void)remove(heal->checkpoint);
  free(heal->checkpoint);
  alb_source_texts_free(&heal->texts);
  alb_source_texts_free(&heal->eval);
}

void alb_heal_print(const alb_train_report *report) {
  const alb_train_state *s = &report->state;
  char tokens[32];
  if (!report->trained) {
    fprintf(stderr, "  healed    nothing: no layers that differ were folded\n");
    return;
  }
  fprintf(stderr, "  healed    %llu steps%s, %s tokens of %zu texts in %.0f s\n", (unsigned long long)s->step,
          report->early ? " (then no more got better)" : "", alb_grouped(s->tokens, tokens), report->texts, s->seconds);
  fprintf(stderr, "  held out  %zu texts: loss %.4f before, %.4f after; mean cosine %.4f before, %.4f after\n",
          report->held, s->first.loss, s->best.loss, s->first.cosine, s->best.cosine);
  if (report->rounding) {
    fprintf(stderr, "  rounding  as the %s that is written, from step %llu on: loss %.4f, mean cosine %.4f at once\n",
            alb_dtype_name(report->rounding), (unsigned long long)s->rounded_step, s->rounded.loss, s->rounded.cosine);
  }
  if (report->head) {
    fprintf(stderr,
            "  answers   of the head: distance %.4f before, %.4f after; the same in %.1f %% before, %.1f %% after\n",
            s->first.answers, s->best.answers, 100 * s->first.same, 100 * s->best.same);
  }
}

static void json_curve(alb_json *json, const alb_train_curve *curve) {
  alb_json_key(json, "curve");
  alb_json_open(json, '[');
  for (size_t i = 0; i < curve->count; i++) {
    alb_json_open(json, '{');
    alb_json_key(json, "step");
    alb_json_double(json, curve->points[i].step, 0);
    alb_json_key(json, "loss");
    alb_json_double(json, curve->points[i].loss, 6);
    alb_json_key(json, "cosine");
    alb_json_double(json, curve->points[i].cosine, 6);
    alb_json_close(json, '}');
  }
  alb_json_close(json, ']');
}

static void json_rounding(alb_json *json, const alb_train_report *report) {
  alb_json_key(json, "rounding");
  alb_json_open(json, '{');
  alb_json_key(json, "dtype");
  alb_json_text(json, alb_str_of(alb_dtype_name(report->rounding)));
  alb_json_key(json, "step");
  alb_json_int(json, (int64_t)report->state.rounded_step);
  alb_json_key(json, "loss");
  alb_json_double(json, report->state.rounded.loss, 6);
  alb_json_key(json, "cosine");
  alb_json_double(json, report->state.rounded.cosine, 6);
  alb_json_close(json, '}');
}

void alb_heal_json(alb_json *json, const alb_train_report *report) {
  const alb_train_state *s = &report->state;
  const struct {
    const char *key;
    double value;
  } numbers[] = {{"loss_before", s->first.loss},       {"loss_after", s->best.loss},
                 {"cosine_before", s->first.cosine},   {"cosine_after", s->best.cosine},
                 {"answers_before", s->first.answers}, {"answers_after", s->best.answers},
                 {"same_before", s->first.same},       {"same_after", s->best.same}};
  const size_t count = sizeof numbers / sizeof numbers[0] - (report->head ? 0 : 4);
  alb_json_key(json, "healed");
  alb_json_open(json, '{');
  alb_json_key(json, "steps");
  alb_json_int(json, (int64_t)s->step);
  alb_json_key(json, "tokens");
  alb_json_int(json, (int64_t)s->tokens);
  alb_json_key(json, "seconds");
  alb_json_double(json, s->seconds, 6);
  alb_json_key(json, "resumed");
  alb_json_bool(json, report->resumed);
  for (size_t i = 0; i < count; i++) {
    alb_json_key(json, numbers[i].key);
    alb_json_double(json, numbers[i].value, 6);
  }
  if (report->rounding) json_rounding(json, report);
  json_curve(json, &s->curve);
  alb_json_close(json, '}');
}
