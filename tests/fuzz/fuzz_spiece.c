/* Fuzz target: u32 size, a SentencePiece model of so many bytes, a text. The model is imported as ALBERT's, and the
 * tokenizer that it makes is used. */
#include "alb.pb-c.h"
#include "converter/vocab_build.h"
#include "runtime/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz.h"

static void check(int ok) {
  if (!ok) abort();
}

static void check_tokens(const alb_tokenizer *t, alb_token_scratch *s, const alb_token_encoding *e, size_t characters) {
  alb_str decoded;
  for (size_t i = 0; i < e->count; i++) {
    check(e->ids[i] >= 0 && (size_t)e->ids[i] < alb_tokenizer_count(t));
    check(e->offsets[2 * i] <= e->offsets[2 * i + 1] && e->offsets[2 * i + 1] <= characters);
  }
  int32_t *ids = malloc(e->count * sizeof *ids + 1);
  check(ids != NULL);
  if (e->count) memcpy(ids, e->ids, e->count * sizeof *ids);
  check(alb_tokenizer_decode(NULL, t, s, ids, e->count, false, &decoded) == ALB_OK);
  free(ids);
}

/* What the importer accepts, the runtime accepts. */
static void use(const alb_vocab *vocab, alb_str text) {
  alb_tokenizer *t = NULL;
  alb_token_scratch *s = NULL;
  alb_token_encoding e;
  check(alb_tokenizer_new(NULL, vocab->tokenizer, vocab->section, 4096, &t) == ALB_OK);
  check(alb_token_scratch_new(NULL, t, &s) == ALB_OK);
  if (alb_tokenizer_encode(NULL, t, s, text, NULL, 0, true, &e) == ALB_OK) check_tokens(t, s, &e, text.n);
  if (alb_tokenizer_encode(NULL, t, s, text, &text, 9, true, &e) == ALB_OK) check_tokens(t, s, &e, text.n);
  alb_token_scratch_free(s);
  alb_tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  alb_span all = {data, n}, head, model;
  if (!alb_span_take(&all, 4, &head) || !alb_span_take(&all, alb_load_u32(head.p), &model)) return 0;
  uint8_t *bytes = fuzz_copy(model.p, model.n), *text = fuzz_copy(all.p, all.n);
  const alb_vocab_options options = {.rows = 4096};
  alb_arena arena = {0};
  Alb__Tokenizer message = ALB__TOKENIZER__INIT;
  alb_vocab_build b = {.arena = &arena, .options = &options, .file = "spiece.model", .tokenizer = &message};
  alb_vocab vocab;
  if (alb_vocab_read_spiece(&b, (alb_span){bytes, model.n}, NULL, NULL) == ALB_OK &&
      alb_vocab_pack(&b, &vocab) == ALB_OK)
    use(&vocab, (alb_str){(const char *)text, all.n});
  alb_vocab_build_free(&b);
  alb_arena_free(&arena);
  free(bytes);
  free(text);
  return 0;
}
