/* Fuzz target: telling a source's form by content, and the safetensors reader. All bytes of all tensors that it
 * finds are looked at, as weights and as bytes. */
#include "converter/finite.h"
#include "converter/reader.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  const alb_file file = {.bytes = {copy, n}};
  alb_source source = {0};
  alb_diag diag = {0};
  if (alb_reader_dispatch(&diag, &source, &file) == ALB_OK) {
    size_t total = 0;
    for (size_t i = 0; i < source.tensors.tensors.count; i++) {
      const alb_tensor *t = &source.tensors.tensors.items[i];
      const alb_span bytes = source.tensors.blobs.items[t->blob].bytes;
      (void)alb_check_finite(NULL, t->name, t->dtype, bytes);
      (void)alb_hash_bytes(bytes);
      total += bytes.n;
    }
    if (total >= n && !source.rooms.count) abort(); /* tensors never overlap */
  } else if (!diag.text) {
    abort(); /* every refusal says why */
  }
  alb_source_free(&source);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
