/* Measuring a conversion on texts: each model is written to a folder of its own and run by the runtime. */
#include "cli/measure.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/source_texts.h"
#include "cli/validate.h"

/* Tokens that are run: more change the figures little. Sequences at a time: bounds memory. */
enum { MEASURED_TOKENS = 1 << 15, AT_ONCE = 32 };

/* Texts that the layer to leave out is chosen on. */
enum { CHOSEN_ON = 128 };

typedef struct measuring {
  alb_diag *diag;
  const alb_convert_cli *cli;
  alb_loaded *loaded;
  const alb_convert_options *options; /* as asked for */
  const alb_source_texts *texts;
  char folder[512];
  size_t width;
  float *reference; /* [texts][width] */
  alb_measured *out;
} measuring;

/* What a conversion made. */
typedef struct made {
  uint64_t bytes;
  bool quantised, lossy;
  size_t layers;
} made;

static alb_status no_memory(const measuring *m) {
  return alb_fail_memory(m->diag, 0, "measuring");
}

/* ---- models ---- */

static void path_of(const measuring *m, const char *name, char path[560]) {
  (void)snprintf(path, 560, "%s/%s.alb", m->folder, name);
}

/* Writes folder/name.alb; the golden outputs, which are not looked at, are left out. */
static alb_status make(const measuring *m, const char *name, alb_convert_options options, made *out) {
  char path[560];
  alb_conversion conversion;
  path_of(m, name, path);
  options.form = NULL;
  options.observer = NULL;
  options.compress = options.dry_run = false;
  options.replace = options.sizes_only = true;
  options.task = m->options->task;
  const alb_status status = alb_convert(m->diag, m->loaded, path, &options, &conversion);
  *out = (made){conversion.size, false, conversion.fold.lossy, conversion.layers};
  if (status == ALB_OK) out->quantised = alb_dtype_is_quantised(alb_dtype_by_name(alb_str_of(conversion.dtype)));
  alb_conversion_free(&conversion);
  return status;
}

/* Some of the texts, in the order of the file. */
static alb_status run_some(const measuring *m, const alb_subject *subject, size_t first, size_t offset, size_t count,
                           float *values) {
  size_t lengths[AT_ONCE];
  for (size_t i = 0; i < count; i++) lengths[i] = m->texts->lengths.items[first + i];
  const alb_batch batch = {.size = sizeof batch,
                           .count = count,
                           .lengths = lengths,
                           .ids = m->texts->ids.items + offset,
                           .type_ids = m->texts->type_ids.items + offset};
  return alb_subject_run(m->diag, subject, &batch, "embed", values + first * m->width, count * m->width);
}

static alb_status run_all(const measuring *m, const alb_subject *subject, size_t count, float *values) {
  size_t offset = 0;
  for (size_t first = 0; first < count; first += AT_ONCE) {
    const size_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
    ALB_TRY(run_some(m, subject, first, offset, some, values));
    for (size_t i = 0; i < some; i++) offset += m->texts->lengths.items[first + i];
  }
  return ALB_OK;
}

/* The embeddings that a model made here gives of the first texts; *out is the caller's to free. The model goes. */
static alb_status embed(measuring *m, const char *name, size_t count, float **out) {
  char path[560];
  alb_subject subject;
  path_of(m, name, path);
  alb_status status = alb_subject_open(m->diag, path, m->cli->threads, &subject);
  if (status == ALB_OK) m->width = alb_model_output_width(subject.model, "embed");
  if (status == ALB_OK && !m->width) {
    status = alb_fail(m->diag, ALB_UNSUPPORTED, "--text: the model gives no embedding to measure");
  }
  if (status == ALB_OK) *out = calloc(count * m->width, sizeof **out);
  if (status == ALB_OK) status = *out ? run_all(m, &subject, count, *out) : no_memory(m);
  alb_subject_close(&subject);
  (void)unlink(path);
  return status;
}

/* ---- figures ---- */

static alb_status compare(measuring *m, const char *name, size_t count, alb_embed_figures *out) {
  float *got = NULL;
  alb_status status = embed(m, name, count, &got);
  if (status == ALB_OK && !alb_embed_figures_of(m->reference, got, count, m->width, out)) status = no_memory(m);
  free(got);
  return status;
}

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
  made wide, narrow;
  ALB_TRY(make(m, "int8", control_of(m, ALB_I8), &wide));
  ALB_TRY(make(m, "int4", control_of(m, ALB_I4), &narrow));
  m->out->control_tables = m->options->passes.embedding_size > 0;
  const bool is_wide = distance(wide.bytes, m->out->bytes) <= distance(narrow.bytes, m->out->bytes);
  m->out->control_dtype = is_wide ? "int8" : "int4";
  m->out->control_bytes = is_wide ? wide.bytes : narrow.bytes;
  ALB_TRY(compare(m, m->out->control_dtype, m->texts->lengths.count, &m->out->control));
  if (!m->cli->report) return ALB_OK;
  m->out->other_dtype = is_wide ? "int4" : "int8";
  m->out->other_bytes = is_wide ? narrow.bytes : wide.bytes;
  return compare(m, m->out->other_dtype, m->texts->lengths.count, &m->out->other);
}

static alb_status measure_without(measuring *m, size_t layer, size_t count, made *bytes, alb_embed_figures *out) {
  alb_convert_options options = exact();
  options.passes.left_out = layer;
  ALB_TRY(make(m, "less", options, bytes));
  return compare(m, "less", count, out);
}

/* The source without the layer that is missed least, judged by the first texts. */
static alb_status measure_deletion(measuring *m, size_t layers) {
  const size_t texts = m->texts->lengths.count, some = texts < CHOSEN_ON ? texts : CHOSEN_ON;
  double best = -2;
  made less = {0};
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
  const alb_convert_options unshared = {.passes = {.mode = alb_share_by_name(alb_str_of("none"))}};
  const size_t texts = m->texts->lengths.count;
  made model, source;
  ALB_TRY(make(m, "model", *m->options, &model));
  m->out->bytes = model.bytes;
  ALB_TRY(make(m, "source", unshared, &source));
  ALB_TRY(embed(m, "source", texts, &m->reference));
  ALB_TRY(compare(m, "model", texts, &m->out->model));
  if (!source.quantised) ALB_TRY(measure_control(m));
  return model.lossy ? measure_deletion(m, model.layers) : ALB_OK;
}

static void remove_folder(const measuring *m) {
  static const char *const names[] = {"model", "source", "int8", "int4", "less"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[560];
    path_of(m, names[i], path);
    (void)unlink(path);
  }
  (void)rmdir(m->folder);
}

static alb_status measure_texts(measuring *m) {
  const char *parent = getenv("TMPDIR");
  const int n = snprintf(m->folder, sizeof m->folder, "%s/albert-convert-XXXXXX", parent && *parent ? parent : "/tmp");
  if (n < 0 || (size_t)n >= sizeof m->folder || !mkdtemp(m->folder)) {
    return alb_fail(m->diag, ALB_IO, "--text: no folder can be made in $TMPDIR or /tmp");
  }
  const alb_status status = measure_models(m);
  free(m->reference);
  remove_folder(m);
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
  measuring m = {.diag = diag, .cli = cli, .loaded = loaded, .options = options, .texts = &texts, .out = out};
  const char *source = *file;
  if (loaded->vocab.tokenizer) *file = cli->text;
  alb_status status = alb_source_texts_read(diag, loaded, cli->text, MEASURED_TOKENS, &texts);
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
