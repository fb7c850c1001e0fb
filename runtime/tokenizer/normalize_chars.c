/* Normalizers that look at one character at a time. */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/unicode.h"

/* Keeps the characters without any of these classes, each with its alignment. */
static void drop(alb_chars *text, unsigned classes) {
  size_t n = 0;
  for (size_t i = 0; i < text->count; i++) {
    if (!(alb_unicode_class(text->items[i].cp) & classes)) text->items[n++] = text->items[i];
  }
  text->count = n;
}

alb_status alb_normalize_nonspacing(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  drop(&scratch->text, ALB_UNI_NONSPACING);
  return ALB_OK;
}

alb_status alb_normalize_marks(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  drop(&scratch->text, ALB_UNI_MARK);
  return ALB_OK;
}

alb_status alb_normalize_clean(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *text = &scratch->text;
  size_t n = 0;
  for (size_t i = 0; i < text->count; i++) {
    alb_char c = text->items[i];
    const unsigned class = alb_unicode_class(c.cp);
    if (c.cp == 0 || c.cp == 0xfffd || class & ALB_UNI_CONTROL) continue;
    if (class & ALB_UNI_WHITE) c.cp = ' ';
    text->items[n++] = c;
  }
  text->count = n;
  return ALB_OK;
}

/* Makes spare the text, and the text's memory the next spare. */
static void swap(alb_token_scratch *scratch) {
  const alb_chars text = scratch->text;
  scratch->text = scratch->spare;
  scratch->spare = text;
}

alb_status alb_normalize_cjk(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *out = &scratch->spare;
  out->count = 0;
  for (size_t i = 0; i < scratch->text.count; i++) {
    const alb_char c = scratch->text.items[i], space = {' ', c.start, c.end};
    if (!alb_vec_reserve(out, 3)) return alb_scratch_memory(scratch);
    const bool cjk = alb_unicode_class(c.cp) & ALB_UNI_CJK;
    if (cjk) out->items[out->count++] = space;
    out->items[out->count++] = c;
    if (cjk) out->items[out->count++] = space;
  }
  swap(scratch);
  return ALB_OK;
}

alb_status alb_normalize_lowercase(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *out = &scratch->spare;
  out->count = 0;
  for (size_t i = 0; i < scratch->text.count; i++) {
    alb_char c = scratch->text.items[i];
    uint32_t lower[ALB_UNICODE_LONGEST];
    const size_t n = alb_unicode_lower(c.cp, lower);
    for (size_t k = 0; k < n; k++) {
      c.cp = lower[k];
      if (!alb_vec_push(out, c)) return alb_scratch_memory(scratch);
    }
  }
  swap(scratch);
  return ALB_OK;
}

alb_status alb_normalize_strip(const alb_stage *stage, alb_token_scratch *scratch) {
  alb_chars *text = &scratch->text;
  size_t begin = 0, end = text->count;
  if (stage->message->left) {
    while (begin < end && alb_unicode_class(text->items[begin].cp) & ALB_UNI_WHITE) begin++;
  }
  if (stage->message->right) {
    while (end > begin && alb_unicode_class(text->items[end - 1].cp) & ALB_UNI_WHITE) end--;
  }
  if (begin) memmove(text->items, text->items + begin, (end - begin) * sizeof *text->items);
  text->count = end - begin;
  return ALB_OK;
}

static bool matches_at(const alb_chars *text, size_t i, const alb_stage *stage) {
  if (stage->pattern_count > text->count - i) return false;
  for (size_t k = 0; k < stage->pattern_count; k++) {
    if (text->items[i + k].cp != stage->pattern[k]) return false;
  }
  return true;
}

/* What comes in the place of a match stands for the match's last character: so has the reference it. */
alb_status alb_normalize_replace(const alb_stage *stage, alb_token_scratch *scratch) {
  const alb_chars *text = &scratch->text;
  alb_chars *out = &scratch->spare;
  out->count = 0;
  for (size_t i = 0; i < text->count;) {
    if (!matches_at(text, i, stage)) {
      if (!alb_vec_push(out, text->items[i++])) return alb_scratch_memory(scratch);
      continue;
    }
    i += stage->pattern_count;
    alb_char c = text->items[i - 1];
    for (size_t k = 0; k < stage->content_count; k++) {
      c.cp = stage->content[k];
      if (!alb_vec_push(out, c)) return alb_scratch_memory(scratch);
    }
  }
  swap(scratch);
  return ALB_OK;
}
