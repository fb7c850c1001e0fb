/* Fuzz target: input lines with two texts. Texts lie in the memory that the line's size allows, a refusal says why. */
#include "cli/run_pairs.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static const alb_pair_keys keys = {.first = "text", .second = "text_pair", .second_optional = true};
  uint8_t *copy = fuzz_copy(data, n);
  alb_diag diag = {0};
  alb_pair pair;
  const alb_status status = alb_pair_parse(&diag, (alb_str){(const char *)copy, n}, &keys, &pair);
  if (status == ALB_OK && (!pair.first.p || pair.first.n + pair.second.n > n)) abort();
  if (status != ALB_OK && !diag.text) abort();
  alb_pair_free(&pair);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
