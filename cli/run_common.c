/* What the commands of albert-run share: errors, notes, flushing. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cli/run.h"

alb_status alb_run_fail(alb_diag *diag, alb_status status, const alb_error *error) {
  return status == ALB_OK ? ALB_OK : alb_fail(diag, status, "%s", error->text);
}

alb_status alb_run_flush(alb_diag *diag, FILE *out) {
  if (fflush(out) == 0 && !ferror(out)) return ALB_OK;
  return alb_fail(diag, ALB_IO, "standard output cannot be written: %s", strerror(errno));
}

void alb_run_note(const alb_runner *runner, const char *format, ...) {
  if (runner->options.quiet) return;
  alb_diag line = {0};
  char text[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  (void)alb_fail(&line, ALB_OK, "%s: %s", runner->path, text); /* makes the text safe for a terminal */
  fprintf(stderr, "albert-run: %s\n", alb_diag_text(&line, ALB_OK));
  alb_diag_free(&line);
}

static alb_status add_text(alb_diag *diag, alb_runner *runner, alb_str text, alb_ids *ids) {
  if (runner->options.ids) return alb_ids_parse(diag, &runner->info, text, ids);
  const alb_text one = {.text = text.p, .length = text.n};
  alb_tokens tokens;
  alb_error error;
  ALB_TRY(alb_run_fail(diag, alb_tokenize(runner->session, &one, 0, &tokens, &error), &error));
  if (tokens.count == 0) return alb_fail(diag, ALB_MALFORMED, "has no tokens");
  return alb_ids_add(diag, &tokens, ids);
}

alb_status alb_run_sequences(alb_diag *diag, alb_runner *runner, alb_input *input, alb_ids *ids) {
  alb_ids_clear(ids);
  ALB_TRY(alb_input_next(diag, input));
  for (size_t i = 0; i < input->texts.count; i++) {
    const alb_status status = add_text(diag, runner, input->texts.items[i], ids);
    if (status == ALB_OK) continue;
    alb_diag_prefix(diag, "text %zu", input->first + i + 1);
    return status;
  }
  return ALB_OK;
}

alb_status alb_run_room(alb_diag *diag, size_t rows, size_t width, float **values, size_t *capacity) {
  size_t need, bytes;
  if (!alb_mul_ok(rows, width, &need) || !alb_mul_ok(need, sizeof(float), &bytes)) {
    return alb_fail(diag, ALB_OVERFLOW, "too many results");
  }
  if (need <= *capacity) return ALB_OK;
  free(*values);
  *capacity = 0;
  *values = malloc(bytes);
  if (!*values) return alb_fail_memory(diag, bytes, "results");
  *capacity = need;
  return ALB_OK;
}

alb_status alb_run_width(alb_diag *diag, const alb_runner *runner, const char *output, size_t *width) {
  *width = alb_model_output_width(runner->model, output);
  return *width ? ALB_OK : alb_fail(diag, ALB_UNSUPPORTED, "the model has no output \"%s\"", output);
}
