/* Fuzz target: Snappy. What is made is no larger than was allowed and than the input can hold. */
#include "converter/snappy.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  enum { LIMIT = 1 << 16 };
  uint8_t *copy = fuzz_copy(data, n), *owned;
  alb_span bytes;
  alb_diag diag = {0};
  const alb_status status = alb_snappy_decode(&diag, (alb_span){copy, n}, LIMIT, &owned, &bytes);
  if (status == ALB_OK && (bytes.n > LIMIT || bytes.n > 22 * n)) abort();
  if (status != ALB_OK && (owned || !diag.text)) abort();
  free(owned);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
