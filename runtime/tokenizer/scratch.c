/* The memory of an encoding call. */
#include "runtime/tokenizer/scratch.h"

#include <stdlib.h>

alb_status alb_token_scratch_new(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch **out) {
  alb_token_scratch *scratch = calloc(1, sizeof *scratch);
  if (!scratch) return alb_fail_memory(diag, sizeof *scratch, "a tokenizer's memory");
  scratch->facts = calloc(1, sizeof *scratch->facts);
  if (tokenizer->cuts) scratch->words = calloc(1, sizeof *scratch->words);
  const bool ok = scratch->facts && (scratch->words || !tokenizer->cuts);
  const alb_status status = ok ? alb_prepare_regex_scratch(diag, tokenizer, scratch)
                               : alb_fail_memory(diag, sizeof *scratch->words, "a tokenizer's memory");
  if (status == ALB_OK) {
    *out = scratch;
  } else {
    alb_token_scratch_free(scratch);
  }
  return status;
}

void alb_token_scratch_free(alb_token_scratch *s) {
  if (!s) return;
  free(s->facts);
  free(s->words);
  alb_vec_free(&s->raw);
  alb_vec_free(&s->input);
  alb_vec_free(&s->text);
  alb_vec_free(&s->spare);
  alb_vec_free(&s->pieces);
  alb_vec_free(&s->next);
  alb_vec_free(&s->matches);
  alb_vec_free(&s->bytes);
  alb_vec_free(&s->spare_bytes);
  alb_vec_free(&s->bounds);
  alb_vec_free(&s->steps);
  alb_vec_free(&s->parts);
  alb_vec_free(&s->decoding);
  alb_vec_free(&s->tokens[0]);
  alb_vec_free(&s->tokens[1]);
  alb_vec_free(&s->ids);
  alb_vec_free(&s->type_ids);
  alb_vec_free(&s->offsets);
  alb_vec_free(&s->special);
  alb_vec_free(&s->sequence);
  alb_vec_free(&s->begins_word);
  alb_release_regex_scratch(s);
  free(s);
}

alb_status alb_scratch_memory(alb_token_scratch *scratch) {
  return alb_fail(scratch->diag, ALB_MEMORY, "tokenizer: out of memory");
}

enum { SHORT_TEXT = 1 << 16 };

void alb_scratch_set_room(alb_token_scratch *scratch, size_t n) {
  const size_t room = ALB_HONEST_GROWTH * n + SHORT_TEXT;
  scratch->room = room < UINT32_MAX / 4 ? room : UINT32_MAX / 4;
}

alb_status alb_scratch_run_normalizers(const alb_tokenizer *tokenizer, alb_token_scratch *scratch) {
  size_t most = 0;
  for (size_t i = 0; i < tokenizer->normalizer_count && scratch->text.count; i++) {
    ALB_TRY(tokenizer->normalizers[i].normalize(&tokenizer->normalizers[i], scratch));
    if (scratch->text.count > most) most = scratch->text.count;
    if (most > scratch->room)
      return alb_fail(scratch->diag, ALB_LIMIT, "tokenizer: the normalizers make a text of %zu characters", most);
  }
  scratch->room -= most;
  return ALB_OK;
}

alb_status alb_scratch_normalize(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, alb_diag *diag,
                                 const uint32_t *cp, size_t n) {
  scratch->diag = diag;
  scratch->origin = 0;
  alb_scratch_set_room(scratch, n);
  scratch->text.count = 0;
  for (size_t i = 0; i < n; i++) {
    const alb_char c = {cp[i], (uint32_t)i, (uint32_t)i + 1};
    if (!alb_vec_push(&scratch->text, c)) return alb_scratch_memory(scratch);
  }
  return alb_scratch_run_normalizers(tokenizer, scratch);
}
