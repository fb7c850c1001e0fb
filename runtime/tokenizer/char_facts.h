/* What normalizers and splitters ask of a character, found once and remembered: a small cache over the tables. */
#ifndef ALB_TOKENIZER_CHAR_FACTS_H
#define ALB_TOKENIZER_CHAR_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer/unicode.h"

/* A fact word holds 1 + the code point, then these. */
#define ALB_FACT_POINT UINT64_C(0x1fffff)
#define ALB_FACT_CLASS_SHIFT 24                 /* alb_unicode_class, 8 bits */
#define ALB_FACT_GRAPHEME_SHIFT 32              /* alb_grapheme_class, 8 bits */
#define ALB_FACT_CANONICAL (UINT64_C(1) << 40)  /* its own canonical decomposition, of class 0 */
#define ALB_FACT_COMPATIBLE (UINT64_C(1) << 41) /* its own compatibility decomposition, of class 0 */
#define ALB_FACT_LOWER (UINT64_C(1) << 42)      /* its own lower case */
#define ALB_FACT_SOLID (UINT64_C(1) << 43)      /* never joins or composes with what stands before it; no mark */
#define ALB_FACT_TRIED (UINT64_C(1) << 44)      /* it is known whether ... */
#define ALB_FACT_PLAIN (UINT64_C(1) << 45)      /* ... the tokenizer's normalizers keep it (cuts.h) */

enum { ALB_FACT_OWN = 128, ALB_FACT_SHARED = 4096 }; /* slots of ASCII, one each, and of all others */

/* Zeroes at first. For one tokenizer. */
typedef struct alb_char_facts {
  uint64_t slots[ALB_FACT_OWN + ALB_FACT_SHARED];
} alb_char_facts;

void alb_char_facts_find(uint32_t cp, uint64_t *slot);

/* The slot of a character, filled. */
static inline uint64_t *alb_char_facts_slot(alb_char_facts *facts, uint32_t cp) {
  uint64_t *slot = &facts->slots[cp < ALB_FACT_OWN ? cp : ALB_FACT_OWN + (cp & (ALB_FACT_SHARED - 1))];
  if ((*slot & ALB_FACT_POINT) != cp + 1) alb_char_facts_find(cp, slot);
  return slot;
}

static inline uint64_t alb_char_facts_of(alb_char_facts *facts, uint32_t cp) {
  return *alb_char_facts_slot(facts, cp);
}

static inline unsigned alb_char_facts_class(alb_char_facts *facts, uint32_t cp) {
  return (unsigned)(alb_char_facts_of(facts, cp) >> ALB_FACT_CLASS_SHIFT) & 0xff;
}

static inline int alb_char_facts_grapheme(alb_char_facts *facts, uint32_t cp) {
  return (int)(alb_char_facts_of(facts, cp) >> ALB_FACT_GRAPHEME_SHIFT) & 0xff;
}

#endif
