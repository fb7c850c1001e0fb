/* Batches cut into parts of whole sequences by the work that they take. */
#include <math.h>
#include <stdint.h>

#include "runtime/partition.h"
#include "tests/support/check.h"

enum { MOST = 600 };

static const alb_cost even = {.token = 1}, steep = {.token = 100, .pair = 1};

/* Lengths from a small generator, 1 .. longest. */
static void make_starts(size_t sequences, size_t longest, size_t *starts) {
  uint32_t seed = 5;
  starts[0] = 0;
  for (size_t i = 0; i < sequences; i++) {
    seed = seed * 1664525u + 1013904223u;
    starts[i + 1] = starts[i] + 1 + (seed >> 8) % longest;
  }
}

static void check_parts(const size_t *starts, size_t sequences, size_t threads, size_t most) {
  size_t parts[MOST + 1];
  const size_t count = alb_partition(&steep, starts, sequences, threads, most, parts);
  assert_true(count >= 1 && count <= sequences);
  assert_int_equal(parts[0], 0);
  assert_int_equal(parts[count], sequences);
  for (size_t i = 0; i < count; i++) {
    assert_true(parts[i] < parts[i + 1]);
    if (parts[i + 1] - parts[i] > 1) assert_true(starts[parts[i + 1]] - starts[parts[i]] <= most);
  }
}

static void test_parts_are_whole(void **state) {
  size_t starts[MOST + 1];
  (void)state;
  for (size_t sequences = 1; sequences <= MOST; sequences += 1 + sequences / 3) {
    for (size_t threads = 1; threads < 200; threads *= 3) {
      make_starts(sequences, 1 + sequences % 300, starts);
      check_parts(starts, sequences, threads, 256);
      check_parts(starts, sequences, threads, 1);
    }
  }
}

/* Many sequences keep all threads busy to the end, whatever their lengths. */
static void test_threads_finish_together(void **state) {
  size_t starts[MOST + 1], parts[MOST + 1];
  (void)state;
  for (size_t threads = 1; threads <= 8; threads++) {
    make_starts(MOST, 80, starts);
    const size_t count = alb_partition(&steep, starts, MOST, threads, 256, parts);
    assert_true(alb_partition_balance(&steep, starts, parts, count, threads) > 0.97);
  }
}

static double balance_of(const alb_cost *cost, const size_t *starts, size_t sequences, size_t threads) {
  size_t parts[8];
  const size_t count = alb_partition(cost, starts, sequences, threads, 256, parts);
  return alb_partition_balance(cost, starts, parts, count, threads);
}

static void test_balance(void **state) {
  static const size_t twins[] = {0, 100, 200}, uneven[] = {0, 100, 400}, one[] = {0, 300};
  (void)state;
  assert_true(fabs(balance_of(&even, twins, 2, 2) - 1) < 1e-12);
  assert_true(fabs(balance_of(&even, uneven, 2, 2) - 400 / 600.0) < 1e-12);
  assert_true(fabs(balance_of(&even, one, 1, 4) - 0.25) < 1e-12);
  /* 100 tokens cost 20,000, 300 tokens 120,000 */
  assert_true(fabs(balance_of(&steep, uneven, 2, 2) - 140 / 240.0) < 1e-12);
}

/* The work of long sequences is more than their share of the tokens. */
static void test_work_not_count(void **state) {
  static const size_t starts[] = {0, 256, 320, 384, 448, 512};
  static const alb_cost quadratic = {.token = 1, .pair = 1};
  size_t parts[6];
  (void)state;
  const size_t count = alb_partition(&quadratic, starts, 5, 2, 512, parts);
  assert_true(count > 2);
  assert_int_equal(parts[1], 1); /* the long one alone */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts_are_whole),
      cmocka_unit_test(test_threads_finish_together),
      cmocka_unit_test(test_balance),
      cmocka_unit_test(test_work_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
