/* Input lines that are JSON objects with two texts, such as {"question":"...","context":"..."}. */
#ifndef ALB_CLI_RUN_PAIRS_H
#define ALB_CLI_RUN_PAIRS_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

/* The members of the object, in any order. */
typedef struct alb_pair_keys {
  const char *first, *second;
  bool second_optional;
} alb_pair_keys;

/* Two texts; alb_pair_free at the end, also after a failure. second.p is NULL when it is not there. */
typedef struct alb_pair {
  char *memory;
  alb_str first, second;
} alb_pair;

/* Strict: an object of these members, each once, all of them strings. Bytes that are not UTF-8 stay as they are, for
 * the tokenizer to replace. ALB_MALFORMED says what and where. */
alb_status alb_pair_parse(alb_diag *diag, alb_str line, const alb_pair_keys *keys, alb_pair *out);
void alb_pair_free(alb_pair *pair);

#endif
