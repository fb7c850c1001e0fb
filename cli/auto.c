/* --share auto: candidates are converted into a folder of their own and run on the texts. */
#include "cli/auto.h"

#include <math.h>
#include <unistd.h>

#include "cli/measure.h"
#include "cli/probe.h"

/* What is chosen on: more texts change the choice little, and each candidate runs them all. */
enum { CHOSEN_TEXTS = 64, CHOSEN_TOKENS = 1 << 12 };

/* How often a search goes on when what it chose is below --min-fidelity on the other lines. */
enum { MOST_RETRIES = 12 };

typedef struct choosing {
  alb_diag *diag;
  const alb_convert_cli *cli;
  const alb_convert_options *options; /* as asked for, but for what is chosen */
  alb_probe probe, held;              /* the lines that choose, and the others */
  alb_chooser *chooser;
  char line[192]; /* as long as a measurement's words may be (alb_convert_options.measured) */
  bool shown;
  alb_auto *out;
} choosing;

bool alb_auto_asked(const alb_convert_cli *cli) {
  return cli->share && strcmp(cli->share, "auto") == 0;
}

alb_status alb_auto_check(alb_diag *diag, const alb_convert_cli *cli) {
  const char *given = cli->groups             ? "--groups"
                      : cli->keep_first       ? "--keep-first"
                      : cli->keep_last        ? "--keep-last"
                      : cli->residual         ? "--residual"
                      : cli->dtype            ? "--dtype"
                      : cli->embeddings       ? "--embeddings"
                      : cli->embedding_size   ? "--embedding-size"
                      : cli->require_lossless ? "--require-lossless"
                      : cli->compress         ? "--compress"
                                              : NULL;
  if (!alb_auto_asked(cli)) {
    return cli->budget ? alb_fail(diag, ALB_USAGE, "--budget goes with --share auto") : ALB_OK;
  }
  if (cli->healing) return alb_fail(diag, ALB_USAGE, "--share auto is for converting: name a mode to heal");
  if (given) return alb_fail(diag, ALB_USAGE, "%s does not go with --share auto, which chooses by itself", given);
  if (!cli->budget && cli->min_fidelity < 0) {
    return alb_fail(diag, ALB_USAGE, "--share auto needs --budget SIZE or --min-fidelity X");
  }
  return cli->text ? ALB_OK : alb_fail(diag, ALB_USAGE, "--share auto needs texts to measure on: --text FILE");
}

/* ---- candidates ---- */

static alb_convert_options options_of(const choosing *c, const alb_choice *choice, alb_choice_depth depth) {
  alb_convert_options options = *c->options;
  options.passes.mode = choice->mode;
  options.passes.groups.spec = choice->groups;
  options.passes.dtype = choice->dtype;
  options.passes.tables = choice->tables;
  options.passes.measure = false;
  options.measured = c->line;
  if (depth != ALB_CHOICE_WHOLE) options.calib = NULL;
  return options;
}

