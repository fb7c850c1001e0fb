/* The normalizer that puts a text in the place of matches: of a plain pattern or of a regular expression. */
#include "runtime/tokenizer/stages.h"

alb_status alb_prepare_pattern(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  if (!*m->pattern) return alb_fail(diag, ALB_MALFORMED, "tokenizer: stage \"%.64s\" has an empty pattern", m->type);
  stage->pattern = alb_code_points(alb_str_of(m->pattern), &stage->pattern_count);
  stage->content = alb_code_points(alb_str_of(m->content), &stage->content_count);
  if (!stage->pattern || !stage->content) return alb_fail_memory(diag, strlen(m->pattern), "a pattern");
  stage->joins_spaces = m->regex && strcmp(m->pattern, " {2,}") == 0 && strcmp(m->content, " ") == 0;
  return alb_compile_pattern(diag, stage);
}

static bool has_spaces(const alb_chars *text) {
  for (size_t i = 1; i < text->count; i++) {
    if (text->items[i].cp == ' ' && text->items[i - 1].cp == ' ') return true;
  }
  return false;
}

/* Appends the content, aligned as the character before `end`: so has the reference it. */
static bool put_content(const alb_stage *stage, alb_token_scratch *scratch, uint32_t end) {
  alb_char c = end ? scratch->text.items[end - 1] : (alb_char){0, scratch->origin, scratch->origin};
  if (!alb_vec_reserve(&scratch->spare, stage->content_count)) return false;
  for (size_t k = 0; k < stage->content_count; k++) {
    c.cp = stage->content[k];
    scratch->spare.items[scratch->spare.count++] = c;
  }
  return true;
}

static bool put_text(alb_token_scratch *scratch, uint32_t begin, uint32_t end) {
  if (begin == end) return true;
  if (!alb_vec_reserve(&scratch->spare, end - begin)) return false;
  memcpy(scratch->spare.items + scratch->spare.count, scratch->text.items + begin,
         (end - begin) * sizeof *scratch->text.items);
  scratch->spare.count += end - begin;
  return true;
}

alb_status alb_normalize_replace(const alb_stage *stage, alb_token_scratch *scratch) {
  const uint32_t count = (uint32_t)scratch->text.count;
  alb_piece all = {0, count};
  if (stage->joins_spaces && !has_spaces(&scratch->text)) return ALB_OK;
  ALB_TRY(alb_find_pattern(stage, scratch, &all, SIZE_MAX));
  if (!scratch->matches.count) return ALB_OK;
  uint32_t done = 0;
  scratch->spare.count = 0;
  for (size_t i = 0; i < scratch->matches.count; i++) {
    const alb_piece match = scratch->matches.items[i];
    if (!put_text(scratch, done, match.begin) || !put_content(stage, scratch, match.end))
      return alb_scratch_memory(scratch);
    done = match.end;
    if (scratch->spare.count > UINT32_MAX / 4) return alb_fail(scratch->diag, ALB_LIMIT, "tokenizer: text too long");
  }
  if (!put_text(scratch, done, count)) return alb_scratch_memory(scratch);
  alb_scratch_swap(scratch);
  return ALB_OK;
}
