/* Which form of output a name asks for. */
#include "base/file.h"
#include "base/output_dir.h"
#include "converter/hf_config.h"
#include "converter/writer.h"

static const alb_form forms[] = {
#define ALB_WRITER(id, what, ending, pipeline, own) {#id, what, ending, ALB_PIPELINE_##pipeline, own, alb_write_##id},
#include "converter/writers.def"
#undef ALB_WRITER
};
enum { FORMS = sizeof forms / sizeof forms[0] };

/* A folder that is there is a folder, whatever its name. */
static bool asks_for(const char *path, const char *ending) {
  const bool folder = alb_str_ends(alb_str_of(path), ALB_STR("/")) || alb_path_is_dir(path);
  return strcmp(ending, "/") == 0 ? folder : !folder && alb_str_ends(alb_str_of(path), alb_str_of(ending));
}

const alb_form *alb_form_for(const char *path) {
  for (size_t i = 0; i < FORMS; i++) {
    if (asks_for(path, forms[i].ending)) return &forms[i];
  }
  return &forms[0];
}

alb_status alb_form_check(alb_diag *diag, const alb_form *form, const char *path, bool replace) {
  if (strcmp(form->ending, "/") == 0) return alb_output_dir_check(diag, path, replace, alb_hf_owns);
  if (replace || !alb_path_exists(path)) return ALB_OK;
  return alb_fail(diag, ALB_EXISTS, "exists already (--force replaces it)");
}

const alb_form *alb_form_by_name(const char *name) {
  for (size_t i = 0; i < FORMS; i++) {
    if (strcmp(forms[i].name, name) == 0) return &forms[i];
  }
  return NULL;
}

alb_status alb_write_rounds(alb_diag *diag, const alb_write_job *job, alb_written *out, const char *why) {
  out->rounded = true;
  if (!job->options->require_lossless) return ALB_OK;
  return alb_fail(diag, ALB_LOSSY, "not lossless: %s; nothing was written", why);
}

alb_status alb_write_note(alb_diag *diag, alb_written *out, const char *text) {
  if (!text) return alb_fail_memory(diag, 1, "a note");
  return alb_vec_push(&out->notes, text) ? ALB_OK : alb_fail_memory(diag, sizeof text, "a note");
}
