/* Extended grapheme clusters: the rules of UAX 29 over utf8proc's classes, corrected where the `tokenizers` library has
 * newer ones. */
#include "runtime/tokenizer/graphemes.h"

#include <utf8proc.h>

typedef struct class_range {
  uint32_t first, last;
  int class;
} class_range;

enum { CONSONANT = 64, LINKER = 128 }; /* further properties beside a class: those of rule GB9c */
enum { CLASS = 63 };

static const class_range exceptions[] = {
#define ALB_GRAPHEME(first, last, class) {first, last, class},
#include "runtime/tokenizer/unicode_exceptions.def"
    {0x110000, UINT32_MAX, UTF8PROC_BOUNDCLASS_OTHER},
};

_Static_assert((int)ALB_GRAPHEME_OTHER == UTF8PROC_BOUNDCLASS_OTHER, "its number");
_Static_assert((int)ALB_GRAPHEME_PREPEND == UTF8PROC_BOUNDCLASS_PREPEND, "its number");

int alb_grapheme_class(uint32_t cp) {
  if (cp < 0x300) {
    if (cp >= 0x20 && cp < 0x7f) return UTF8PROC_BOUNDCLASS_OTHER;
    return (int)utf8proc_get_property((utf8proc_int32_t)cp)->boundclass;
  }
  size_t low = 0, high = sizeof exceptions / sizeof *exceptions - 1; /* the first whose end is not before cp */
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (exceptions[middle].last < cp) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (exceptions[low].first <= cp) return exceptions[low].class;
  return (int)utf8proc_get_property((utf8proc_int32_t)cp)->boundclass;
}

/* A cluster as it grows. */
typedef struct cluster {
  int last;       /* class of its last character */
  bool regional;  /* one regional indicator that has no second one yet */
  bool picture;   /* a picture, extenders behind it */
  bool consonant; /* GB9c: a consonant, extenders and linkers behind it ... */
  bool linked;    /* ... a linker among them */
} cluster;

static void add(cluster *c, int class) {
  const int k = class & CLASS;
  const bool extends = k == UTF8PROC_BOUNDCLASS_EXTEND || k == UTF8PROC_BOUNDCLASS_ZWJ;
  c->regional = k == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR && !c->regional;
  c->picture = k == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC || (c->picture && extends);
  c->linked = !(class & CONSONANT) && c->consonant && (class & LINKER || (c->linked && extends));
  c->consonant = class & CONSONANT || (c->consonant && (extends || class & LINKER));
  c->last = k;
}

static bool is_control(int k) {
  return k == UTF8PROC_BOUNDCLASS_CR || k == UTF8PROC_BOUNDCLASS_LF || k == UTF8PROC_BOUNDCLASS_CONTROL;
}

static bool hangul_joins(int a, int b) {
  const bool vowel = b == UTF8PROC_BOUNDCLASS_V, tail = b == UTF8PROC_BOUNDCLASS_T;
  if (a == UTF8PROC_BOUNDCLASS_L)
    return b == UTF8PROC_BOUNDCLASS_L || vowel || b == UTF8PROC_BOUNDCLASS_LV || b == UTF8PROC_BOUNDCLASS_LVT;
  if (a == UTF8PROC_BOUNDCLASS_LV || a == UTF8PROC_BOUNDCLASS_V) return vowel || tail;
  return (a == UTF8PROC_BOUNDCLASS_LVT || a == UTF8PROC_BOUNDCLASS_T) && tail;
}

/* The rules GB3 to GB13. */
static bool joins(const cluster *c, int class) {
  const int a = c->last, b = class & CLASS;
  if (a == UTF8PROC_BOUNDCLASS_CR && b == UTF8PROC_BOUNDCLASS_LF) return true;
  if (is_control(a) || is_control(b)) return false;
  if (hangul_joins(a, b)) return true;
  if (b == UTF8PROC_BOUNDCLASS_EXTEND || b == UTF8PROC_BOUNDCLASS_ZWJ || b == UTF8PROC_BOUNDCLASS_SPACINGMARK)
    return true;
  if (a == UTF8PROC_BOUNDCLASS_PREPEND) return true;
  if (c->linked && class & CONSONANT) return true;
  if (c->picture && a == UTF8PROC_BOUNDCLASS_ZWJ && b == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) return true;
  return c->regional && b == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR;
}

size_t alb_grapheme_length(const alb_char *text, size_t n) {
  cluster c = {0};
  size_t length = 1;
  add(&c, alb_grapheme_class(text[0].cp));
  for (int class; length < n && joins(&c, class = alb_grapheme_class(text[length].cp)); length++) add(&c, class);
  return length;
}
