/* Input lines that are JSON, a character after the other. */
#ifndef ALB_CLI_RUN_SCAN_H
#define ALB_CLI_RUN_SCAN_H

#include "base/span.h"
#include "base/status.h"

typedef struct alb_line {
  alb_diag *diag;
  const char *begin, *p, *end; /* p: what comes next */
  char *out;                   /* where the next text goes; NULL when the line has none */
} alb_line;

/* ALB_MALFORMED, saying what was expected at p. */
alb_status alb_line_unexpected(const alb_line *line, const char *expected);
void alb_line_skip_space(alb_line *line);
/* Takes the character if it comes next, behind white space. */
bool alb_line_take(alb_line *line, char c);

#endif
