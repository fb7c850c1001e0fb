/* The golden outputs of a file against what its model gives here and now. */
#include <stdlib.h>

#include "cli/validate.h"
#include "format/reader.h"

/* The runtime's name for a function's output. */
static const char *output_name(const char *function) {
  return strcmp(function, "encoder") == 0 ? "hidden" : function;
}

static alb_status compare_output(alb_diag *diag, const alb_subject *subject, const alb_batch *whole,
                                 const Alb__GoldenOutput *golden, const size_t *tokens, alb_report *report) {
  const size_t rows = (size_t)golden->dims[0], width = (size_t)golden->dims[1];
  alb_batch batch = *whole;
  if (strcmp(golden->function, "mlm") == 0) {
    batch.rows = tokens;
    batch.row_count = rows;
  }
  float *got = malloc(golden->values.len), *expected = malloc(golden->values.len);
  alb_status status = got && expected ? ALB_OK : alb_fail_memory(diag, golden->values.len, "golden outputs");
  if (status == ALB_OK) {
    memcpy(expected, golden->values.data, golden->values.len);
    status = alb_subject_run(diag, subject, &batch, output_name(golden->function), got, rows * width);
  }
  alb_check *check = status == ALB_OK ? alb_report_check(report, output_name(golden->function), true) : NULL;
  if (status == ALB_OK && (!check || !alb_comparison_add(&check->comparison, expected, got, rows, width))) {
    status = alb_fail_memory(diag, rows * sizeof(double), "the comparison");
  }
  free(got);
  free(expected);
  return status;
}

static alb_status compare_golden(alb_diag *diag, const alb_subject *subject, const Alb__Golden *golden,
                                 alb_report *report) {
  const size_t length = golden->n_ids;
  size_t *tokens = calloc(length, sizeof *tokens);
  int32_t *ids = calloc(2 * length, sizeof *ids), *type_ids = ids ? ids + length : NULL;
  alb_status status = tokens && ids ? ALB_OK : alb_fail_memory(diag, length * sizeof *tokens, "token ids");
  for (size_t i = 0; status == ALB_OK && i < length; i++) {
    tokens[i] = i;
    ids[i] = (int32_t)golden->ids[i];
    type_ids[i] = (int32_t)golden->type_ids[i];
  }
  const alb_batch batch = {.size = sizeof batch, .count = 1, .lengths = &length, .ids = ids, .type_ids = type_ids};
  for (size_t i = 0; status == ALB_OK && i < golden->n_outputs; i++) {
    status = compare_output(diag, subject, &batch, golden->outputs[i], tokens, report);
  }
  report->sequences++;
  report->tokens += length;
  free(tokens);
  free(ids);
  return status;
}

alb_status alb_validate_golden(alb_diag *diag, const alb_subject *subject, alb_report *report) {
  alb_reader *reader = NULL;
  ALB_TRY(alb_reader_open(diag, subject->path, NULL, &reader));
  const Alb__Manifest *manifest = alb_reader_manifest(reader);
  alb_status status = manifest->n_golden ? ALB_OK : alb_fail(diag, ALB_MISSING, "the file carries no golden outputs");
  for (size_t i = 0; status == ALB_OK && i < manifest->n_golden; i++) {
    status = compare_golden(diag, subject, manifest->golden[i], report);
  }
  alb_reader_close(reader);
  return status;
}
