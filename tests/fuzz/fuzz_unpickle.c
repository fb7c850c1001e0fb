/* Fuzz target: a pickle, and the tensors that it describes. Storages up to a limit are zeros; all bytes of all tensors
 * are looked at. */
#include "converter/torch_state.h"
#include "tests/fuzz/fuzz.h"

enum { LARGEST = 4096 };

static alb_status load(alb_diag *diag, void *context, alb_pickle_storage *storage) {
  const uint64_t size = storage->elements * alb_dtype_bytes(storage->dtype);
  if (size > LARGEST) return alb_fail(diag, ALB_LIMIT, "large");
  storage->bytes = (alb_span){context, (size_t)size};
  storage->loaded = true;
  return ALB_OK;
}

static void add(const alb_pickle *pickle, bool big_endian) {
  uint8_t *zeros = calloc(LARGEST, 1);
  const alb_torch_bytes bytes = {.load = load, .context = zeros, .big_endian = big_endian};
  alb_source source = {0};
  alb_diag diag = {0};
  const alb_status status = alb_torch_add_tensors(&diag, &source, pickle, &bytes);
  if (status != ALB_OK && !diag.text) abort(); /* every refusal says why */
  for (size_t i = 0; i < source.tensors.blobs.count; i++) (void)alb_hash_bytes(source.tensors.blobs.items[i].bytes);
  for (size_t i = 0; i < pickle->storages.count; i++) pickle->storages.items[i]->loaded = false;
  alb_source_free(&source);
  alb_diag_free(&diag);
  free(zeros);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  alb_pickle pickle;
  alb_diag diag = {0};
  if (alb_unpickle(&diag, (alb_span){copy, n}, &pickle) == ALB_OK) {
    if (!pickle.root || pickle.size > n) abort();
    add(&pickle, false);
    add(&pickle, true);
    alb_pickle_free(&pickle);
  } else if (!diag.text) {
    abort();
  }
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
