/* albert-convert inspect FILE-OR-DIR */
#include "cli/inspect.h"

alb_status alb_cmd_inspect(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, const char **file) {
  alb_inspection inspection = {.align = cli->align};
  if (args->operand_count != 1) {
    return alb_fail(diag, ALB_USAGE, "inspect: expected one FILE-OR-DIR, got %zu", args->operand_count);
  }
  *file = args->operands[0];
  const alb_status status = alb_inspect(diag, args->operands[0], &inspection);
  if (status == ALB_OK && cli->json) alb_inspection_json(&inspection, stdout);
  if (status == ALB_OK && !cli->json) alb_inspection_print(&inspection, stdout);
  alb_inspection_free(&inspection);
  return status;
}
