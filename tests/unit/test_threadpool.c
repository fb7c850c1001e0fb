/* The thread pool: every task once, results visible at the join, jobs back to back and after sleep. */
#include "runtime/threadpool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

enum { MOST = 512 };

typedef struct job {
  unsigned times[MOST]; /* plain memory: the join must make it visible */
  atomic_uint per_worker[64];
} job;

static void count(void *context, size_t task, size_t worker) {
  job *j = context;
  j->times[task]++;
  atomic_fetch_add(&j->per_worker[worker], 1);
}

static void run_once(alb_pool *pool, size_t tasks) {
  job j = {0};
  alb_pool_run(pool, count, &j, tasks);
  unsigned sum = 0;
  for (size_t i = 0; i < MOST; i++) assert_int_equal(j.times[i], i < tasks);
  for (size_t w = 0; w < 64; w++) {
    sum += j.per_worker[w];
    if (w >= alb_pool_threads(pool)) assert_int_equal(j.per_worker[w], 0);
  }
  assert_int_equal(sum, tasks);
}

static void each_task_once(void **state) {
  (void)state;
  const size_t threads[] = {1, 2, 3, 8}, tasks[] = {0, 1, 2, 7, 64, MOST};
  for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
    alb_pool *pool = NULL;
    assert_int_equal(alb_pool_new(NULL, threads[i], &pool), ALB_OK);
    assert_int_equal(alb_pool_threads(pool), threads[i]);
    for (int round = 0; round < 50; round++) {
      for (size_t k = 0; k < sizeof tasks / sizeof tasks[0]; k++) run_once(pool, tasks[k]);
    }
    alb_pool_free(pool);
  }
}

static void jobs_after_sleep(void **state) {
  (void)state;
  alb_pool *pool = NULL;
  assert_int_equal(alb_pool_new(NULL, 3, &pool), ALB_OK);
  for (int round = 0; round < 20; round++) {
    usleep(2000); /* longer than the workers spin */
    run_once(pool, 32);
  }
  alb_pool_free(pool);
}

typedef struct slow_job {
  atomic_uint started, done;
} slow_job;

static void slow(void *context, size_t task, size_t worker) {
  slow_job *j = context;
  (void)worker;
  atomic_fetch_add(&j->started, 1);
  if (task == 0) {
    for (int i = 0; i < 100 && atomic_load(&j->started) < 2; i++) usleep(1000);
  } else {
    usleep(20000); /* the caller, done with its task, must sleep until this one is */
  }
  atomic_fetch_add(&j->done, 1);
}

static void join_waits_for_the_slowest(void **state) {
  (void)state;
  alb_pool *pool = NULL;
  assert_int_equal(alb_pool_new(NULL, 2, &pool), ALB_OK);
  for (int round = 0; round < 3; round++) {
    slow_job j = {0};
    alb_pool_run(pool, slow, &j, 2);
    assert_int_equal(j.done, 2);
  }
  alb_pool_free(pool);
}

static void free_without_a_job(void **state) {
  (void)state;
  for (size_t threads = 1; threads < 5; threads++) {
    alb_pool *pool = NULL;
    assert_int_equal(alb_pool_new(NULL, threads, &pool), ALB_OK);
    alb_pool_free(pool);
  }
  alb_pool_free(NULL);
}

static void counts_out_of_range(void **state) {
  (void)state;
  alb_pool *pool = (alb_pool *)1;
  alb_diag diag = {0};
  assert_int_equal(alb_pool_new(&diag, 0, &pool), ALB_ARGUMENT);
  assert_null(pool);
  alb_diag_free(&diag);
  assert_int_equal(alb_pool_new(NULL, (size_t)ALB_THREADS_MAX + 1, &pool), ALB_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_task_once),
      cmocka_unit_test(jobs_after_sleep),
      cmocka_unit_test(join_waits_for_the_slowest),
      cmocka_unit_test(free_without_a_job),
      cmocka_unit_test(counts_out_of_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
