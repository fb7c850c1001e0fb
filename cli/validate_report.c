/* The report of a validation: as text, as JSON, as a page. */
#include <math.h>

#include "cli/json_out.h"
#include "cli/validate.h"
#include "graph/heads.h"

alb_check *alb_report_check(alb_report *report, const char *name, bool is_output) {
  for (size_t i = 0; i < report->checks.count; i++) {
    if (strcmp(report->checks.items[i].name, name) == 0) return &report->checks.items[i];
  }
  alb_check check = {.is_output = is_output};
  (void)snprintf(check.name, sizeof check.name, "%s", name);
  return alb_vec_push(&report->checks, check) ? &report->checks.items[report->checks.count - 1] : NULL;
}

double alb_report_figure(const alb_report *report, const alb_check *check) {
  return report->absolute ? check->comparison.max_abs : alb_comparison_relative(&check->comparison);
}

double alb_report_worst(const alb_report *report) {
  double worst = 0;
  for (size_t i = 0; i < report->checks.count; i++) {
    if (report->checks.items[i].is_output) worst = fmax(worst, alb_report_figure(report, &report->checks.items[i]));
  }
  return worst;
}

void alb_report_free(alb_report *report) {
  for (size_t i = 0; i < report->checks.count; i++) alb_comparison_free(&report->checks.items[i].comparison);
  alb_vec_free(&report->checks);
}

static const char *tolerance_kind(const alb_report *report) {
  return report->absolute ? "largest difference" : "largest difference / largest magnitude";
}

static bool passed(const alb_report *report) {
  return alb_report_worst(report) <= report->tolerance;
}

/* Outputs of which the largest number is the answer. */
static bool has_argmax(const char *name) {
  const alb_head head = alb_head_by_function(name);
  return head != ALB_HEAD_COUNT && alb_head_info(head)->picks;
}

void alb_report_print(alb_report *report, FILE *out) {
  fprintf(out, "%s (%s, --share %s) against %s\n", report->model_path, report->dtype, report->share,
          report->source_path ? report->source_path : report->against);
  fprintf(out, "  inputs: %zu sequences, %zu tokens (%s)\n\n", report->sequences, report->tokens, report->inputs);
  fprintf(out, "  %-10s %11s %11s %11s %13s %13s %13s %13s  %s\n", "output", "max abs", "relative", "mean abs",
          "cosine min", "cosine p5", "cosine median", "cosine mean", "same argmax");
  for (size_t i = 0; i < report->checks.count; i++) {
    alb_check *check = &report->checks.items[i];
    alb_comparison *c = &check->comparison;
    fprintf(out, "  %-10s %11.3g %11.3g %11.3g %13.9f %13.9f %13.9f %13.9f", check->name, c->max_abs,
            alb_comparison_relative(c), alb_comparison_mean_abs(c), alb_comparison_min_cosine(c),
            alb_comparison_low_cosine(c), alb_comparison_median_cosine(c), alb_comparison_mean_cosine(c));
    if (has_argmax(check->name)) fprintf(out, "  %zu of %zu", c->agree, c->rows);
    fputc('\n', out);
  }
  fprintf(out, "\n%s: %s %.3g, tolerance %.3g%s\n", passed(report) ? "PASS" : "FAIL", tolerance_kind(report),
          alb_report_worst(report), report->tolerance, report->absolute ? " (--atol)" : "");
}

static void json_check(alb_json *json, alb_check *check) {
  alb_comparison *c = &check->comparison;
  alb_histogram histogram = {0};
  const struct {
    const char *key;
    double value;
  } numbers[] = {{"max_abs_diff", c->max_abs},
                 {"relative", alb_comparison_relative(c)},
                 {"mean_abs_diff", alb_comparison_mean_abs(c)},
                 {"cosine_min", alb_comparison_min_cosine(c)},
                 {"cosine_p5", alb_comparison_low_cosine(c)},
                 {"cosine_median", alb_comparison_median_cosine(c)},
                 {"cosine_mean", alb_comparison_mean_cosine(c)}};
  alb_json_open(json, '{');
  alb_json_key(json, "name");
  alb_json_text(json, alb_str_of(check->name));
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    alb_json_key(json, numbers[i].key);
    alb_json_float(json, (float)numbers[i].value);
  }
  alb_json_key(json, "rows");
  alb_json_int(json, (int64_t)c->rows);
  alb_json_key(json, "same_argmax");
  alb_json_int(json, (int64_t)c->agree);
  alb_comparison_histogram(c, &histogram);
  if (check->is_output) {
    alb_json_key(json, "histogram");
    alb_histogram_json(json, &histogram);
  }
  alb_json_close(json, '}');
}

void alb_report_json(alb_report *report, FILE *out) {
  alb_json json = {.file = out};
  alb_json_open(&json, '{');
  alb_json_key(&json, "ok");
  alb_json_bool(&json, passed(report));
  alb_json_key(&json, "model");
  alb_json_text(&json, alb_str_of(report->model_path));
  alb_json_key(&json, "against");
  alb_json_text(&json, alb_str_of(report->source_path ? report->source_path : report->against));
  alb_json_key(&json, "dtype");
  alb_json_text(&json, alb_str_of(report->dtype));
  alb_json_key(&json, "share");
  alb_json_text(&json, alb_str_of(report->share));
  alb_json_key(&json, "sequences");
  alb_json_int(&json, (int64_t)report->sequences);
  alb_json_key(&json, "tokens");
  alb_json_int(&json, (int64_t)report->tokens);
  alb_json_key(&json, "tolerance");
  alb_json_float(&json, (float)report->tolerance);
  alb_json_key(&json, "tolerance_of");
  alb_json_text(&json, alb_str_of(tolerance_kind(report)));
  alb_json_key(&json, "worst");
  alb_json_float(&json, (float)alb_report_worst(report));
  alb_json_key(&json, "histogram_edges");
  alb_histogram_edges_json(&json);
  alb_json_key(&json, "outputs");
  alb_json_open(&json, '[');
  for (size_t i = 0; i < report->checks.count; i++) json_check(&json, &report->checks.items[i]);
  alb_json_close(&json, ']');
  alb_json_close(&json, '}');
  alb_json_line(&json);
}
