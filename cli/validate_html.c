/* The report of a validation as a page that stands alone: verdict, table, and a bar for each cosine. */
#include <stdlib.h>

#include "cli/page_out.h"
#include "cli/validate.h"

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{padding:.25em .6em;text-align:right;border-bottom:1px solid #ddd}"
    "th:first-child,td:first-child{text-align:left}tr.output{font-weight:600}"
    ".bar{background:#e8e8e8;width:10em;height:.8em;display:inline-block}.bar "
    "i{display:block;height:100%;background:#2a7}"
    ".pass{color:#185}.fail{color:#b22}code{background:#f3f3f3;padding:0 .3em}";

/* Text that may hold anything, such as a path. */
static void escape(const char *text, FILE *out) {
  for (; *text; text++) {
    if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '>')
      fputs("&gt;", out);
    else if (*text == '&')
      fputs("&amp;", out);
    else if (*text == '"')
      fputs("&quot;", out);
    else
      fputc(*text, out);
  }
}

static void write_row(alb_check *check, FILE *out) {
  alb_comparison *c = &check->comparison;
  const double median = alb_comparison_median_cosine(c);
  fprintf(
      out,
      "<tr%s><td>%s</td><td>%.3g</td><td>%.3g</td><td>%.3g</td><td>%.9f</td><td>%.9f</td><td>%.9f</td><td>%.9f</td>",
      check->is_output ? " class=\"output\"" : "", check->name, c->max_abs, alb_comparison_relative(c),
      alb_comparison_mean_abs(c), alb_comparison_min_cosine(c), alb_comparison_low_cosine(c), median,
      alb_comparison_mean_cosine(c));
  fprintf(out, "<td><span class=\"bar\"><i style=\"width:%.1f%%\"></i></span></td></tr>\n",
          median > 0 ? 100 * median : 0);
}

static void write_head(const alb_report *report, bool passed, FILE *out) {
  fprintf(out,
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>albert-convert validate</title>");
  fprintf(out, "<style>%s</style></head><body>\n<h1 class=\"%s\">%s</h1>\n<p><code>", style, passed ? "pass" : "fail",
          passed ? "PASS" : "FAIL");
  escape(report->model_path, out);
  fprintf(out, "</code> (%s, --share %s) against <code>", report->dtype, report->share);
  escape(report->source_path ? report->source_path : report->against, out);
  fprintf(out, "</code>, %zu sequences, %zu tokens (%s).</p>\n", report->sequences, report->tokens, report->inputs);
  fprintf(out, "<p>%s %.3g, tolerance %.3g.</p>\n",
          report->absolute ? "Largest difference" : "Largest difference / largest magnitude", alb_report_worst(report),
          report->tolerance);
}

static void write_page(alb_report *report, FILE *out) {
  write_head(report, alb_report_worst(report) <= report->tolerance, out);
  fputs(
      "<table><tr><th>output</th><th>max abs</th><th>relative</th><th>mean abs</th><th>cosine min</th>"
      "<th>cosine p5</th><th>cosine median</th><th>cosine mean</th><th></th></tr>\n",
      out);
  for (size_t i = 0; i < report->checks.count; i++) write_row(&report->checks.items[i], out);
  fputs("</table>\n</body></html>\n", out);
}

alb_status alb_report_html(alb_diag *diag, alb_report *report, const char *path) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return alb_fail_memory(diag, size, "the page");
  write_page(report, out);
  const bool written = fclose(out) == 0;
  const alb_status status =
      written ? alb_page_write(diag, path, (alb_str){text, size}) : alb_fail_memory(diag, size, "the page");
  free(text);
  return status;
}
