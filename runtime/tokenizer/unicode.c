/* Character facts: utf8proc's tables, corrected where the `tokenizers` library has others. */
#include "runtime/tokenizer/unicode.h"

#include <utf8proc.h>

typedef struct class_range {
  uint32_t first, last;
  unsigned class;
} class_range;

typedef struct range {
  uint32_t first, last;
} range;

typedef struct mapping {
  uint32_t first, last, to;
} mapping;

/* Whole classes that differ; characters that its normalization does not know; lower cases that differ. */
static const class_range class_exceptions[] = {
#define ALB_CLASS(first, last, class) {first, last, class},
#include "runtime/tokenizer/unicode_exceptions.def"
    {0x110000, UINT32_MAX, 0},
};
static const range unnormalized[] = {
#define ALB_UNNORMALIZED(first, last) {first, last},
#include "runtime/tokenizer/unicode_exceptions.def"
    {0x110000, UINT32_MAX},
};
static const mapping lower_exceptions[] = {
#define ALB_LOWER(first, last, to) {first, last, to},
#include "runtime/tokenizer/unicode_exceptions.def"
    {UINT32_MAX, UINT32_MAX, 0},
};

static bool is_white(uint32_t cp) {
  return (cp >= 9 && cp <= 13) || cp == 0x20 || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
         (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

static bool is_cjk(uint32_t cp) {
  return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) || (cp >= 0x20000 && cp <= 0x2a6df) ||
         (cp >= 0x2a700 && cp <= 0x2b73f) || (cp >= 0x2b740 && cp <= 0x2b81f) || (cp >= 0x2b920 && cp <= 0x2ceaf) ||
         (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x2f800 && cp <= 0x2fa1f);
}

/* By general category. */
static const uint8_t category_class[32] = {
    [UTF8PROC_CATEGORY_LU] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_LL] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_LT] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_LM] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_LO] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_MN] = ALB_UNI_WORD | ALB_UNI_MARK | ALB_UNI_NONSPACING,
    [UTF8PROC_CATEGORY_MC] = ALB_UNI_WORD | ALB_UNI_MARK,
    [UTF8PROC_CATEGORY_ME] = ALB_UNI_WORD | ALB_UNI_MARK,
    [UTF8PROC_CATEGORY_ND] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_NL] = ALB_UNI_WORD,
    [UTF8PROC_CATEGORY_PC] = ALB_UNI_WORD | ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PD] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PS] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PE] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PI] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PF] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_PO] = ALB_UNI_PUNCTUATION,
    [UTF8PROC_CATEGORY_CC] = ALB_UNI_CONTROL,
    [UTF8PROC_CATEGORY_CF] = ALB_UNI_CONTROL,
    [UTF8PROC_CATEGORY_CO] = ALB_UNI_CONTROL,
};

static unsigned ascii_class(uint32_t cp) {
  if ((cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || (cp >= '0' && cp <= '9')) return ALB_UNI_WORD;
  if (cp == '\t' || cp == '\n' || cp == '\r' || cp == ' ') return ALB_UNI_WHITE;
  if (cp < 0x20 || cp == 0x7f) return ALB_UNI_CONTROL | (is_white(cp) ? ALB_UNI_WHITE : 0u);
  return ALB_UNI_PUNCTUATION | (cp == '_' ? ALB_UNI_WORD : 0u);
}

unsigned alb_unicode_class(uint32_t cp) {
  if (cp < 0x80) return ascii_class(cp);
  size_t low = 0,
         high = sizeof class_exceptions / sizeof *class_exceptions - 1; /* the first whose end is not before cp */
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (class_exceptions[middle].last < cp) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (class_exceptions[low].first <= cp) return class_exceptions[low].class;
  return category_class[utf8proc_category((utf8proc_int32_t)cp)] | (is_white(cp) ? ALB_UNI_WHITE : 0u) |
         (is_cjk(cp) ? ALB_UNI_CJK : 0u);
}

static bool is_unnormalized(uint32_t cp) {
  size_t low = 0, high = sizeof unnormalized / sizeof *unnormalized - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (unnormalized[middle].last < cp) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return unnormalized[low].first <= cp;
}

uint8_t alb_unicode_ccc(uint32_t cp) {
  if (cp < 0x300) return 0;
  const utf8proc_propval_t ccc = utf8proc_get_property((utf8proc_int32_t)cp)->combining_class;
  return ccc && !is_unnormalized(cp) ? (uint8_t)ccc : 0;
}

size_t alb_unicode_lower(uint32_t cp, uint32_t *out) {
  *out = cp;
  if (cp < 0x80) {
    if (cp >= 'A' && cp <= 'Z') *out = cp + 32;
    return 1;
  }
  if (cp == 0x130) { /* the one character whose lower case is two: i with dot above */
    out[0] = 'i';
    out[1] = 0x307;
    return 2;
  }
  for (const mapping *m = lower_exceptions; m->first <= cp; m++) {
    if (cp > m->last) continue;
    *out = m->to + (cp - m->first);
    return 1;
  }
  *out = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
  return 1;
}

size_t alb_unicode_decompose(uint32_t cp, bool compatible, uint32_t *out) {
  *out = cp;
  if (cp < 0xa0 || is_unnormalized(cp)) return 1;
  utf8proc_int32_t to[ALB_UNICODE_LONGEST];
  int bound = 0;
  const utf8proc_option_t options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
  const utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, ALB_UNICODE_LONGEST, options, &bound);
  if (n < 1 || n > ALB_UNICODE_LONGEST) return 1;
  for (utf8proc_ssize_t i = 0; i < n; i++) out[i] = (uint32_t)to[i];
  return (size_t)n;
}

uint32_t alb_unicode_compose(uint32_t first, uint32_t second) {
  if (second < 0x300 || is_unnormalized(first) || is_unnormalized(second)) return 0;
  utf8proc_int32_t pair[3] = {(utf8proc_int32_t)first, (utf8proc_int32_t)second, 0};
  const utf8proc_ssize_t n = utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return n == 1 && !is_unnormalized((uint32_t)pair[0]) ? (uint32_t)pair[0] : 0;
}
