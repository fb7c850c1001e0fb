/* Proving a model: what was compared, how far apart it is, and what is allowed. */
#ifndef ALB_CLI_VALIDATE_H
#define ALB_CLI_VALIDATE_H

#include "albert.h"
#include "cli/compare.h"
#include "cli/convert_cli.h"
#include "cli/page.h"

/* One line of the report. Layers are informative, outputs decide. */
typedef struct alb_check {
  char name[32];  /* "layer 3", "hidden", "embed", "mlm" */
  bool is_output; /* counts for the verdict */
  alb_comparison comparison;
} alb_check;

typedef struct alb_report {
  const char *against; /* "SOURCE", or "golden outputs" */
  const char *model_path, *source_path, *dtype, *share, *inputs;
  size_t sequences, tokens;
  ALB_VEC(alb_check) checks;
  double tolerance;
  bool absolute; /* the tolerance is of differences; else of differences / largest magnitude */
} alb_report;

/* The check of that name, made when it is not there; NULL: out of memory. */
alb_check *alb_report_check(alb_report *report, const char *name, bool is_output);
/* What the tolerance is about: the largest difference, or that as part of the largest magnitude. */
double alb_report_figure(const alb_report *report, const alb_check *check);
/* The largest figure that the tolerance is about, over all outputs. */
double alb_report_worst(const alb_report *report);
void alb_report_free(alb_report *report);

/* A model opened for validation. */
typedef struct alb_subject {
  const char *path;
  alb_model *model;
  alb_session *session;
  alb_model_info info;
} alb_subject;

alb_status alb_subject_open(alb_diag *diag, const char *path, size_t threads, alb_subject *out);
void alb_subject_close(alb_subject *subject);
/* Runs one output of the runtime; values has room for rows * width floats. */
alb_status alb_subject_run(alb_diag *diag, const alb_subject *subject, const alb_batch *batch, const char *output,
                           float *values, size_t capacity);

/* Compares the source, run by the interpreter, with the model, on built-in ids or the lines of a file. */
alb_status alb_validate_source(alb_diag *diag, const char *source, const alb_subject *subject, const char *text_path,
                               alb_report *report, const char **file);
/* Compares the golden outputs in the model's file with what the model gives. */
alb_status alb_validate_golden(alb_diag *diag, const alb_subject *subject, alb_report *report);

void alb_report_print(alb_report *report, FILE *out);
void alb_report_json(alb_report *report, FILE *out);
alb_status alb_report_page(alb_diag *diag, alb_report *report, alb_page_place *place);

#endif
