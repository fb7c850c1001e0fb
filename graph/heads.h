/* Facts about heads: functions on the hidden states. */
#ifndef ALB_GRAPH_HEADS_H
#define ALB_GRAPH_HEADS_H

#include <stdbool.h>
#include <stddef.h>

/* In the order of graph/heads.def, which says what the fields mean. */
typedef enum alb_head {
#define ALB_HEAD(id, function, words, golden_rows, largest) ALB_HEAD_##id,
#include "graph/heads.def"
#undef ALB_HEAD
  ALB_HEAD_COUNT
} alb_head;

typedef struct alb_head_facts {
  const char *function, *words;
  size_t golden_rows;
  bool picks;
} alb_head_facts;

const alb_head_facts *alb_head_info(alb_head head);
/* ALB_HEAD_COUNT: the function is no head. */
alb_head alb_head_by_function(const char *function);

#endif
