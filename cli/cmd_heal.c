/* albert-convert heal: a conversion whose fold is trained. */
#include "cli/convert_cli.h"

alb_status alb_cmd_heal(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, const char **file) {
  alb_convert_cli healing = *cli;
  healing.healing = true;
  if (!healing.share) healing.share = "all";
  if (!cli->text) return alb_fail(diag, ALB_USAGE, "no texts to learn from were named: --text FILE");
  if (cli->steps && cli->minutes > 0) return alb_fail(diag, ALB_USAGE, "--steps and --minutes exclude each other");
  return alb_cmd_convert(diag, &healing, args, file);
}
