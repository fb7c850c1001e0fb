/* --share auto: what layers share and how numbers are stored, chosen by measured damage. */
#ifndef ALB_CLI_AUTO_H
#define ALB_CLI_AUTO_H

#include "cli/convert_cli.h"
#include "cli/embed_figures.h"
#include "cli/json_out.h"
#include "converter/convert.h"
#include "tune/choose.h"

/* The best that a search found. */
typedef struct alb_auto_row {
  bool any;            /* there was something to choose from */
  bool found;          /* it meets what was asked for; else it is the nearest */
  alb_choice choice;   /* groups: in the report's arena */
  const char *options; /* that make the same again; in the arena */
  uint64_t bytes;
  alb_embed_figures figures; /* on lines that nothing was chosen on */
} alb_auto_row;

/* Start with {0}; alb_auto_free at the end. */
typedef struct alb_auto {
  alb_arena arena;
  bool done; /* false: --share auto was not asked for */
  uint64_t budget;
  double min_fidelity; /* < 0: none */
  size_t chosen_on;    /* texts */
  size_t measured;     /* models, on these */
  alb_auto_row sharing, plain;
  bool shares; /* sharing was chosen */
} alb_auto;

/* Refuses options that do not go together (ALB_USAGE). */
alb_status alb_auto_check(alb_diag *diag, const alb_convert_cli *cli);
bool alb_auto_asked(const alb_convert_cli *cli);

/* Searches twice, with and without sharing, and fills *options with the better choice. What is chosen is chosen on the
 * first, third ... line of cli->text; figures are of the others. Errors: ALB_LOSSY when nothing meets --budget and
 * --min-fidelity. On failure *file is what the message is about. */
alb_status alb_auto_choose(alb_diag *diag, const alb_convert_cli *cli, alb_loaded *loaded, alb_convert_options *options,
                           alb_auto *out, const char **file);
/* The file has that many bytes: a few less, perhaps, than the one that was measured, for the words of a measurement. */
void alb_auto_written(alb_auto *report, uint64_t bytes);
void alb_auto_free(alb_auto *report);

/* (auto_report.c) */
void alb_auto_print(const alb_auto *report, FILE *out);
/* What the comparison says, in one sentence. */
const char *alb_auto_verdict(const alb_auto *report);
/* The key "auto" with an object, where it was asked for. */
void alb_auto_json(const alb_auto *report, alb_json *json);

#endif
