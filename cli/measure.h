/* Measuring a conversion on texts before it is written: the source, the output and a control, run side by side. */
#ifndef ALB_CLI_MEASURE_H
#define ALB_CLI_MEASURE_H

#include "cli/convert_cli.h"
#include "cli/embed_figures.h"
#include "cli/json_out.h"
#include "converter/convert.h"

/* Tokens that are run: more change the figures little. */
enum { ALB_MEASURED_TOKENS = 1 << 15 };

/* Start with {0}. */
typedef struct alb_measured {
  size_t texts, tokens; /* texts 0: not measured */
  char hash[33];        /* of the file */
  char line[192];       /* the figures as words, for the provenance */
  alb_embed_figures model, control, deleted;
  const char *control_dtype;    /* static; NULL: no control (the source is quantised already) */
  bool control_tables;          /* the control has that type in its tables only */
  size_t deleted_layer, layers; /* the one that was left out, from 1, of so many; 0: none was */
  uint64_t bytes, control_bytes, deleted_bytes;
  alb_embed_figures other; /* of the type that is no control, for the page; NULL: not measured */
  const char *other_dtype;
  uint64_t other_bytes;
} alb_measured;

/* Converts into a folder of its own under $TMPDIR, which goes again: as asked for; with nothing shared and nothing
 * narrowed; and, as controls, with int8 or int4 alone, whichever is nearer in bytes to what was asked for (for a
 * factored table of words these are of the tables, and the rest as asked for), and, beside a lossy fold, the source
 * without one layer: the one whose loss costs least on the first texts. Compares embeddings of every second line of
 * cli->text. Below cli->min_fidelity: ALB_LOSSY. On failure *file is what the message is about. */
alb_status alb_measure(alb_diag *diag, const alb_convert_cli *cli, alb_loaded *loaded,
                       const alb_convert_options *options, alb_measured *out, const char **file);

/* (measured_report.c) */
void alb_measured_print(const alb_measured *measured, FILE *out);
/* An object, or null when nothing was measured. */
void alb_measured_json(const alb_measured *measured, alb_json *json);

#endif
