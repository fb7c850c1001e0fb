/* The spans of a window that answer best: the part of question answering that is numbers alone. */
#ifndef ALB_RUNTIME_ANSWER_H
#define ALB_RUNTIME_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/* Both ends belong to the span. */
typedef struct alb_span_score {
  uint32_t start, end;
  double score;
} alb_span_score;

/* Which tokens of a sequence are the context. */
typedef struct alb_window {
  size_t first, count;
  const size_t *others; /* [other_count] tokens that take part in the probabilities, though they are no answer */
  size_t other_count;
} alb_window;

/* The `most` best spans of at most `longest` tokens, best first; returns how many there are. logits[tokens][2] are of
 * start and end; the score is the product of their probabilities. */
size_t alb_best_spans(const float *logits, const alb_window *window, size_t longest, alb_span_score *best, size_t most);

#endif
