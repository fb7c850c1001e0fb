/* Fuzz target: the .alb reader, with the checksums as they come and with repaired ones. */
#include <stdio.h>

#include "format/reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/assemble.h"

static void open_and_look(uint8_t *bytes, size_t n) {
  alb_reader *reader = NULL;
  unsigned sum = 0;
  if (alb_reader_open_bytes(NULL, (alb_span){bytes, n}, NULL, &reader) != ALB_OK) return;
  for (size_t i = 0; i < alb_reader_blob_count(reader); i++) {
    const alb_span blob = alb_reader_blob(reader, i).bytes;
    sum += blob.p[0] + blob.p[blob.n - 1];
  }
  for (size_t i = 0; i < alb_reader_token_count(reader); i++) sum += (unsigned)alb_reader_token(reader, i).n;
  if (sum == 12345) (void)putchar(0); /* so that the reads are not dropped */
  alb_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n); /* of the exact size, so that ASan sees one byte too much */
  open_and_look(copy, n);
  image_repair(copy, n);
  open_and_look(copy, n);
  free(copy);
  return 0;
}
