/* The splitter of SentencePiece: spaces become a mark, which may also come first, and pieces begin with it. */
#include "runtime/tokenizer/stages.h"

static const char *const schemes[ALB_PREPEND_SCHEMES] = {
    [ALB_PREPEND_ALWAYS] = "always",
    [ALB_PREPEND_FIRST] = "first",
    [ALB_PREPEND_NEVER] = "never",
};

alb_status alb_prepare_metaspace(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  unsigned i = 0;
  while (i < ALB_PREPEND_SCHEMES && strcmp(m->scheme, schemes[i]) != 0) i++;
  if (i == ALB_PREPEND_SCHEMES)
    return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: metaspace with scheme \"%.64s\"", m->scheme);
  stage->scheme = (alb_prepend_scheme)i;
  stage->pattern = alb_code_points(alb_str_of(m->pattern), &stage->pattern_count);
  if (!stage->pattern) return alb_fail_memory(diag, strlen(m->pattern), "a pattern");
  if (stage->pattern_count != 1)
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: metaspace of %zu characters", stage->pattern_count);
  return ALB_OK;
}

static bool prepends(const alb_stage *stage, alb_char first) {
  const uint32_t cp = first.cp == ' ' ? *stage->pattern : first.cp;
  if (stage->scheme == ALB_PREPEND_NEVER || cp == *stage->pattern) return false;
  return stage->scheme == ALB_PREPEND_ALWAYS || first.start == 0;
}

/* Writes the piece, with its marks, behind the text, and cuts there. */
alb_status alb_split_metaspace(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  alb_chars *text = &scratch->text;
  if (piece.begin == piece.end) return ALB_OK;
  if (!alb_vec_reserve(text, (size_t)(piece.end - piece.begin) + 1)) return alb_scratch_memory(scratch);
  const uint32_t mark = *stage->pattern;
  const alb_char first = text->items[piece.begin];
  alb_piece out = {(uint32_t)text->count, (uint32_t)text->count};
  if (prepends(stage, first)) text->items[text->count++] = (alb_char){mark, first.start, first.end};
  for (uint32_t i = piece.begin; i < piece.end; i++) {
    alb_char c = text->items[i];
    if (c.cp == ' ') c.cp = mark;
    const uint32_t at = (uint32_t)text->count;
    text->items[text->count++] = c;
    if (stage->message->whole || c.cp != mark || at == out.begin) continue;
    out.end = at;
    if (!alb_vec_push(&scratch->next, out)) return alb_scratch_memory(scratch);
    out.begin = at;
    if (scratch->next.count >= scratch->enough) return ALB_OK;
  }
  out.end = (uint32_t)text->count;
  return alb_vec_push(&scratch->next, out) ? ALB_OK : alb_scratch_memory(scratch);
}
