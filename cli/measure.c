/* Measuring a conversion on texts: each model is written to a folder of its own and run by the runtime. */
#include "cli/measure.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/source_texts.h"
#include "cli/validate.h"

/* Tokens that are run: more change the figures little. Sequences at a time: bounds memory. */
enum { MEASURED_TOKENS = 1 << 15, AT_ONCE = 32 };

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

static alb_status no_memory(const measuring *m) {
  return alb_fail_memory(m->diag, 0, "measuring");
}

/* ---- models ---- */

static void path_of(const measuring *m, const char *name, char path[560]) {
  (void)snprintf(path, 560, "%s/%s.alb", m->folder, name);
}

/* Writes folder/name.alb; the golden outputs, which are not looked at, are left out. */
static alb_status make(const measuring *m, const char *name, alb_convert_options options, uint64_t *bytes,
                       bool *quantised) {
  char path[560];
  alb_conversion conversion;
  path_of(m, name, path);
  options.form = NULL;
  options.observer = NULL;
  options.compress = options.dry_run = false;
  options.replace = options.sizes_only = true;
  options.task = m->options->task;
  const alb_status status = alb_convert(m->diag, m->loaded, path, &options, &conversion);
  if (bytes) *bytes = conversion.size;
  if (quantised && status == ALB_OK) *quantised = strncmp(conversion.dtype, "int", 3) == 0;
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

static alb_status run_all(const measuring *m, const alb_subject *subject, float *values) {
  const size_t count = m->texts->lengths.count;
  size_t offset = 0;
  for (size_t first = 0; first < count; first += AT_ONCE) {
    const size_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
    ALB_TRY(run_some(m, subject, first, offset, some, values));
    for (size_t i = 0; i < some; i++) offset += m->texts->lengths.items[first + i];
  }
  return ALB_OK;
}

/* The embeddings that a model made here gives; *out is the caller's to free. */
static alb_status embed(measuring *m, const char *name, float **out) {
  char path[560];
  alb_subject subject;
  path_of(m, name, path);
  alb_status status = alb_subject_open(m->diag, path, m->cli->threads, &subject);
  if (status == ALB_OK) m->width = alb_model_output_width(subject.model, "embed");
  if (status == ALB_OK && !m->width) {
    status = alb_fail(m->diag, ALB_UNSUPPORTED, "--text: the model gives no embedding to measure");
  }
  if (status == ALB_OK) *out = calloc(m->texts->lengths.count * m->width, sizeof **out);
  if (status == ALB_OK) status = *out ? run_all(m, &subject, *out) : no_memory(m);
  alb_subject_close(&subject);
  (void)unlink(path);
  return status;
}

/* ---- figures ---- */

static alb_status compare(measuring *m, const char *name, alb_embed_figures *out) {
  float *got = NULL;
  alb_status status = embed(m, name, &got);
  if (status == ALB_OK && !alb_embed_figures_of(m->reference, got, m->texts->lengths.count, m->width, out)) {
    status = no_memory(m);
  }
  free(got);
  return status;
}

static uint64_t distance(uint64_t a, uint64_t b) {
  return a > b ? a - b : b - a;
}

/* What is as asked for, but has this type instead of what it lost: for a factored table of words the table, else
 * everything, with what the source shares. */
static alb_convert_options control_of(const measuring *m, alb_dtype dtype) {
  alb_convert_options options = {.passes = {.mode = alb_share_by_name(alb_str_of("exact")), .dtype = dtype}};
  if (!m->options->passes.embedding_size) return options;
  options = *m->options;
  options.passes.embedding_size = 0;
  options.passes.tables = dtype;
  return options;
}

/* int8 or int4, whichever is nearer in bytes. */
static alb_status measure_control(measuring *m) {
  uint64_t wide = 0, narrow = 0;
  ALB_TRY(make(m, "int8", control_of(m, ALB_I8), &wide, NULL));
  ALB_TRY(make(m, "int4", control_of(m, ALB_I4), &narrow, NULL));
  m->out->control_tables = m->options->passes.embedding_size > 0;
  const bool is_wide = distance(wide, m->out->bytes) <= distance(narrow, m->out->bytes);
  m->out->control_dtype = is_wide ? "int8" : "int4";
  m->out->control_bytes = is_wide ? wide : narrow;
  ALB_TRY(compare(m, m->out->control_dtype, &m->out->control));
  if (!m->cli->report) return ALB_OK;
  m->out->other_dtype = is_wide ? "int4" : "int8";
  m->out->other_bytes = is_wide ? narrow : wide;
  return compare(m, m->out->other_dtype, &m->out->other);
}

/* What was asked for comes first: it may be refused. */
static alb_status measure_models(measuring *m) {
  const alb_convert_options source = {.passes = {.mode = alb_share_by_name(alb_str_of("none"))}};
  bool quantised = false;
  ALB_TRY(make(m, "model", *m->options, &m->out->bytes, NULL));
  ALB_TRY(make(m, "source", source, NULL, &quantised));
  ALB_TRY(embed(m, "source", &m->reference));
  ALB_TRY(compare(m, "model", &m->out->model));
  return quantised ? ALB_OK : measure_control(m);
}

static void remove_folder(const measuring *m) {
  static const char *const names[] = {"model", "source", "int8", "int4"};
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

/* ---- report ---- */

static void print_figures(FILE *out, const char *what, uint64_t bytes, const alb_embed_figures *f) {
  char text[32];
  fprintf(out, "  %-9s %15s bytes: cosine mean %.4f, p5 %.4f, min %.4f; same nearest text %.1f %%, similarities %.4f\n",
          what, alb_grouped(bytes, text), f->mean, f->low, f->least, 100 * f->nearest, f->correlation);
}

void alb_measured_print(const alb_measured *measured, FILE *out) {
  if (!measured->texts) return;
  fprintf(out, "  measured  on every second line of the text: %zu texts, %zu tokens, against the source unshared\n",
          measured->texts, measured->tokens);
  print_figures(out, "this", measured->bytes, &measured->model);
  if (measured->control_dtype) {
    char what[16];
    (void)snprintf(what, sizeof what, measured->control_tables ? "%s words" : "%s only", measured->control_dtype);
    print_figures(out, what, measured->control_bytes, &measured->control);
    if (measured->control_tables && measured->control_bytes <= measured->bytes &&
        measured->control.mean >= measured->model.mean) {
      fprintf(out, "            --embeddings %s without --embedding-size is smaller and nearer to the source\n",
              measured->control_dtype);
    }
  }
}

static void json_figures(alb_json *json, const char *key, const char *dtype, uint64_t bytes,
                         const alb_embed_figures *f) {
  const struct {
    const char *key;
    double value;
  } figures[] = {{"cosine_mean", f->mean},
                 {"cosine_p5", f->low},
                 {"cosine_min", f->least},
                 {"nearest_agreement", f->nearest},
                 {"similarity_correlation", f->correlation}};
  alb_json_key(json, key);
  alb_json_open(json, '{');
  if (dtype) {
    alb_json_key(json, "dtype");
    alb_json_text(json, alb_str_of(dtype));
  }
  alb_json_key(json, "bytes");
  alb_json_int(json, (int64_t)bytes);
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    alb_json_key(json, figures[i].key);
    alb_json_double(json, figures[i].value, 6);
  }
  alb_json_key(json, "histogram");
  alb_histogram_json(json, &f->histogram);
  alb_json_close(json, '}');
}

void alb_measured_json(const alb_measured *measured, alb_json *json) {
  alb_json_key(json, "measured");
  if (!measured->texts) {
    alb_json_null(json);
    return;
  }
  alb_json_open(json, '{');
  alb_json_key(json, "text_xxh128");
  alb_json_text(json, alb_str_of(measured->hash));
  alb_json_key(json, "texts");
  alb_json_int(json, (int64_t)measured->texts);
  alb_json_key(json, "tokens");
  alb_json_int(json, (int64_t)measured->tokens);
  alb_json_key(json, "histogram_edges");
  alb_histogram_edges_json(json);
  json_figures(json, "model", NULL, measured->bytes, &measured->model);
  if (measured->control_dtype) {
    json_figures(json, "control", measured->control_dtype, measured->control_bytes, &measured->control);
  }
  if (measured->other_dtype) {
    json_figures(json, "other_control", measured->other_dtype, measured->other_bytes, &measured->other);
  }
  alb_json_close(json, '}');
}