static void show(choosing *c) {
  const alb_convert_cli *cli = c->cli;
  c->out->measured++;
  if (cli->quiet || cli->no_progress || !isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\rchoosing: %zu models measured\033[K", c->out->measured);
  c->shown = true;
}

static alb_status make(alb_diag *diag, void *context, const alb_choice *choice, alb_choice_depth depth,
                       alb_choice_made *out) {
  choosing *c = context;
  const alb_convert_options options = options_of(c, choice, depth);
  alb_probe_made made;
  alb_embed_figures figures = {0};
  (void)diag; /* the probe's */
  if (depth == ALB_CHOICE_BYTES) {
    ALB_TRY(alb_probe_count(&c->probe, options, &made));
  } else {
    ALB_TRY(alb_probe_make(&c->probe, "model", options, &made));
    ALB_TRY(alb_probe_compare(&c->probe, "model", c->probe.texts->lengths.count, &figures));
    show(c);
  }
  *out = (alb_choice_made){made.bytes, made.blocks, figures.mean};
  return ALB_OK;
}

/* ---- the two searches ---- */

/* On the lines that did not choose. */
static alb_status measure_held(choosing *c, alb_auto_row *row) {
  alb_probe_made made;
  ALB_TRY(alb_probe_make(&c->held, "model", options_of(c, &row->choice, ALB_CHOICE_WHOLE), &made));
  return alb_probe_compare(&c->held, "model", c->held.texts->lengths.count, &row->figures);
}

static alb_status keep(choosing *c, const alb_chosen *chosen, alb_auto_row *row) {
  const alb_choice *choice = &chosen->choice;
  row->choice = *choice;
  row->bytes = chosen->made.bytes;
  row->options =
      alb_arena_printf(&c->out->arena, "--share %s%s%s --dtype %s --embeddings %s", alb_share_info(choice->mode)->name,
                       choice->groups ? " --groups " : "", choice->groups ? choice->groups : "",
                       alb_dtype_name(choice->dtype), alb_dtype_name(choice->tables));
  row->choice.groups = choice->groups ? alb_arena_strdup(&c->out->arena, alb_str_of(choice->groups)) : NULL;
  if (!row->options || (choice->groups && !row->choice.groups)) return alb_fail_memory(c->diag, 1, "a choice");
  return measure_held(c, row);
}

static bool fits(const alb_auto *out, const alb_auto_row *row) {
  return row->any && (!out->budget || row->bytes <= out->budget);
}

/* What the lines that choose find true enough may not be so on the others: then something truer is looked for. */
static alb_status settle(choosing *c, bool sharing, alb_chosen *chosen, alb_auto_row *row) {
  alb_choose_goal goal = {c->out->budget, c->out->min_fidelity};
  for (int i = 0; i < MOST_RETRIES; i++) {
    ALB_TRY(alb_choose(c->diag, c->chooser, sharing, &goal, chosen));
    row->any = chosen->any;
    if (!chosen->any) return ALB_OK;
    ALB_TRY(keep(c, chosen, row));
    row->found = fits(c->out, row) && !(row->figures.mean < c->out->min_fidelity);
    if (row->found || !chosen->found) return ALB_OK;
    goal.min_cosine = nextafter(chosen->made.cosine, 2);
  }
  return ALB_OK;
}

static alb_status search(choosing *c) {
  const alb_choose_goal goal = {c->out->budget, c->out->min_fidelity};
  alb_chosen sharing, plain;
  ALB_TRY(settle(c, true, &sharing, &c->out->sharing));
  ALB_TRY(settle(c, false, &plain, &c->out->plain));
  c->out->shares =
      c->out->sharing.found && !(c->out->plain.found && alb_choose_better(&goal, &plain.made, &sharing.made));
  return ALB_OK;
}

/* ---- the source ---- */

/* As it is: its types, and which layers share. */
static alb_status look(choosing *c, alb_conversion *source) {
  alb_convert_options options = *c->options;
  options.passes.mode = ALB_SHARE_EXACT;
  options.calib = NULL;
  options.observer = NULL;
  options.dry_run = options.sizes_only = true;
  ALB_TRY(alb_convert(c->diag, c->probe.loaded, NULL, &options, source));
  if (!alb_dtype_is_quantised(alb_dtype_by_name(alb_str_of(source->dtype))) &&
      !alb_dtype_is_quantised(alb_dtype_by_name(alb_str_of(source->tables)))) {
    return ALB_OK;
  }
  return alb_fail(c->diag, ALB_UNSUPPORTED, "the source is quantised already: --share auto is not supported");
}

static alb_status choose_for(choosing *c, const alb_conversion *source) {
  const alb_choose_model model = {make,
                                  c,
                                  source->attention_map ? source->layers : 0,
                                  source->attention_map,
                                  source->ffn_map,
                                  alb_dtype_by_name(alb_str_of(source->dtype)),
                                  alb_dtype_by_name(alb_str_of(source->tables))};
  alb_probe_made made;
  ALB_TRY(alb_probe_reference(&c->probe, c->options->task, &made));
  ALB_TRY(alb_probe_reference(&c->held, c->options->task, &made));
  ALB_TRY(alb_chooser_new(c->diag, &model, &c->chooser));
  return search(c);
}

static alb_status choose_loaded(choosing *c) {
  alb_conversion source = {0};
  alb_status status = look(c, &source);
  if (status == ALB_OK) status = alb_probe_open(&c->probe);
  if (status == ALB_OK) status = alb_probe_open(&c->held);
  if (status == ALB_OK) status = choose_for(c, &source);
  if (c->shown) fprintf(stderr, "\n");
  alb_chooser_free(c->chooser);
  alb_probe_close(&c->probe);
  alb_probe_close(&c->held);
  alb_conversion_free(&source);
  return status;
}

/* ---- the result ---- */

/* Of what fits the truest, else the smallest. */
static const alb_auto_row *nearest(const alb_auto *out) {
  const alb_auto_row *a = &out->sharing, *b = &out->plain;
  if (!a->any || !b->any) return a->any ? a : b;
  if (fits(out, a) != fits(out, b)) return fits(out, a) ? a : b;
  if (fits(out, a)) return a->figures.mean > b->figures.mean ? a : b;
  return a->bytes < b->bytes ? a : b;
}

static alb_status refuse(const choosing *c) {
  const alb_auto *out = c->out;
  const alb_auto_row *row = nearest(out);
  char bytes[32], budget[32], within[48] = "";
  if (out->budget) (void)snprintf(within, sizeof within, " of at most %s bytes", alb_grouped(out->budget, budget));
  if (fits(out, row)) {
    return alb_fail(c->diag, ALB_LOSSY,
                    "no file%s has a mean cosine of %g; the truest has %.4f and %s bytes (%s); nothing was written",
                    within, out->min_fidelity, row->figures.mean, alb_grouped(row->bytes, bytes), row->options);
  }
  return alb_fail(
      c->diag, ALB_LOSSY,
      "no file%s can be made; the smallest has %s bytes and a mean cosine of %.4f (%s); nothing was written", within,
      alb_grouped(row->bytes, bytes), row->figures.mean, row->options);
}

static alb_status take(const choosing *c, alb_convert_options *options) {
  const alb_auto *out = c->out;
  if (!out->sharing.found && !out->plain.found) return refuse(c);
  const alb_choice *choice = out->shares ? &out->sharing.choice : &out->plain.choice;
  options->passes.mode = choice->mode;
  options->passes.groups.spec = choice->groups;
  options->passes.dtype = choice->dtype;
  options->passes.tables = choice->tables;
  return ALB_OK;
}

static alb_status read_texts(choosing *c, alb_source_texts *texts, alb_source_texts *held) {
  ALB_TRY(alb_source_texts_read(c->diag, c->probe.loaded, c->cli->text, CHOSEN_TOKENS, texts));
  ALB_TRY(alb_source_texts_read(c->diag, c->probe.loaded, c->cli->text, ALB_MEASURED_TOKENS, held));
  c->out->chosen_on = texts->lengths.count;
  if (texts->lengths.count < 2 || held->lengths.count < 2)
    return alb_fail(c->diag, ALB_MALFORMED, "choosing needs four lines of text: every second one is measured on");
  if (c->options->calib && strcmp(c->options->calib_hash, held->hash) == 0) {
    return alb_fail(c->diag, ALB_USAGE,
                    "--share auto needs other texts than those of --calib: what fits them all wins");
  }
  (void)snprintf(c->line, sizeof c->line,
                 "cosine mean -0.000, 5th percentile -0.000, least -0.000 on %zu texts of xxh128:%s",
                 held->lengths.count, held->hash);
  return ALB_OK;
}

alb_status alb_auto_choose(alb_diag *diag, const alb_convert_cli *cli, alb_loaded *loaded, alb_convert_options *options,
                           alb_auto *out, const char **file) {
  alb_source_texts texts = {.half = ALB_FIRST_HALF, .most = CHOSEN_TEXTS}, held = {.half = ALB_SECOND_HALF};
  const alb_convert_options asked = *options;
  choosing c = {.diag = diag, .cli = cli, .options = &asked, .out = out};
  const char *source = *file;
  c.probe = (alb_probe){.diag = diag, .loaded = loaded, .texts = &texts, .threads = cli->threads};
  c.held = (alb_probe){.diag = diag, .loaded = loaded, .texts = &held, .threads = cli->threads};
  *out = (alb_auto){.done = true, .budget = cli->budget, .min_fidelity = cli->min_fidelity};
  if (loaded->vocab.tokenizer) *file = cli->text;
  alb_status status = read_texts(&c, &texts, &held);
  if (status == ALB_OK) *file = source;
  if (status == ALB_OK) status = choose_loaded(&c);
  if (status == ALB_OK) status = take(&c, options);
  alb_source_texts_free(&texts);
  alb_source_texts_free(&held);
  return status;
}

void alb_auto_written(alb_auto *report, uint64_t bytes) {
  if (report->done) (report->shares ? &report->sharing : &report->plain)->bytes = bytes;
}

void alb_auto_free(alb_auto *report) {
  alb_arena_free(&report->arena);
}
