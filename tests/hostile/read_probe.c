/* Reads a source as a conversion would and prints what came of it: "STATUS<tab>message". For run_hostile.py. */
#include <stdio.h>

#include "converter/model_load.h"

int main(int argc, char **argv) {
  alb_loaded loaded = {0};
  alb_diag diag = {0};
  if (argc != 2) return 2;
  const alb_status status = alb_model_load(&diag, argv[1], &loaded);
  printf("%s\t%s\n", alb_status_name(status), alb_diag_text(&diag, status));
  alb_model_unload(&loaded);
  alb_diag_free(&diag);
  return alb_status_exit_code(status);
}
