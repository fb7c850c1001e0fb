/* The commands of albert-convert and what they share. */
#ifndef ALB_CLI_CONVERT_CLI_H
#define ALB_CLI_CONVERT_CLI_H

#include "cli/args.h"

/* Options of all commands; each command reads its own. Set to zero before parsing. */
typedef struct alb_convert_cli {
  const char *output, *share, *groups, *dtype, *embeddings, *task, *print_after, *text, *report, *fold_method, *calib,
      *eval;
  double minutes, lr;
  size_t steps, seed, save_steps;
  bool resume, healing; /* healing: set by the command heal */
  uint64_t budget;
  size_t threads, opset, keep_first, keep_last, embedding_size, residual;
  uint64_t onnx_external;
  const char *onnx_int8;
  double atol, min_fidelity; /* < 0: not given */
  bool share_norms, align, onnx_functions, require_lossless, compress, force, dry_run, json, quiet, no_progress;
  unsigned verbose;
} alb_convert_cli;

/* A command: its options and operands. On failure *file is what the message is about (borrowed). */
typedef alb_status alb_convert_command(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args,
                                       const char **file);

alb_convert_command alb_cmd_convert, alb_cmd_heal, alb_cmd_inspect, alb_cmd_validate;

/* 1234567 -> "1,234,567"; returns out. */
const char *alb_grouped(uint64_t n, char out[32]);

#endif
