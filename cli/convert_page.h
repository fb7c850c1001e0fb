/* The page of a conversion or healing, and what its charts need beyond the report. */
#ifndef ALB_CLI_CONVERT_PAGE_H
#define ALB_CLI_CONVERT_PAGE_H

#include "cli/auto.h"
#include "cli/measure.h"
#include "cli/page.h"
#include "passes/layer_signature.h"

/* All that a report says, as text, JSON or page. Borrowed but for the arena. */
typedef struct alb_convert_report {
  const alb_convert_cli *cli;
  const char *source;
  const alb_loaded *loaded;
  const alb_conversion *conversion;
  const alb_measured *measured;
  alb_auto *chosen;                  /* its sizes are filled in once they are known */
  const alb_layer_signature *layers; /* of the source; NULL: no page is wanted */
} alb_convert_report;

/* How far a parameter, or all the matrices of a lossy fold, moved: a part of their size (root of mean square). */
double alb_fold_change_moved(const alb_fold_change *change);
double alb_fold_moved(const alb_fold_report *fold);
/* The largest change of a number by sharing what is equal up to rounding, with or without factors. */
double alb_fold_max_delta(const alb_fold_report *fold);

/* Bytes by part, which layer uses which set, how alike the source's layers are: keys of the report's object. */
void alb_convert_chart_json(alb_json *json, const alb_convert_report *report);
/* json: the report as it goes to standard output. */
alb_status alb_convert_page(alb_diag *diag, const alb_convert_report *report, void (*json)(FILE *out, void *report),
                            alb_page_place *place);

#endif
