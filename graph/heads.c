/* Facts about heads: functions on the hidden states. */
#include "graph/heads.h"

#include <string.h>

#include "graph/build_encoder.h"

enum { NUMBERS = false, PICK = true };

static const alb_head_facts facts[] = {
#define ALB_HEAD(id, function, words, golden_rows, largest) {function, words, golden_rows, largest},
#include "graph/heads.def"
#undef ALB_HEAD
};

const alb_head_facts *alb_head_info(alb_head head) {
  return &facts[head];
}

alb_head alb_head_by_function(const char *function) {
  for (int h = 0; h < ALB_HEAD_COUNT; h++) {
    if (strcmp(facts[h].function, function) == 0) return (alb_head)h;
  }
  return ALB_HEAD_COUNT;
}
