/* What every fuzz target includes. A target is one file fuzz_NAME.c; its seeds lie in corpus/NAME. */
#ifndef ALB_TESTS_FUZZ_H
#define ALB_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A copy in memory of the exact size, aligned to 64; the caller's to free. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t n) {
  void *copy = NULL;
  if (posix_memalign(&copy, 64, n ? n : 1) != 0) abort();
  if (n) memcpy(copy, data, n);
  return copy;
}

#endif
