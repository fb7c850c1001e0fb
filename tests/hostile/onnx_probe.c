/* Reads an ONNX file and, when its graph has no inputs, runs it within bounds; prints what came of it:
 * "STATUS<tab>message". For run_onnx.py. */
#include <stdio.h>
#include <stdlib.h>

#include "converter/onnx/onnx_eval.h"

static alb_status run(alb_diag *diag, const alb_onnx_model *model) {
  const alb_onnx_limits limits = {.tensor_bytes = 1 << 22, .work = 1 << 26};
  const alb_onnx_graph *graph = &model->graphs.items[0];
  alb_onnx_tensor *outputs = calloc(graph->output_count + 1, sizeof *outputs);
  if (!outputs) return ALB_MEMORY;
  const alb_status status = graph->input_count ? ALB_OK : alb_onnx_run(diag, model, NULL, &limits, outputs);
  for (size_t i = 0; i < graph->output_count; i++) alb_onnx_tensor_free(&outputs[i]);
  free(outputs);
  return status;
}

/* The path up to its last slash. */
static const char *folder_of(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash) return ".";
  *slash = '\0';
  return path;
}

int main(int argc, char **argv) {
  alb_diag diag = {0};
  alb_file file = {0};
  alb_onnx_model model = {0};
  if (argc != 2) return 2;
  alb_status status = alb_file_map(&diag, argv[1], &file);
  if (status == ALB_OK) status = alb_onnx_read(&diag, file.bytes, folder_of(argv[1]), &model);
  if (status == ALB_OK) status = run(&diag, &model);
  printf("%s\t%s\n", alb_status_name(status), alb_diag_text(&diag, status));
  alb_onnx_model_free(&model);
  alb_file_unmap(&file);
  alb_diag_free(&diag);
  return alb_status_exit_code(status);
}
