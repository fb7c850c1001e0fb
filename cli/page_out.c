/* Writing a text file at once, whole or not at all. */
#include "cli/page_out.h"

#include "base/output.h"

alb_status alb_page_write(alb_diag *diag, const char *path, alb_str text) {
  alb_output out;
  ALB_TRY(alb_output_open(diag, path, true, &out));
  alb_status status = alb_output_write(diag, &out, 0, text.p, text.n);
  if (status == ALB_OK) status = alb_output_commit(diag, &out);
  alb_output_abort(&out);
  return status;
}
