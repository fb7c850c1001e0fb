/* Normalizers that look at one character at a time. */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/unicode.h"

/* Keeps the characters without any of these classes, each with its alignment. */
static void drop(alb_token_scratch *scratch, unsigned classes) {
  alb_chars *text = &scratch->text;
  size_t n = 0;
  for (size_t i = 0; i < text->count; i++) {
    if (!(alb_scratch_class(scratch, text->items[i].cp) & classes)) text->items[n++] = text->items[i];
  }
  text->count = n;
}

alb_status alb_normalize_nonspacing(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  drop(scratch, ALB_UNI_NONSPACING);
  return ALB_OK;
}

alb_status alb_normalize_marks(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  drop(scratch, ALB_UNI_MARK);
  return ALB_OK;
}

alb_status alb_normalize_clean(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *text = &scratch->text;
  size_t n = 0;
  for (size_t i = 0; i < text->count; i++) {
    alb_char c = text->items[i];
    const unsigned class = alb_scratch_class(scratch, c.cp);
    if (c.cp == 0 || c.cp == 0xfffd || class & ALB_UNI_CONTROL) continue;
    if (class & ALB_UNI_WHITE) c.cp = ' ';
    text->items[n++] = c;
  }
  text->count = n;
  return ALB_OK;
}

static bool has_cjk(alb_token_scratch *scratch) {
  for (size_t i = 0; i < scratch->text.count; i++) {
    if (alb_scratch_class(scratch, scratch->text.items[i].cp) & ALB_UNI_CJK) return true;
  }
  return false;
}

alb_status alb_normalize_cjk(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *out = &scratch->spare;
  out->count = 0;
  if (!has_cjk(scratch)) return ALB_OK;
  if (!alb_vec_reserve(out, 3 * scratch->text.count)) return alb_scratch_memory(scratch);
  for (size_t i = 0; i < scratch->text.count; i++) {
    const alb_char c = scratch->text.items[i], space = {' ', c.start, c.end};
    const bool cjk = alb_scratch_class(scratch, c.cp) & ALB_UNI_CJK;
    if (cjk) out->items[out->count++] = space;
    out->items[out->count++] = c;
    if (cjk) out->items[out->count++] = space;
  }
  alb_scratch_swap(scratch);
  return ALB_OK;
}

/* In place, as far as the lower cases are one character each; how far. */
static size_t lower_in_place(alb_token_scratch *scratch) {
  alb_chars *text = &scratch->text;
  for (size_t i = 0; i < text->count; i++) {
    uint32_t lower[ALB_UNICODE_LONGEST];
    if (alb_char_facts_of(scratch->facts, text->items[i].cp) & ALB_FACT_LOWER) continue;
    if (alb_unicode_lower(text->items[i].cp, lower) != 1) return i;
    text->items[i].cp = lower[0];
  }
  return text->count;
}

alb_status alb_normalize_lowercase(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *out = &scratch->spare;
  const size_t done = lower_in_place(scratch);
  if (done == scratch->text.count) return ALB_OK;
  out->count = 0;
  if (!alb_vec_reserve(out, done)) return alb_scratch_memory(scratch);
  if (done) memcpy(out->items, scratch->text.items, done * sizeof *out->items);
  out->count = done;
  for (size_t i = done; i < scratch->text.count; i++) {
    alb_char c = scratch->text.items[i];
    uint32_t lower[ALB_UNICODE_LONGEST];
    const size_t n = alb_unicode_lower(c.cp, lower);
    for (size_t k = 0; k < n; k++) {
      c.cp = lower[k];
      if (!alb_vec_push(out, c)) return alb_scratch_memory(scratch);
    }
  }
  alb_scratch_swap(scratch);
  return ALB_OK;
}

alb_status alb_normalize_strip(const alb_stage *stage, alb_token_scratch *scratch) {
  alb_chars *text = &scratch->text;
  size_t begin = 0, end = text->count;
  if (stage->message->left) {
    while (begin < end && alb_scratch_class(scratch, text->items[begin].cp) & ALB_UNI_WHITE) begin++;
  }
  if (stage->message->right) {
    while (end > begin && alb_scratch_class(scratch, text->items[end - 1].cp) & ALB_UNI_WHITE) end--;
  }
  if (begin) memmove(text->items, text->items + begin, (end - begin) * sizeof *text->items);
  text->count = end - begin;
  return ALB_OK;
}

/* What SentencePiece's "nmt" rules drop and what they make a space, ascending. */
static const struct {
  uint32_t first, last;
  bool space;
} nmt_rules[] = {
    {0x1, 0x8, false},      {0x9, 0xa, true},       {0xb, 0xb, false},      {0xc, 0xd, true},
    {0xe, 0x1f, false},     {0x7f, 0x7f, false},    {0x8f, 0x8f, false},    {0x9f, 0x9f, false},
    {0x1680, 0x1680, true}, {0x200b, 0x200f, true}, {0x2028, 0x2029, true}, {0x2581, 0x2581, true},
    {0xfeff, 0xfeff, true}, {0xfffd, 0xfffd, true},
};

alb_status alb_normalize_nmt(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  alb_chars *text = &scratch->text;
  size_t n = 0;
  for (size_t i = 0; i < text->count; i++) {
    alb_char c = text->items[i];
    size_t rule = 0;
    while (rule < sizeof nmt_rules / sizeof *nmt_rules && c.cp > nmt_rules[rule].last) rule++;
    const bool hit = rule < sizeof nmt_rules / sizeof *nmt_rules && c.cp >= nmt_rules[rule].first;
    if (hit && !nmt_rules[rule].space) continue;
    if (hit) c.cp = ' ';
    text->items[n++] = c;
  }
  text->count = n;
  return ALB_OK;
}

alb_status alb_prepare_prepend(alb_diag *diag, alb_stage *stage) {
  const char *content = stage->message->content;
  stage->content = alb_code_points(alb_str_of(content), &stage->content_count);
  return stage->content ? ALB_OK : alb_fail_memory(diag, strlen(content), "a text");
}

alb_status alb_normalize_prepend(const alb_stage *stage, alb_token_scratch *scratch) {
  alb_chars *text = &scratch->text;
  const size_t n = stage->content_count;
  if (!text->count) return ALB_OK;
  if (!alb_vec_reserve(text, n)) return alb_scratch_memory(scratch);
  memmove(text->items + n, text->items, text->count * sizeof *text->items);
  text->count += n;
  for (size_t i = 0; i < n; i++)
    text->items[i] = (alb_char){stage->content[i], text->items[n].start, text->items[n].end};
  return ALB_OK;
}
