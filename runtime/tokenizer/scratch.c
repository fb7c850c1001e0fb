/* The memory of an encoding call. */
#include "runtime/tokenizer/scratch.h"

#include <stdlib.h>

alb_status alb_token_scratch_new(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch **out) {
  alb_token_scratch *scratch = calloc(1, sizeof *scratch);
  if (!scratch) return alb_fail_memory(diag, sizeof *scratch, "a tokenizer's memory");
  const alb_status status = alb_prepare_regex_scratch(diag, tokenizer, scratch);
  if (status == ALB_OK) {
    *out = scratch;
  } else {
    alb_token_scratch_free(scratch);
  }
  return status;
}

void alb_token_scratch_free(alb_token_scratch *s) {
  if (!s) return;
  alb_vec_free(&s->input);
  alb_vec_free(&s->text);
  alb_vec_free(&s->spare);
  alb_vec_free(&s->pieces);
  alb_vec_free(&s->next);
  alb_vec_free(&s->matches);
  alb_vec_free(&s->bytes);
  alb_vec_free(&s->spare_bytes);
  alb_vec_free(&s->bounds);
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

alb_status alb_scratch_run_normalizers(const alb_tokenizer *tokenizer, alb_token_scratch *scratch) {
  for (size_t i = 0; i < tokenizer->normalizer_count && scratch->text.count; i++) {
    ALB_TRY(tokenizer->normalizers[i].normalize(&tokenizer->normalizers[i], scratch));
  }
  return ALB_OK;
}

alb_status alb_scratch_normalize(const alb_tokenizer *tokenizer, alb_token_scratch *scratch, alb_diag *diag,
                                 const uint32_t *cp, size_t n) {
  scratch->diag = diag;
  scratch->text.count = 0;
  for (size_t i = 0; i < n; i++) {
    const alb_char c = {cp[i], (uint32_t)i, (uint32_t)i + 1};
    if (!alb_vec_push(&scratch->text, c)) return alb_scratch_memory(scratch);
  }
  return alb_scratch_run_normalizers(tokenizer, scratch);
}
