/* Tables of words as products: exact where their rank allows it, nearest for the words that come, bad numbers refused.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tune/factor_words.h"

enum { WORDS = 3000, WIDTH = 24, RANK = 5 };

static float table[WORDS * WIDTH];

/* A table of that rank. */
static void make_table(uint64_t seed, size_t rank) {
  float mix[WIDTH * WIDTH];
  for (size_t i = 0; i < rank * WIDTH; i++) mix[i] = graph_text_random(&seed);
  memset(table, 0, sizeof table);
  for (size_t v = 0; v < WORDS; v++) {
    for (size_t r = 0; r < rank; r++) {
      const float x = graph_text_random(&seed);
      for (size_t i = 0; i < WIDTH; i++) table[v * WIDTH + i] += x * mix[r * WIDTH + i];
    }
  }
}

/* errors[v] = squared distance of word v from the product's. */
static alb_status factor(const alb_sequences *texts, size_t size, double *errors) {
  alb_tensors tensors = {0};
  uint32_t id, narrow, wide;
  alb_diag diag = {0};
  const alb_span bytes = {(const uint8_t *)table, sizeof table};
  assert_ok(&diag,
            alb_tensors_add(&diag, &tensors, ALB_STR("words"), ALB_F32, 2, (uint64_t[]){WORDS, WIDTH}, bytes, &id));
  const alb_status status = alb_factor_words(&diag, (void *)(uintptr_t)texts, &tensors, id, size, &narrow, &wide);
  float t[WORDS * WIDTH], p[WIDTH * WIDTH];
  if (status == ALB_OK) {
    assert_int_equal(tensors.tensors.items[narrow].dims[1], size);
    assert_ok(&diag, alb_blob_f32(&diag, &tensors, tensors.tensors.items[narrow].blob, t));
    assert_ok(&diag, alb_blob_f32(&diag, &tensors, tensors.tensors.items[wide].blob, p));
  }
  for (size_t i = 0; status == ALB_OK && i < WORDS * WIDTH; i++) {
    double sum = 0;
    for (size_t e = 0; e < size; e++) sum += (double)t[i / WIDTH * size + e] * (double)p[i % WIDTH * size + e];
    errors[i / WIDTH] += pow(sum - (double)table[i], 2);
  }
  alb_diag_free(&diag);
  alb_tensors_free(&tensors);
  return status;
}

static double sum_of(const double *errors, size_t first, size_t end) {
  double sum = 0;
  for (size_t v = first; v < end; v++) sum += errors[v];
  return sum;
}

static void test_exact(void **state) {
  double errors[WORDS] = {0};
  (void)state;
  make_table(1, RANK);
  assert_int_equal(factor(NULL, RANK, errors), ALB_OK);
  for (size_t v = 0; v < WORDS; v++) assert_true(errors[v] < 1e-8);
}

/* What stands in the texts is nearer than without them; without them, what stands in front. */
static void test_weights(void **state) {
  static double counted[WORDS], ranked[WORDS];
  static int32_t ids[400];
  (void)state;
  make_table(2, WIDTH);
  for (size_t i = 0; i < 400; i++) ids[i] = (int32_t)(WORDS - 1 - i % 20);
  ids[0] = -1; /* out of the table: not counted */
  ids[1] = WORDS;
  const uint32_t length = 400;
  const alb_sequences texts = {1, 400, &length, ids, ids, ids};
  assert_int_equal(factor(&texts, 12, counted), ALB_OK);
  assert_int_equal(factor(NULL, 12, ranked), ALB_OK);
  assert_true(sum_of(counted, WORDS - 20, WORDS) < 0.5 * sum_of(ranked, WORDS - 20, WORDS));
  assert_true(sum_of(ranked, 0, 20) < 0.7 * sum_of(counted, 0, 20));
}

static void test_not_finite(void **state) {
  double errors[WORDS] = {0};
  (void)state;
  make_table(3, RANK);
  table[WIDTH + 1] = INFINITY;
  assert_int_equal(factor(NULL, RANK, errors), ALB_UNSUPPORTED);
  table[WIDTH + 1] = NAN;
  assert_int_equal(factor(NULL, RANK, errors), ALB_UNSUPPORTED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exact),
      cmocka_unit_test(test_weights),
      cmocka_unit_test(test_not_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
