/* Question answering: the best spans of a window. */
#include "runtime/answer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

enum { TOKENS = 6 };

/* Start and end logits; tokens 0 and 1 are not of the context. */
static const float logits[2 * TOKENS] = {9, 8, 50, 60, 0, 1, 2, 0, 1, 3, 0, 2};
static const size_t first_token = 0;

static double probability(size_t token, size_t end, bool others) {
  double total = others ? exp((double)logits[end]) : 0;
  for (size_t i = 2; i < TOKENS; i++) total += exp((double)logits[2 * i + end]);
  return exp((double)logits[2 * token + end]) / total;
}

static void check(const alb_window *w, size_t longest, size_t most) {
  alb_span_score best[16];
  const size_t count = alb_best_spans(logits, w, longest, best, most);
  size_t all = 0;
  for (size_t s = 2; s < TOKENS; s++) {
    for (size_t e = s; e < TOKENS && e - s < longest; e++) all++;
  }
  assert_int_equal(count, all < most ? all : most);
  for (size_t i = 0; i < count; i++) {
    const alb_span_score *b = &best[i];
    assert_in_range(b->start, 2, b->end);
    assert_in_range(b->end, b->start, b->start + longest - 1);
    const double score = probability(b->start, 0, w->other_count) * probability(b->end, 1, w->other_count);
    assert_true(fabs(b->score - score) < 1e-12);
    assert_true(i == 0 || best[i - 1].score >= b->score);
  }
  /* nothing that was left out is better */
  for (size_t s = 2; s < TOKENS; s++) {
    for (size_t e = s; e < TOKENS && e - s < longest; e++) {
      const double score = probability(s, 0, w->other_count) * probability(e, 1, w->other_count);
      bool kept = false;
      for (size_t i = 0; i < count; i++) kept |= best[i].start == s && best[i].end == e;
      assert_true(kept || score <= best[count - 1].score + 1e-12);
    }
  }
}

static void test_spans(void **state) {
  (void)state;
  const alb_window w = {.first = 2, .count = TOKENS - 2};
  for (size_t longest = 1; longest < 6; longest++) {
    for (size_t most = 1; most < 14; most++) check(&w, longest, most);
  }
}

static void test_others_take_part(void **state) {
  (void)state;
  const alb_window w = {.first = 2, .count = TOKENS - 2, .others = &first_token, .other_count = 1};
  check(&w, 3, 5);
}

/* Large logits overflow nothing; numbers that are none end somewhere. */
static void test_extremes(void **state) {
  (void)state;
  const float large[] = {3e38f, -3e38f, -3e38f, 3e38f};
  const float none[] = {NAN, NAN, NAN, NAN};
  const alb_window w = {.first = 0, .count = 2};
  alb_span_score best[4];
  assert_int_equal(alb_best_spans(large, &w, 2, best, 4), 3);
  assert_int_equal(best[0].start, 0);
  assert_int_equal(best[0].end, 1);
  assert_true(best[0].score == 1);
  assert_int_equal(alb_best_spans(none, &w, 2, best, 4), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_spans),
      cmocka_unit_test(test_others_take_part),
      cmocka_unit_test(test_extremes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
