/* Threads that run the tasks of one job at a time.
 *
 * One 64-bit word tells all: the job's number, whether it is open, how many workers are inside. A worker
 * enters an open job by adding one to that word, takes tasks from a shared counter and leaves by
 * subtracting one; the caller closes the job when the counter is spent and waits until nobody is inside.
 * So a worker that wakes late finds the job closed and holds nobody up. Waiting spins first, for jobs
 * follow each other within microseconds, then sleeps. */
#include "runtime/threadpool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define relax() __asm__ volatile("yield")
#else
#define relax() ((void)0)
#endif

/* The word: number << 32 | open << 31 | workers inside. */
#define OPEN ((uint64_t)1 << 31)
#define INSIDE (OPEN - 1)
#define JOB(word) ((word) >> 32)

enum { SPINS = 4000 }; /* about 50-100 microseconds */

typedef struct worker {
  struct alb_pool *pool;
  size_t index; /* 1 .. threads - 1 */
  pthread_t thread;
} worker;

struct alb_pool {
  _Alignas(64) _Atomic uint64_t word;
  _Alignas(64) atomic_size_t next; /* the first task not yet taken */
  _Alignas(64) alb_task task;      /* this and the next two: constant while a job is open */
  void *context;
  size_t tasks;
  size_t threads; /* the caller and the started workers */
  pthread_mutex_t mutex;
  pthread_cond_t opened, left;
  atomic_uint sleepers; /* workers asleep on `opened` */
  atomic_bool caller_sleeps, stop;
  worker workers[]; /* [threads - 1] */
};

static void take_tasks(alb_pool *pool, size_t index) {
  for (;;) {
    const size_t task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (task >= pool->tasks) return;
    pool->task(pool->context, task, index);
  }
}

/* Returns the number of a job other than `seen`, or `seen` when the pool stops. */
static uint64_t wait_for_job(alb_pool *pool, uint64_t seen) {
  for (int i = 0; i < SPINS; i++) {
    const uint64_t job = JOB(atomic_load_explicit(&pool->word, memory_order_acquire));
    if (job != seen) return job;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  while (JOB(atomic_load(&pool->word)) == seen && !atomic_load(&pool->stop)) {
    pthread_cond_wait(&pool->opened, &pool->mutex);
  }
  atomic_fetch_sub(&pool->sleepers, 1);
  pthread_mutex_unlock(&pool->mutex);
  return JOB(atomic_load(&pool->word));
}

/* False: the job is closed already. */
static bool enter(alb_pool *pool, uint64_t job) {
  uint64_t word = atomic_load(&pool->word);
  while (JOB(word) == job && (word & OPEN)) {
    if (atomic_compare_exchange_weak(&pool->word, &word, word + 1)) return true;
  }
  return false;
}

static void leave(alb_pool *pool) {
  const uint64_t before = atomic_fetch_sub(&pool->word, 1);
  const bool last = (before & INSIDE) == 1 && !(before & OPEN);
  if (!last || !atomic_load(&pool->caller_sleeps)) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->left);
  pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
  const worker *self = argument;
  alb_pool *pool = self->pool;
  uint64_t seen = 0;
  while (!atomic_load(&pool->stop)) {
    seen = wait_for_job(pool, seen);
    if (!enter(pool, seen)) continue;
    take_tasks(pool, self->index);
    leave(pool);
  }
  return NULL;
}

static void open_job(alb_pool *pool) {
  const uint64_t job = (uint64_t)(uint32_t)(JOB(atomic_load(&pool->word)) + 1);
  atomic_store(&pool->next, 0);
  atomic_store(&pool->word, job << 32 | OPEN);
  if (atomic_load(&pool->sleepers) == 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->opened);
  pthread_mutex_unlock(&pool->mutex);
}

/* Lets nobody in any more and waits for those inside. */
static void close_job(alb_pool *pool) {
  uint64_t word = atomic_fetch_and(&pool->word, ~OPEN);
  for (int i = 0; i < SPINS && (word & INSIDE); i++) {
    relax();
    word = atomic_load(&pool->word);
  }
  if (!(word & INSIDE)) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->word) & INSIDE) pthread_cond_wait(&pool->left, &pool->mutex);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

void alb_pool_run(alb_pool *pool, alb_task task, void *context, size_t tasks) {
  if (pool->threads == 1 || tasks < 2) {
    for (size_t i = 0; i < tasks; i++) task(context, i, 0);
    return;
  }
  pool->task = task;
  pool->context = context;
  pool->tasks = tasks;
  open_job(pool);
  take_tasks(pool, 0);
  close_job(pool);
}

size_t alb_pool_threads(const alb_pool *pool) {
  return pool->threads;
}

/* Memory for a pool that can hold `threads`; itself counts one, the caller. */
static alb_pool *allocate(size_t threads) {
  size_t bytes = sizeof(alb_pool) + (threads - 1) * sizeof(worker);
  bytes = (bytes + 63) / 64 * 64;
  alb_pool *pool = aligned_alloc(64, bytes);
  if (!pool) return NULL;
  memset(pool, 0, bytes);
  pool->threads = 1;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->opened, NULL);
  pthread_cond_init(&pool->left, NULL);
  return pool;
}

alb_status alb_pool_new(alb_diag *diag, size_t threads, alb_pool **out) {
  *out = NULL;
  if (threads < 1 || threads > ALB_THREADS_MAX) {
    return alb_fail(diag, ALB_ARGUMENT, "%zu threads (1 to %d are possible)", threads, ALB_THREADS_MAX);
  }
  alb_pool *pool = allocate(threads);
  if (!pool) return alb_fail_memory(diag, sizeof *pool, "the thread pool");
  for (size_t i = 1; i < threads; i++) {
    worker *w = &pool->workers[i - 1];
    *w = (worker){.pool = pool, .index = i};
    if (pthread_create(&w->thread, NULL, work, w)) {
      alb_pool_free(pool);
      return alb_fail(diag, ALB_MEMORY, "thread %zu of %zu cannot be started", i + 1, threads);
    }
    pool->threads++;
  }
  *out = pool;
  return ALB_OK;
}

void alb_pool_free(alb_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->stop, true);
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->opened);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t i = 1; i < pool->threads; i++) pthread_join(pool->workers[i - 1].thread, NULL);
  pthread_cond_destroy(&pool->left);
  pthread_cond_destroy(&pool->opened);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}
