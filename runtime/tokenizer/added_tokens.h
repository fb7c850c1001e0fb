/* Finding added tokens in a text: leftmost, longest, as the `tokenizers` library does. */
#ifndef ALB_TOKENIZER_ADDED_TOKENS_H
#define ALB_TOKENIZER_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

struct alb_char;
struct Alb__AddedToken;

typedef struct alb_added_pattern {
  uint32_t *text; /* code points, owned */
  size_t count;
  const struct Alb__AddedToken *token;
} alb_added_pattern;

/* Start with {0}; patterns are sorted by alb_added_set_sort. */
typedef struct alb_added_set {
  alb_added_pattern *patterns; /* owned */
  size_t count;
  uint64_t first[4]; /* which values the low byte of a first character has */
  uint8_t leads[4];  /* the first bytes of the patterns, if they are few */
  size_t lead_count; /* SIZE_MAX: they are not, or texts can have a pattern by what is not UTF-8 */
} alb_added_set;

/* ALB_DUPLICATE: two patterns are equal. */
alb_status alb_added_set_sort(alb_diag *diag, alb_added_set *set);
/* Can a pattern begin somewhere in a text? False is certain. */
bool alb_added_set_may_begin(const alb_added_set *set, alb_str text);
void alb_added_set_free(alb_added_set *set);

typedef struct alb_added_match {
  size_t begin, end; /* with the white space that the token takes */
  const struct Alb__AddedToken *token;
} alb_added_match;

/* Where a search in text[0, n) stands: start with {0}. False: no further token. */
typedef struct alb_added_search {
  size_t at;   /* the next match begins here or later */
  size_t done; /* everything before belongs to an earlier match */
} alb_added_search;
bool alb_added_set_next(const alb_added_set *set, const struct alb_char *text, size_t n, alb_added_search *search,
                        alb_added_match *out);

#endif
