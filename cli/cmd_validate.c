/* albert-convert validate [SOURCE] MODEL */
#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "cli/validate.h"
#include "format/reader.h"

/* Largest difference / largest magnitude that is allowed when --atol says nothing. */
static const struct {
  const char *dtype;
  double tolerance;
} tolerances[] = {{"f32", 2e-5},  {"f16", 5e-3},  {"bf16", 5e-2}, {"int8", 2e-1},
                  {"int6", 2e-1}, {"int5", 4e-1}, {"int4", 6e-1}};

static double default_tolerance(const char *dtype) {
  for (size_t i = 0; i < sizeof tolerances / sizeof tolerances[0]; i++) {
    if (strcmp(dtype, tolerances[i].dtype) == 0) return tolerances[i].tolerance;
  }
  return 2e-5;
}

/* The loosest of those of the tensors' dtypes. */
static alb_status default_tolerance_of(alb_diag *diag, const char *path, double *out) {
  alb_reader *reader = NULL;
  ALB_TRY(alb_reader_open(diag, path, NULL, &reader));
  const Alb__Manifest *manifest = alb_reader_manifest(reader);
  *out = default_tolerance("f32");
  for (size_t i = 0; i < manifest->n_tensors; i++) {
    *out = fmax(*out, default_tolerance(alb_dtype_name((alb_dtype)manifest->tensors[i]->dtype)));
  }
  alb_reader_close(reader);
  return ALB_OK;
}

alb_status alb_subject_open(alb_diag *diag, const char *path, size_t threads, alb_subject *out) {
  alb_error error = {{0}};
  const alb_session_options options = {.size = sizeof options, .threads = (int)threads};
  *out = (alb_subject){.path = path, .info = {.size = sizeof out->info}};
  alb_status status = alb_model_open(path, NULL, &out->model, &error);
  if (status == ALB_OK) status = alb_session_new(out->model, &options, &out->session, &error);
  if (status != ALB_OK) return alb_fail(diag, status, "%s", error.text);
  return alb_model_get_info(out->model, &out->info);
}

void alb_subject_close(alb_subject *subject) {
  alb_session_free(subject->session);
  alb_model_free(subject->model);
}

alb_status alb_subject_run(alb_diag *diag, const alb_subject *subject, const alb_batch *batch, const char *output,
                           float *values, size_t capacity) {
  alb_error error = {{0}};
  const alb_output out = {output, values, capacity};
  const alb_status status = alb_run(subject->session, batch, &out, 1, &error);
  return status == ALB_OK ? ALB_OK : alb_fail(diag, status, "%s", error.text);
}

static alb_status verdict(alb_diag *diag, const alb_report *report) {
  const double worst = alb_report_worst(report);
  if (worst <= report->tolerance) return ALB_OK;
  return alb_fail(diag, ALB_DIFFERS, "differs from %s: %.3g is above the tolerance %.3g",
                  report->source_path ? report->source_path : report->against, worst, report->tolerance);
}

static alb_status compare(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, const alb_subject *subject,
                          alb_report *report, alb_page_place *place, const char **file) {
  report->dtype = subject->info.dtype;
  report->share = subject->info.share;
  report->absolute = cli->atol >= 0;
  report->tolerance = cli->atol;
  if (!report->absolute) ALB_TRY(default_tolerance_of(diag, subject->path, &report->tolerance));
  ALB_TRY(args->operand_count == 2 ? alb_validate_source(diag, args->operands[0], subject, cli->text, report, file)
                                   : alb_validate_golden(diag, subject, report));
  if (cli->json) alb_report_json(report, stdout);
  if (!cli->json && !cli->quiet) alb_report_print(report, alb_page_takes_stdout(place) ? stderr : stdout);
  if (cli->report) {
    *file = cli->report;
    ALB_TRY(alb_report_page(diag, report, place));
  }
  *file = subject->path;
  return verdict(diag, report);
}

static alb_status validate(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, alb_report *report,
                           alb_page_place *place, const char **file) {
  alb_subject subject = {0};
  *file = report->model_path;
  alb_status status = alb_subject_open(diag, report->model_path, cli->threads, &subject);
  if (status == ALB_OK) status = compare(diag, cli, args, &subject, report, place, file);
  alb_subject_close(&subject);
  return status;
}

alb_status alb_cmd_validate(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, const char **file) {
  alb_report report = {.against = "golden outputs", .inputs = "golden inputs"};
  alb_page_place place = {0};
  if (args->operand_count < 1 || args->operand_count > 2) {
    return alb_fail(diag, ALB_USAGE, "validate: expected SOURCE MODEL, or MODEL alone, got %zu names",
                    args->operand_count);
  }
  if (cli->text && args->operand_count == 1) return alb_fail(diag, ALB_USAGE, "validate: --text needs a SOURCE");
  report.model_path = args->operands[args->operand_count - 1];
  if (args->operand_count == 2) report.source_path = args->operands[0];
  const char *const inputs[] = {report.model_path, report.source_path, cli->text};
  ALB_TRY(alb_report_place(diag, cli, inputs, sizeof inputs / sizeof *inputs, &place, file));
  const alb_status status = validate(diag, cli, args, &report, &place, file);
  alb_page_place_close(&place);
  alb_report_free(&report);
  return status;
}
