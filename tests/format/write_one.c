/* Writes the tiny model over a path: write_one PATH. What the fault tests interrupt. */
#include <signal.h>
#include <stdio.h>

#include "tests/support/tiny_model.h"

int main(int argc, char **argv) {
  alb_arena arena = {0};
  alb_diag diag = {0};
  (void)signal(SIGXFSZ, SIG_IGN);
  const alb_status status = argc == 2 ? tiny_file(&diag, argv[1], tiny_manifest(&arena), false) : ALB_USAGE;
  if (status != ALB_OK) fprintf(stderr, "write_one: %s\n", alb_diag_text(&diag, status));
  alb_diag_free(&diag);
  alb_arena_free(&arena);
  return alb_status_exit_code(status);
}
