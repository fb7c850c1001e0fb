/* Work shared among threads for one call: every item once, parts of their own, and the limit. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/parallel.h"
#include "tests/support/check.h"

enum { ITEMS = 1000 };

typedef struct seen {
  atomic_int items[ITEMS], parts[ALB_PARALLEL_MAX];
  atomic_size_t smallest;
} seen;

static void visit(void *context, size_t index, size_t first, size_t last) {
  seen *s = context;
  size_t smallest = atomic_load(&s->smallest);
  atomic_fetch_add(&s->parts[index], 1);
  for (size_t i = first; i < last; i++) atomic_fetch_add(&s->items[i], 1);
  while (last - first < smallest && !atomic_compare_exchange_weak(&s->smallest, &smallest, last - first)) continue;
}

static int run(size_t n, size_t least, seen *s) {
  int parts = 0;
  memset(s, 0, sizeof *s);
  atomic_store(&s->smallest, (size_t)ITEMS + 1);
  alb_parallel(n, least, visit, s);
  for (size_t i = 0; i < ITEMS; i++) assert_int_equal(atomic_load(&s->items[i]), i < n);
  for (size_t i = 0; i < ALB_PARALLEL_MAX; i++) {
    assert_true(atomic_load(&s->parts[i]) <= 1);
    parts += atomic_load(&s->parts[i]);
  }
  return parts;
}

static void test_every_item_once(void **state) {
  static const size_t counts[] = {1, 2, 3, 7, 16, 17, 999, ITEMS};
  seen s;
  (void)state;
  for (size_t threads = 1; threads <= ALB_PARALLEL_MAX; threads++) {
    alb_parallel_limit(threads);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
      const int parts = run(counts[i], 1, &s);
      assert_int_equal(parts, counts[i] < threads ? counts[i] : threads);
    }
  }
  alb_parallel_limit(0);
}

static void count_parts(void *context, size_t index, size_t first, size_t last) {
  (void)index, (void)first, (void)last;
  atomic_fetch_add((atomic_int *)context, 1);
}

/* A call's own number of threads, whatever the limit. */
static void test_on(void **state) {
  (void)state;
  alb_parallel_limit(2);
  for (size_t threads = 0; threads <= 5; threads++) {
    atomic_int parts = 0;
    alb_parallel_on(threads, ITEMS, 1, count_parts, &parts);
    assert_int_equal(atomic_load(&parts), threads ? threads : 1);
  }
  alb_parallel_limit(0);
}

static void test_least(void **state) {
  seen s;
  (void)state;
  alb_parallel_limit(8);
  assert_int_equal(run(ITEMS, ITEMS, &s), 1);
  assert_int_equal(run(ITEMS, 400, &s), 2);
  assert_true(atomic_load(&s.smallest) >= 400);
  assert_int_equal(run(100, 400, &s), 1);
  alb_parallel_limit(0);
}

static void test_nothing(void **state) {
  seen s;
  (void)state;
  assert_int_equal(run(0, 1, &s), 0);
}

static void test_more_threads_than_parts(void **state) {
  seen s;
  (void)state;
  alb_parallel_limit(1000);
  assert_int_equal(run(ITEMS, 1, &s), ALB_PARALLEL_MAX);
  alb_parallel_limit(0);
  assert_true(run(ITEMS, 1, &s) >= 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_item_once),
      cmocka_unit_test(test_on),
      cmocka_unit_test(test_least),
      cmocka_unit_test(test_nothing),
      cmocka_unit_test(test_more_threads_than_parts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
