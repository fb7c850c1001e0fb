/* ONNX to ONNX for graphs that are not recognised: equal constants are stored once, the rest stays byte for byte. */
#include <stdio.h>

#include "cli/convert_dedup.h"
#include "cli/json_out.h"
#include "converter/onnx/onnx_dedup.h"

bool alb_dedup_applies(const alb_convert_cli *cli, const alb_loaded *loaded, const alb_form *form) {
  const bool changed = cli->share || cli->groups || cli->keep_first || cli->keep_last || cli->fold_method ||
                       cli->calib || cli->share_norms || cli->dtype || cli->embeddings || cli->task || cli->opset ||
                       cli->onnx_functions || cli->onnx_int8 || cli->onnx_external || cli->text || cli->report;
  return loaded->source.onnx && !changed && strcmp(form->name, "onnx") == 0;
}

static void print_json(const alb_convert_cli *cli, const char *source, const char *reason,
                       const alb_onnx_dedup_report *report) {
  const struct {
    const char *key, *text;
  } texts[] = {{"source", source}, {"output", cli->output}, {"form", "onnx"}, {"not_recognised", reason}};
  const struct {
    const char *key;
    uint64_t value;
  } numbers[] = {{"source_bytes", report->bytes_before},
                 {"bytes", report->bytes_after},
                 {"source_constants", report->constants_before},
                 {"constants", report->constants_after}};
  alb_json json = {.file = stdout};
  alb_json_open(&json, '{');
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    alb_json_key(&json, texts[i].key);
    alb_json_text(&json, alb_str_of(texts[i].text));
  }
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    alb_json_key(&json, numbers[i].key);
    alb_json_int(&json, (int64_t)numbers[i].value);
  }
  alb_json_key(&json, "lossless");
  alb_json_bool(&json, true);
  alb_json_close(&json, '}');
  alb_json_line(&json);
}

static void print_report(const alb_convert_cli *cli, const char *source, const char *reason,
                         const alb_onnx_dedup_report *report) {
  char a[32], b[32];
  fprintf(stderr, "%s: an ONNX graph, not read as a BERT or ALBERT:\n  %s\n", source, reason);
  fprintf(stderr, "  source    %15s bytes, %zu constants\n", alb_grouped(report->bytes_before, a),
          report->constants_before);
  fprintf(stderr, "  %-9s %15s bytes (%.1f %%), %zu constants: equal ones are stored once\n",
          cli->dry_run ? "would be" : "output", alb_grouped(report->bytes_after, b),
          100.0 * (double)report->bytes_after / (double)(report->bytes_before ? report->bytes_before : 1),
          report->constants_after);
  fprintf(stderr, "  LOSSLESS  all else is the source's, byte for byte\n");
}

alb_status alb_convert_dedup(alb_diag *diag, const alb_convert_cli *cli, const char *source, const char *reason,
                             alb_span bytes) {
  alb_onnx_dedup_report report;
  ALB_TRY(alb_onnx_dedup_bytes(diag, bytes, cli->dry_run ? NULL : cli->output, cli->force, &report));
  if (cli->json) print_json(cli, source, reason, &report);
  if (!cli->json && !cli->quiet) print_report(cli, source, reason, &report);
  return ALB_OK;
}
