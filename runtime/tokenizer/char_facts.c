/* Gathers the facts about one character. */
#include "runtime/tokenizer/char_facts.h"

#include "runtime/tokenizer/graphemes.h"

static bool is_inert(uint32_t cp, bool compatible) {
  uint32_t to[ALB_UNICODE_LONGEST];
  return alb_unicode_decompose(cp, compatible, to) == 1 && to[0] == cp && alb_unicode_ccc(cp) == 0;
}

static bool is_own_lower(uint32_t cp) {
  uint32_t to[ALB_UNICODE_LONGEST];
  return alb_unicode_lower(cp, to) == 1 && to[0] == cp;
}

/* Whatever composes with a character before it is a mark or a Hangul vowel or tail, and those have a class. */
static bool is_solid(unsigned class, int grapheme, uint8_t ccc) {
  return grapheme == ALB_GRAPHEME_OTHER && !(class & ALB_UNI_MARK) && ccc == 0;
}

void alb_char_facts_find(uint32_t cp, uint64_t *slot) {
  const unsigned class = alb_unicode_class(cp);
  const int grapheme = alb_grapheme_class(cp);
  uint64_t fact = (uint64_t)cp + 1;
  fact |= (uint64_t) class << ALB_FACT_CLASS_SHIFT | (uint64_t)(unsigned)grapheme << ALB_FACT_GRAPHEME_SHIFT;
  if (is_inert(cp, false)) fact |= ALB_FACT_CANONICAL;
  if (is_inert(cp, true)) fact |= ALB_FACT_COMPATIBLE;
  if (is_own_lower(cp)) fact |= ALB_FACT_LOWER;
  if (is_solid(class, grapheme, alb_unicode_ccc(cp))) fact |= ALB_FACT_SOLID;
  *slot = fact;
}
