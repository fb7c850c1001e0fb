/* A page that stands alone: one frame for every report. No script, no network; readable in print and in the dark.
 *
 * Numbers that a report gives to programs as JSON too are written with their path in it and their text there, as
 * data-key and data-value, so that a test finds each again. */
#ifndef ALB_CLI_PAGE_H
#define ALB_CLI_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"
#include "base/status.h"
#include "cli/convert_cli.h"

/* Start with {0}. Where the page will be: opened before the work, committed after it. */
typedef struct alb_page_place {
  const char *path;          /* borrowed; "-" is standard output */
  struct alb_output *output; /* base/output.h; owned, NULL when there is none */
} alb_page_place;

/* Refuses at once what can't be written: an existing file unless `replace` (ALB_EXISTS), a folder that is not there
 * (ALB_IO). A NULL path is no page. */
alb_status alb_page_place_open(alb_diag *diag, const char *path, bool replace, alb_page_place *out);
/* Opens the place that --report names; names are of files that it must not be, NULL of none. On failure *file is what
 * the message is about. */
alb_status alb_report_place(alb_diag *diag, const alb_convert_cli *cli, const char *const *names, size_t count,
                            alb_page_place *out, const char **file);
bool alb_page_takes_stdout(const alb_page_place *place);
/* Puts the page there, whole or not at all. */
alb_status alb_page_place_commit(alb_diag *diag, alb_page_place *place, alb_str text);
/* The text that `write` writes; *owned is the caller's to free. */
alb_status alb_page_made(alb_diag *diag, void (*write)(FILE *out, void *context), void *context, char **owned,
                         alb_str *text);
/* Both: puts what `page` writes of a report there, given what `json` writes of it. */
alb_status alb_page_put(alb_diag *diag, alb_page_place *place, void (*json)(FILE *out, void *report),
                        void (*page)(FILE *out, void *report, alb_str json), void *report);
/* Drops what was not committed; harmless after commit. */
void alb_page_place_close(alb_page_place *place);

/* How good the news is. */
typedef enum alb_page_tone { ALB_PAGE_GOOD, ALB_PAGE_FAIR, ALB_PAGE_BAD } alb_page_tone;

/* Begin with alb_page_begin. */
typedef struct alb_page {
  FILE *out;
  unsigned charts; /* numbers of ids */
  char key[128];   /* where the next number stands in the JSON; empty: nowhere */
} alb_page;

/* kind: "Conversion"; name: what the page is about, from outside. */
void alb_page_begin(alb_page *page, FILE *out, const char *kind, const char *name);
/* json: the same report for programs, shown at the end; p = NULL: none. */
void alb_page_end(alb_page *page, alb_str json);

/* Text that may hold anything: escaped, what is no UTF-8 or is a control character becomes U+FFFD. */
void alb_page_text(alb_page *page, alb_str text);
/* The same as a name of something, whose direction of writing changes nothing around it. */
void alb_page_name(alb_page *page, const char *name);

/* The word that nobody is to miss; what follows is a sentence, until alb_page_verdict_end. */
void alb_page_verdict(alb_page *page, alb_page_tone tone, const char *word);
void alb_page_verdict_end(alb_page *page);

/* Big numbers in a row: alb_page_tiles, tiles, alb_page_tiles_end. The number is written between tile and tile_end. */
void alb_page_tiles(alb_page *page);
void alb_page_tile(alb_page *page, const char *label);
void alb_page_tile_end(alb_page *page, const char *note);
void alb_page_tiles_end(alb_page *page);

/* lead: a sentence of ours, may be NULL. */
void alb_page_section(alb_page *page, const char *title, const char *lead);
void alb_page_section_end(alb_page *page);

/* A table; heads are joined by '|', the first column is text. A summary folds it away below the chart it belongs to. */
void alb_page_table(alb_page *page, const char *summary, const char *heads);
void alb_page_row(alb_page *page, const char *name); /* begins a row with its name */
void alb_page_row_marked(alb_page *page, const char *name);
void alb_page_table_end(alb_page *page, bool folded);

/* The path of the next number in the JSON. */
void alb_page_key(alb_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Numbers, by themselves; decimals: of the JSON's text; shown: of the page's. */
void alb_page_int(alb_page *page, uint64_t value);
void alb_page_double(alb_page *page, double value, int decimals, int shown);
void alb_page_percent(alb_page *page, double part, int decimals); /* "84 %" */
void alb_page_float(alb_page *page, double value);   /* as alb_json_float writes it, shown with four digits */
void alb_page_bytes(alb_page *page, uint64_t bytes); /* "23.4 MB" */
/* The same as cells of a row. */
void alb_page_int_cell(alb_page *page, uint64_t value);
void alb_page_double_cell(alb_page *page, double value, int decimals, int shown);
void alb_page_float_cell(alb_page *page, double value);
/* With nine digits, as cosines near 1 need. */
void alb_page_cosine_cell(alb_page *page, double value);
void alb_page_text_cell(alb_page *page, const char *text);

/* 23383432 -> "23.4 MB"; returns out. */
const char *alb_bytes_text(uint64_t bytes, char out[32]);

extern const char alb_page_style[];

#endif
