/* Fuzz target: the zip index, and the content of all entries. What opens is within the file, and without overlap. */
#include "converter/zip.h"
#include "tests/fuzz/fuzz.h"

enum { LARGEST = 1 << 22 };

static void look(const alb_zip *zip) {
  uint64_t packed = 0;
  for (size_t i = 0; i < zip->entries.count; i++) {
    const alb_zip_entry *e = &zip->entries.items[i];
    alb_span bytes;
    packed += e->packed;
    if (e->data > zip->file.n || e->packed > zip->file.n - e->data) abort();
    if (alb_zip_find(zip, e->name) != e && e->name.n <= 512) abort();
    if (e->method == ALB_ZIP_STORED) (void)alb_zip_borrow(NULL, zip, e, &bytes);
    if (e->size > LARGEST) continue;
    uint8_t *out = malloc(e->size ? (size_t)e->size : 1);
    if (out) (void)alb_zip_extract(NULL, zip, e, out);
    free(out);
  }
  if (packed >= zip->file.n) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  alb_zip zip;
  alb_diag diag = {0};
  if (alb_zip_open(&diag, (alb_span){copy, n}, &zip) == ALB_OK) {
    look(&zip);
    alb_zip_free(&zip);
  } else if (!diag.text) {
    abort(); /* every refusal says why */
  }
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
