/* Where a page goes: refused before the work if it can't go there, written whole or not at all after it. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/output.h"
#include "cli/page.h"

static bool is_stdout(const alb_page_place *place) {
  return strcmp(place->path, "-") == 0;
}

alb_status alb_page_place_open(alb_diag *diag, const char *path, bool replace, alb_page_place *out) {
  *out = (alb_page_place){.path = path};
  if (!path || is_stdout(out)) return ALB_OK;
  out->output = calloc(1, sizeof *out->output);
  if (!out->output) return alb_fail_memory(diag, sizeof *out->output, "the page");
  const alb_status status = alb_output_open(diag, path, replace, out->output);
  if (status != ALB_OK) alb_page_place_close(out);
  return status;
}

/* That the page would replace what is read or written here. */
static alb_status check_names(alb_diag *diag, const alb_convert_cli *cli, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!names[i]) continue;
    const bool same = strcmp(names[i], cli->report) == 0 || alb_path_same(names[i], cli->report);
    if (same) return alb_fail(diag, ALB_USAGE, "is read or written here itself: --report needs a file of its own");
  }
  return ALB_OK;
}

alb_status alb_report_place(alb_diag *diag, const alb_convert_cli *cli, const char *const *names, size_t count,
                            alb_page_place *out, const char **file) {
  if (!cli->report) return ALB_OK;
  if (cli->json && strcmp(cli->report, "-") == 0)
    return alb_fail(diag, ALB_USAGE, "--report - and --json both go to standard output");
  *file = cli->report;
  ALB_TRY(check_names(diag, cli, names, count));
  return alb_page_place_open(diag, cli->report, cli->force, out);
}

bool alb_page_takes_stdout(const alb_page_place *place) {
  return place->path && is_stdout(place);
}

alb_status alb_page_place_commit(alb_diag *diag, alb_page_place *place, alb_str text) {
  if (!place->output) { /* whether it came out is seen when standard output is flushed */
    (void)fwrite(text.p, 1, text.n, stdout);
    return ALB_OK;
  }
  alb_status status = alb_output_write(diag, place->output, 0, text.p, text.n);
  if (status == ALB_OK) status = alb_output_commit(diag, place->output);
  alb_page_place_close(place);
  return status;
}

void alb_page_place_close(alb_page_place *place) {
  if (place->output) alb_output_abort(place->output);
  free(place->output);
  place->output = NULL;
}

alb_status alb_page_made(alb_diag *diag, void (*write)(FILE *out, void *context), void *context, char **owned,
                         alb_str *text) {
  size_t size = 0;
  FILE *out = open_memstream(owned, &size);
  if (!out) return alb_fail_memory(diag, size, "the page");
  write(out, context);
  const bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) return alb_fail_memory(diag, size, "the page");
  *text = (alb_str){*owned, size};
  return ALB_OK;
}

typedef struct content {
  void (*write)(FILE *out, void *report, alb_str json);
  void *report;
  alb_str json;
} content;

static void write_content(FILE *out, void *context) {
  const content *c = context;
  c->write(out, c->report, c->json);
}

alb_status alb_page_put(alb_diag *diag, alb_page_place *place, void (*json)(FILE *out, void *report),
                        void (*page)(FILE *out, void *report, alb_str json), void *report) {
  content c = {.write = page, .report = report};
  char *json_text = NULL, *page_text = NULL;
  alb_str text = {0};
  alb_status status = alb_page_made(diag, json, report, &json_text, &c.json);
  if (status == ALB_OK) status = alb_page_made(diag, write_content, &c, &page_text, &text);
  if (status == ALB_OK) status = alb_page_place_commit(diag, place, text);
  free(json_text);
  free(page_text);
  return status;
}
