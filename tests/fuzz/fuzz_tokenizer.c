/* Fuzz target: tokenizer.json up to the first NUL, then a text. The tokenizer is imported, built and used, with cuts
 * and without; then its message and vocabulary are used again with bytes changed as the text says. */
#include "alb.pb-c.h"
#include "converter/json_strict.h"
#include "converter/vocab_build.h"
#include "runtime/tokenizer/stages.h"
#include "tests/fuzz/fuzz.h"

static void check(int ok) {
  if (!ok) abort();
}

static void check_tokens(const alb_tokenizer *t, const alb_token_encoding *e, size_t characters) {
  for (size_t i = 0; i < e->count; i++) {
    check(e->ids[i] >= 0 && (e->special[i] || (size_t)e->ids[i] < alb_tokenizer_count(t)));
    check(e->offsets[2 * i] <= e->offsets[2 * i + 1] && e->offsets[2 * i + 1] <= characters);
  }
}

/* The tokens of a text are the same when it is not cut. */
static void check_uncut(alb_tokenizer *t, alb_token_scratch *s, alb_str text, const int32_t *ids, size_t count) {
  alb_token_encoding e;
  const bool cuts = t->cuts;
  t->cuts = false;
  if (alb_tokenizer_encode(NULL, t, s, text, NULL, 0, true, &e) == ALB_OK)
    check(e.count == count && (count == 0 || memcmp(e.ids, ids, count * sizeof *ids) == 0));
  t->cuts = cuts;
}

static void use(const Alb__Tokenizer *message, alb_span section, alb_str text) {
  alb_tokenizer *t = NULL;
  alb_token_scratch *s = NULL;
  alb_token_encoding e;
  alb_str decoded;
  if (alb_tokenizer_new(NULL, message, section, 0, &t) != ALB_OK) return;
  check(alb_token_scratch_new(NULL, t, &s) == ALB_OK);
  if (alb_tokenizer_encode(NULL, t, s, text, NULL, 0, true, &e) == ALB_OK) {
    check_tokens(t, &e, text.n);
    int32_t *ids = malloc(e.count * sizeof *ids + 1);
    check(ids != NULL);
    if (e.count) memcpy(ids, e.ids, e.count * sizeof *ids);
    check(alb_tokenizer_decode(NULL, t, s, ids, e.count, true, &decoded) == ALB_OK);
    check_uncut(t, s, text, ids, e.count);
    free(ids);
  }
  const size_t half = text.n / 2;
  const alb_str first = {text.p, half}, second = {text.p + half, text.n - half};
  if (alb_tokenizer_encode(NULL, t, s, first, &second, 9, true, &e) == ALB_OK) check_tokens(t, &e, text.n);
  alb_token_scratch_free(s);
  alb_tokenizer_free(t);
}

/* Changes bytes at places that the text names: two bytes the place, one the change. */
static void change(uint8_t *bytes, size_t n, alb_str text, size_t from) {
  for (size_t i = from; n && i + 3 <= text.n && i < from + 12; i += 3) {
    bytes[(size_t)((uint8_t)text.p[i] << 8 | (uint8_t)text.p[i + 1]) % n] ^= (uint8_t)text.p[i + 2];
  }
}

static void use_changed(const alb_vocab *vocab, alb_str text) {
  const size_t n = alb__tokenizer__get_packed_size(vocab->tokenizer);
  uint8_t *packed = malloc(n + 1), *section = fuzz_copy(vocab->section.p, vocab->section.n);
  check(packed != NULL);
  alb__tokenizer__pack(vocab->tokenizer, packed);
  change(packed, n, text, 0);
  Alb__Tokenizer *message = alb__tokenizer__unpack(NULL, n, packed);
  if (message) {
    use(message, vocab->section, text);
    change(section, vocab->section.n, text, 12);
    use(message, (alb_span){section, vocab->section.n}, text);
    alb__tokenizer__free_unpacked(message, NULL);
  }
  free(packed);
  free(section);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const uint8_t *end = n ? memchr(data, 0, n) : NULL;
  const size_t json_size = end ? (size_t)(end - data) : n;
  uint8_t *text = fuzz_copy(end ? end + 1 : data, end ? n - json_size - 1 : 0);
  const alb_str input = {(const char *)text, end ? n - json_size - 1 : 0};
  const alb_vocab_options options = {.rows = 4096};
  alb_arena arena = {0};
  Alb__Tokenizer message = ALB__TOKENIZER__INIT;
  alb_vocab_build b = {.arena = &arena, .options = &options, .file = "tokenizer.json", .tokenizer = &message};
  alb_vocab vocab;
  json_t *root = NULL;
  if (alb_json_load(NULL, (alb_span){data, json_size}, &root) == ALB_OK && alb_vocab_read_json(&b, root) == ALB_OK &&
      alb_vocab_pack(&b, &vocab) == ALB_OK) {
    use(vocab.tokenizer, vocab.section, input);
    use_changed(&vocab, input);
  }
  json_decref(root);
  alb_vocab_build_free(&b);
  alb_arena_free(&arena);
  free(text);
  return 0;
}
