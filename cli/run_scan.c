/* Input lines that are JSON, a character after the other. */
#include "cli/run_scan.h"

alb_status alb_line_unexpected(const alb_line *line, const char *expected) {
  return alb_fail(line->diag, ALB_MALFORMED, "expected %s at byte %zu", expected, (size_t)(line->p - line->begin));
}

void alb_line_skip_space(alb_line *line) {
  while (line->p < line->end && (*line->p == ' ' || *line->p == '\t' || *line->p == '\r' || *line->p == '\n'))
    line->p++;
}

bool alb_line_take(alb_line *line, char c) {
  alb_line_skip_space(line);
  if (line->p == line->end || *line->p != c) return false;
  line->p++;
  return true;
}
