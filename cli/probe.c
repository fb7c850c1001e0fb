/* Models that are made, run and thrown away. */
#include "cli/probe.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/validate.h"

enum { AT_ONCE = 32 }; /* sequences: bounds memory */

static alb_status no_memory(const alb_probe *probe) {
  return alb_fail_memory(probe->diag, 0, "measuring");
}

/* ---- the folder ---- */

static void path_of(const alb_probe *probe, const char *name, char path[768]) {
  (void)snprintf(path, 768, "%s/%s.alb", probe->folder, name);
}

alb_status alb_probe_open(alb_probe *probe) {
  const char *parent = getenv("TMPDIR");
  const int n =
      snprintf(probe->folder, sizeof probe->folder, "%s/albert-convert-XXXXXX", parent && *parent ? parent : "/tmp");
  if (n >= 0 && (size_t)n < sizeof probe->folder && mkdtemp(probe->folder)) return ALB_OK;
  probe->folder[0] = '\0';
  return alb_fail(probe->diag, ALB_IO, "--text: no folder can be made in $TMPDIR or /tmp");
}

void alb_probe_close(alb_probe *probe) {
  DIR *folder = *probe->folder ? opendir(probe->folder) : NULL;
  for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
    (void)unlinkat(dirfd(folder), entry->d_name, 0); /* "." and ".." are no files */
  }
  if (folder) (void)closedir(folder);
  if (*probe->folder) (void)rmdir(probe->folder);
  free(probe->reference);
  probe->reference = NULL;
}

/* ---- models ---- */

static alb_status convert(const alb_probe *probe, const char *path, alb_convert_options options, alb_probe_made *out) {
  alb_conversion c;
  options.form = NULL;
  options.observer = NULL;
  options.compress = false;
  options.replace = options.sizes_only = true;
  const alb_status status = alb_convert(probe->diag, probe->loaded, path, &options, &c);
  *out = (alb_probe_made){.bytes = c.size,
                          .blocks = c.parts[ALB_MODEL_ATTENTION] + c.parts[ALB_MODEL_FFN],
                          .lossy = c.fold.lossy,
                          .layers = c.layers};
  if (status == ALB_OK) out->quantised = alb_dtype_is_quantised(alb_dtype_by_name(alb_str_of(c.dtype)));
  alb_conversion_free(&c);
  return status;
}

alb_status alb_probe_make(const alb_probe *probe, const char *name, alb_convert_options options, alb_probe_made *out) {
  char path[768];
  path_of(probe, name, path);
  options.dry_run = false;
  return convert(probe, path, options, out);
}

alb_status alb_probe_count(const alb_probe *probe, alb_convert_options options, alb_probe_made *out) {
  options.dry_run = options.plain_mean = true;
  options.passes.measure = false;
  options.calib = NULL;
  return convert(probe, NULL, options, out);
}

/* Some of the texts, in the order of the file. */
static alb_status run_some(const alb_probe *probe, const alb_subject *subject, size_t first, size_t offset,
                           size_t count, float *values) {
  size_t lengths[AT_ONCE];
  for (size_t i = 0; i < count; i++) lengths[i] = probe->texts->lengths.items[first + i];
  const alb_batch batch = {.size = sizeof batch,
                           .count = count,
                           .lengths = lengths,
                           .ids = probe->texts->ids.items + offset,
                           .type_ids = probe->texts->type_ids.items + offset};
  return alb_subject_run(probe->diag, subject, &batch, "embed", values + first * probe->width, count * probe->width);
}

static alb_status run_all(const alb_probe *probe, const alb_subject *subject, size_t count, float *values) {
  size_t offset = 0;
  for (size_t first = 0; first < count; first += AT_ONCE) {
    const size_t some = count - first < AT_ONCE ? count - first : AT_ONCE;
    ALB_TRY(run_some(probe, subject, first, offset, some, values));
    for (size_t i = 0; i < some; i++) offset += probe->texts->lengths.items[first + i];
  }
  return ALB_OK;
}

/* The embeddings that a model made here gives of the first texts; *out is the caller's to free. The model goes. */
static alb_status embed(alb_probe *probe, const char *name, size_t count, float **out) {
  char path[768];
  alb_subject subject;
  path_of(probe, name, path);
  alb_status status = alb_subject_open(probe->diag, path, probe->threads, &subject);
  if (status == ALB_OK) probe->width = alb_model_output_width(subject.model, "embed");
  if (status == ALB_OK && !probe->width) {
    status = alb_fail(probe->diag, ALB_UNSUPPORTED, "--text: the model gives no embedding to measure");
  }
  if (status == ALB_OK) *out = calloc(count * probe->width, sizeof **out);
  if (status == ALB_OK) status = *out ? run_all(probe, &subject, count, *out) : no_memory(probe);
  alb_subject_close(&subject);
  (void)unlink(path);
  return status;
}

alb_status alb_probe_reference(alb_probe *probe, const char *task, alb_probe_made *out) {
  const alb_convert_options unshared = {.passes = {.mode = alb_share_by_name(alb_str_of("none"))}, .task = task};
  ALB_TRY(alb_probe_make(probe, "source", unshared, out));
  return embed(probe, "source", probe->texts->lengths.count, &probe->reference);
}

alb_status alb_probe_compare(alb_probe *probe, const char *name, size_t count, alb_embed_figures *out) {
  float *got = NULL;
  alb_status status = embed(probe, name, count, &got);
  if (status == ALB_OK && !alb_embed_figures_of(probe->reference, got, count, probe->width, out)) {
    status = no_memory(probe);
  }
  free(got);
  return status;
}
