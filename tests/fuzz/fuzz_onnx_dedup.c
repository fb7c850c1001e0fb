/* Fuzz target: finding equal constants in ONNX files. */
#include "converter/onnx/onnx_dedup.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  alb_onnx_dedup_report report;
  alb_diag diag = {0};
  if (alb_onnx_dedup_bytes(&diag, (alb_span){copy, n}, NULL, false, &report) == ALB_OK) {
    if (report.constants_after > report.constants_before || report.bytes_before != n) abort();
    if (report.constants_after == report.constants_before && report.bytes_after > n) abort(); /* only a head changes */
  } else if (!diag.text) {
    abort(); /* every refusal says why */
  }
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
