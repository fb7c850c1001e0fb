/* Measuring a conversion on texts, beside its controls. */
#include "cli/measure.h"

#include "cli/probe.h"

/* Texts that the layer to leave out is chosen on. */
enum { CHOSEN_ON = 128 };

typedef struct measuring {
  const alb_convert_cli *cli;
  const alb_convert_options *options; /* as asked for */
  alb_probe probe;
  alb_measured *out;
} measuring;

static alb_status make(const measuring *m, const char *name, alb_convert_options options, alb_probe_made *out) {
  options.task = m->options->task;
  return alb_probe_make(&m->probe, name, options, out);
}

/* ---- figures ---- */

static uint64_t distance(uint64_t a, uint64_t b) {
  return a > b ? a - b : b - a;
}

static alb_convert_options exact(void) {
  return (alb_convert_options){.passes = {.mode = alb_share_by_name(alb_str_of("exact"))}};
}

/* What is as asked for, but has this type instead of what it lost: for a factored table of words the table, else
 * everything, with what the source shares. */
static alb_convert_options control_of(const measuring *m, alb_dtype dtype) {
  alb_convert_options options = exact();
  options.passes.dtype = dtype;
  if (!m->options->passes.embedding_size) return options;
  options = *m->options;
  options.passes.embedding_size = 0;
  options.passes.tables = dtype;
  return options;
}

/* int8 or int4, whichever is nearer in bytes. */
static alb_status measure_control(measuring *m) {
  alb_probe_made wide, narrow;
  ALB_TRY(make(m, "int8", control_of(m, ALB_I8), &wide));
  ALB_TRY(make(m, "int4", control_of(m, ALB_I4), &narrow));
  m->out->control_tables = m->options->passes.embedding_size > 0;
  const bool is_wide = distance(wide.bytes, m->out->bytes) <= distance(narrow.bytes, m->out->bytes);
  m->out->control_dtype = is_wide ? "int8" : "int4";
  m->out->control_bytes = is_wide ? wide.bytes : narrow.bytes;
  ALB_TRY(alb_probe_compare(&m->probe, m->out->control_dtype, m->probe.texts->lengths.count, &m->out->control));
  if (!m->cli->report) return ALB_OK;
  m->out->other_dtype = is_wide ? "int4" : "int8";
  m->out->other_bytes = is_wide ? narrow.bytes : wide.bytes;
  return alb_probe_compare(&m->probe, m->out->other_dtype, m->probe.texts->lengths.count, &m->out->other);
}

static alb_status measure_without(measuring *m, size_t layer, size_t count, alb_probe_made *bytes,
                                  alb_embed_figures *out) {
  alb_convert_options options = exact();
  options.passes.left_out = layer;
  ALB_TRY(make(m, "less", options, bytes));
  return alb_probe_compare(&m->probe, "less", count, out);
}

/* The source without the layer that is missed least, judged by the first texts. */
static alb_status measure_deletion(measuring *m, size_t layers) {
  const size_t texts = m->probe.texts->lengths.count, some = texts < CHOSEN_ON ? texts : CHOSEN_ON;
  double best = -2;
  alb_probe_made less = {0};
  m->out->layers = layers;
  for (size_t l = 1; layers > 1 && l <= layers; l++) {
    alb_embed_figures figures;
    ALB_TRY(measure_without(m, l, some, &less, &figures));
    if (figures.mean > best) m->out->deleted_layer = l, best = figures.mean;
  }
  if (!m->out->deleted_layer) return ALB_OK;
  ALB_TRY(measure_without(m, m->out->deleted_layer, texts, &less, &m->out->deleted));
  m->out->deleted_bytes = less.bytes;
  return ALB_OK;
}

/* What was asked for comes first: it may be refused. */
static alb_status measure_models(measuring *m) {
  const size_t texts = m->probe.texts->lengths.count;
  alb_probe_made model, source;
  ALB_TRY(make(m, "model", *m->options, &model));
  m->out->bytes = model.bytes;
  ALB_TRY(alb_probe_reference(&m->probe, m->options->task, &source));
  ALB_TRY(alb_probe_compare(&m->probe, "model", texts, &m->out->model));
  if (!source.quantised) ALB_TRY(measure_control(m));
  return model.lossy ? measure_deletion(m, model.layers) : ALB_OK;
}

static alb_status measure_texts(measuring *m) {
  alb_status status = alb_probe_open(&m->probe);
  if (status == ALB_OK) status = measure_models(m);
  alb_probe_close(&m->probe);
  return status;
}

static void fill_line(alb_measured *out) {
  (void)snprintf(out->line, sizeof out->line,
                 "cosine mean %.3f, 5th percentile %.3f, least %.3f on %zu texts of xxh128:%s", out->model.mean,
                 out->model.low, out->model.least, out->texts, out->hash);
}

/* Written so that what is no number is refused. */
static alb_status check_fidelity(alb_diag *diag, const alb_convert_cli *cli, const alb_measured *measured) {
  if (cli->min_fidelity < 0 || measured->model.mean >= cli->min_fidelity) return ALB_OK;
  return alb_fail(diag, ALB_LOSSY, "mean cosine %.4f on %zu texts is below --min-fidelity %g; nothing was written",
                  measured->model.mean, measured->texts, cli->min_fidelity);
}

alb_status alb_measure(alb_diag *diag, const alb_convert_cli *cli, alb_loaded *loaded,
                       const alb_convert_options *options, alb_measured *out, const char **file) {
  alb_source_texts texts = {.half = ALB_SECOND_HALF};
  measuring m = {cli, options, {.diag = diag, .loaded = loaded, .texts = &texts, .threads = cli->threads}, out};
  const char *source = *file;
  if (loaded->vocab.tokenizer) *file = cli->text;
  alb_status status = alb_source_texts_read(diag, loaded, cli->text, ALB_MEASURED_TOKENS, &texts);
  if (status == ALB_OK && texts.lengths.count < 2) {
    status = alb_fail(diag, ALB_MALFORMED, "measuring needs four lines of text: every second one is used");
  }
  if (status == ALB_OK) {
    *file = source;
    status = measure_texts(&m);
  }
  if (status == ALB_OK) {
    out->texts = texts.lengths.count;
    out->tokens = texts.ids.count;
    memcpy(out->hash, texts.hash, sizeof out->hash);
    fill_line(out);
    status = check_fidelity(diag, cli, out);
  }
  alb_source_texts_free(&texts);
  return status;
}
