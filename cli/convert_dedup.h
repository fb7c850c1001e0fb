/* ONNX to ONNX for graphs that are not recognised. */
#ifndef ALB_CLI_CONVERT_DEDUP_H
#define ALB_CLI_CONVERT_DEDUP_H

#include "cli/convert_cli.h"
#include "converter/writer.h"

/* Whether a source that was read, but not recognised, can still be written: from ONNX to ONNX, nothing changed. */
bool alb_dedup_applies(const alb_convert_cli *cli, const alb_loaded *loaded, const alb_form *form);

/* Writes the graph with equal constants stored once, and says why it is no more. `bytes`: of the ONNX file. */
alb_status alb_convert_dedup(alb_diag *diag, const alb_convert_cli *cli, const char *source, const char *reason,
                             alb_span bytes);

#endif
