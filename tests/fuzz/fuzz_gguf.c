/* Fuzz target: the GGUF reader. All elements of all tensors that it finds are looked at, quantised ones too, and its
 * metadata as configuration and tokenizer. */
#include "converter/config.h"
#include "converter/finite.h"
#include "converter/reader.h"
#include "converter/vocab.h"
#include "tests/fuzz/fuzz.h"

static void look_at_tensors(const alb_source *source) {
  for (size_t i = 0; i < source->tensors.tensors.count; i++) {
    const alb_tensor *t = &source->tensors.tensors.items[i];
    (void)alb_check_finite(NULL, t->name, t->dtype, source->tensors.blobs.items[t->blob].bytes);
  }
}

static void look_at_metadata(alb_diag *diag, alb_source *source) {
  alb_arena arena = {0};
  alb_vocab vocab;
  alb_source_config config;
  const alb_vocab_options options = {0};
  (void)alb_config_read(diag, json_object_get(source->made, "config.json"), &config);
  (void)alb_vocab_import(diag, source, &arena, &options, &vocab);
  alb_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  const alb_file file = {.bytes = {copy, n}};
  alb_source source = {.folder = "/nonexistent"};
  alb_diag diag = {0};
  if (alb_probe_gguf(file.bytes) == ALB_PROBE_YES) {
    if (alb_read_gguf(&diag, &source, &file) == ALB_OK) {
      look_at_tensors(&source);
      look_at_metadata(&diag, &source);
    } else if (!diag.text) {
      abort(); /* every refusal says why */
    }
  }
  alb_source_free(&source);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
