/* Leftmost-longest search for added tokens over sorted patterns. */
#include "runtime/tokenizer/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8_text.h"

static int compare_patterns(const void *a, const void *b) {
  const alb_added_pattern *x = a, *y = b;
  const size_t n = x->count < y->count ? x->count : y->count;
  for (size_t i = 0; i < n; i++) {
    if (x->text[i] != y->text[i]) return x->text[i] < y->text[i] ? -1 : 1;
  }
  return (x->count > y->count) - (x->count < y->count);
}

static void add_lead(alb_added_set *set, uint32_t cp) {
  uint8_t bytes[4];
  if (set->lead_count == SIZE_MAX) return;
  alb_utf8_write(cp, bytes);
  if (set->lead_count && memchr(set->leads, bytes[0], set->lead_count)) return;
  if (set->lead_count == sizeof set->leads || cp == 0xfffd) {
    set->lead_count = SIZE_MAX;
  } else {
    set->leads[set->lead_count++] = bytes[0];
  }
}

bool alb_added_set_may_begin(const alb_added_set *set, alb_str text) {
  if (set->lead_count == SIZE_MAX) return true;
  for (size_t i = 0; i < set->lead_count; i++) {
    if (text.n && memchr(text.p, set->leads[i], text.n)) return true;
  }
  return false;
}

alb_status alb_added_set_sort(alb_diag *diag, alb_added_set *set) {
  if (set->count) qsort(set->patterns, set->count, sizeof *set->patterns, compare_patterns);
  for (size_t i = 0; i < set->count; i++) {
    const alb_added_pattern *p = &set->patterns[i];
    if (p->count == 0) return alb_fail(diag, ALB_MALFORMED, "added token %u is empty when normalized", p->token->id);
    if (i && compare_patterns(p - 1, p) == 0) {
      return alb_fail(diag, ALB_DUPLICATE, "added tokens %u and %u are found by the same text", p[-1].token->id,
                      p->token->id);
    }
    add_lead(set, p->text[0]);
    set->first[(p->text[0] & 0xff) / 64] |= (uint64_t)1 << (p->text[0] % 64);
  }
  return ALB_OK;
}

void alb_added_set_free(alb_added_set *set) {
  for (size_t i = 0; i < set->count; i++) free(set->patterns[i].text);
  free(set->patterns);
  *set = (alb_added_set){0};
}

/* The first pattern of [low, high) whose character `depth` is at least cp; all are longer than depth. */
static size_t lower_bound(const alb_added_set *set, size_t low, size_t high, size_t depth, uint64_t cp) {
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (set->patterns[middle].text[depth] < cp) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/* The longest pattern that text[0, n) begins with, or NULL. */
static const alb_added_pattern *longest_at(const alb_added_set *set, const alb_char *text, size_t n) {
  const alb_added_pattern *found = NULL;
  size_t low = 0, high = set->count;
  for (size_t depth = 0; depth < n && low < high; depth++) {
    low = lower_bound(set, low, high, depth, text[depth].cp);
    high = lower_bound(set, low, high, depth, (uint64_t)text[depth].cp + 1);
    if (low < high && set->patterns[low].count == depth + 1) found = &set->patterns[low++];
  }
  return found;
}

static bool is(const alb_char *c, unsigned class) {
  return alb_unicode_class(c->cp) & class;
}

static bool inside_word(const alb_char *text, size_t n, size_t begin, size_t end) {
  return (begin > 0 && is(&text[begin - 1], ALB_UNI_WORD)) || (end < n && is(&text[end], ALB_UNI_WORD));
}

bool alb_added_set_next(const alb_added_set *set, const alb_char *text, size_t n, alb_added_search *search,
                        alb_added_match *out) {
  if (!set->count) return false;
  for (size_t at = search->at; at < n;) {
    const uint32_t low = text[at].cp & 0xff;
    const alb_added_pattern *p = set->first[low / 64] >> (low % 64) & 1 ? longest_at(set, text + at, n - at) : NULL;
    if (!p) {
      at++;
      continue;
    }
    size_t begin = at, end = at + p->count;
    at = end;
    if (p->token->single_word && inside_word(text, n, begin, end)) continue;
    if (p->token->lstrip) {
      while (begin > search->done && is(&text[begin - 1], ALB_UNI_WHITE)) begin--;
    }
    if (p->token->rstrip) {
      while (end < n && is(&text[end], ALB_UNI_WHITE)) end++;
    }
    *search = (alb_added_search){at, end};
    *out = (alb_added_match){begin, end, p->token};
    return true;
  }
  search->at = n;
  return false;
}
