/* What was chosen, beside the search with sharing forbidden: as words and as JSON. */
#include "cli/auto.h"

const char *alb_auto_verdict(const alb_auto *report) {
  const bool smaller = report->min_fidelity >= 0;
  if (!report->sharing.any) return "there is nothing to share";
  if (!report->sharing.found) return "sharing loses: nothing that shares is good enough";
  if (!report->plain.found) return "sharing wins: nothing else is good enough";
  if (report->shares) return smaller ? "sharing wins: the file is smaller" : "sharing wins: nearer to the source";
  return smaller ? "sharing loses: without it the file is smaller" : "sharing loses: without it, nearer to the source";
}

static void print_row(FILE *out, const char *what, const alb_auto_row *row) {
  char bytes[32];
  if (!row->any) return;
  const alb_embed_figures *f = &row->figures;
  fprintf(out, "  %-9s %15s bytes: cosine mean %.4f, p5 %.4f, min %.4f%s\n            %s\n", what,
          alb_grouped(row->bytes, bytes), f->mean, f->low, f->least, row->found ? "" : " (not good enough)",
          row->options);
}

void alb_auto_print(const alb_auto *report, FILE *out) {
  if (!report->done) return;
  fprintf(out, "  chosen    %s\n            of %zu models measured on %zu lines; figures are of the other lines\n",
          alb_auto_verdict(report), report->measured, report->chosen_on);
  print_row(out, report->shares ? "sharing *" : "sharing", &report->sharing);
  print_row(out, report->shares ? "without" : "without *", &report->plain);
}

static void json_name(alb_json *json, const char *key, const char *text) {
  alb_json_key(json, key);
  if (text)
    alb_json_text(json, alb_str_of(text));
  else
    alb_json_null(json);
}

static void json_row(alb_json *json, const char *key, const alb_auto_row *row) {
  alb_named_figure figures[ALB_EMBED_FIGURES];
  alb_json_key(json, key);
  if (!row->any) {
    alb_json_null(json);
    return;
  }
  alb_json_open(json, '{');
  json_name(json, "options", row->options);
  json_name(json, "share", alb_share_info(row->choice.mode)->name);
  json_name(json, "groups", row->choice.groups);
  json_name(json, "dtype", alb_dtype_name(row->choice.dtype));
  json_name(json, "embeddings", alb_dtype_name(row->choice.tables));
  alb_json_key(json, "good_enough");
  alb_json_bool(json, row->found);
  alb_json_key(json, "bytes");
  alb_json_int(json, (int64_t)row->bytes);
  alb_embed_figures_named(&row->figures, figures);
  for (size_t i = 0; i < ALB_EMBED_FIGURES; i++) {
    alb_json_key(json, figures[i].key);
    alb_json_double(json, figures[i].value, 6);
  }
  alb_json_close(json, '}');
}

/* Numbers that were not given are null. */
static void json_goal(const alb_auto *report, alb_json *json) {
  alb_json_key(json, "budget");
  if (report->budget)
    alb_json_int(json, (int64_t)report->budget);
  else
    alb_json_null(json);
  alb_json_key(json, "min_fidelity");
  if (report->min_fidelity >= 0)
    alb_json_double(json, report->min_fidelity, 6);
  else
    alb_json_null(json);
}

void alb_auto_json(const alb_auto *report, alb_json *json) {
  if (!report->done) return;
  alb_json_key(json, "auto");
  alb_json_open(json, '{');
  json_goal(report, json);
  alb_json_key(json, "chosen_on_texts");
  alb_json_int(json, (int64_t)report->chosen_on);
  alb_json_key(json, "models_measured");
  alb_json_int(json, (int64_t)report->measured);
  alb_json_key(json, "sharing_chosen");
  alb_json_bool(json, report->shares);
  json_name(json, "verdict", alb_auto_verdict(report));
  json_row(json, "with_sharing", &report->sharing);
  json_row(json, "without_sharing", &report->plain);
  alb_json_close(json, '}');
}
