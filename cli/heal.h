/* What the command heal adds to a conversion. */
#ifndef ALB_CLI_HEAL_H
#define ALB_CLI_HEAL_H

#include "cli/convert_cli.h"
#include "cli/json_out.h"
#include "cli/source_texts.h"
#include "converter/convert.h"

/* Start with {0}; alb_heal_end at the end. */
typedef struct alb_heal {
  alb_source_texts texts, eval;
  alb_train_options options;
  char *checkpoint; /* its path, owned */
  bool shown;       /* a line of progress stands on the terminal */
  double last;      /* part done when it was written */
} alb_heal;

/* Reads the texts and fills options->heal, which borrows *heal. Errors: ALB_USAGE, ALB_UNSUPPORTED for a source without
 * roles, ALB_EXISTS for a checkpoint that would be dropped, those of alb_source_texts_read. */
alb_status alb_heal_begin(alb_diag *diag, const alb_convert_cli *cli, const alb_loaded *loaded, alb_heal *heal,
                          alb_convert_options *options, const char **file);

/* Frees all; after success the checkpoint is removed. */
void alb_heal_end(alb_heal *heal, bool success);

void alb_heal_print(const alb_train_report *report);
void alb_heal_json(alb_json *json, const alb_train_report *report);

#endif
