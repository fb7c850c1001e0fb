/* Work on independent items, shared among a few threads for the time of one call. */
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cores.h"

typedef struct share {
  alb_parallel_part *part;
  void *context;
  size_t index, first, last;
  pthread_t thread;
  bool started;
} share;

static atomic_size_t limit; /* 0: not known yet */

void alb_parallel_limit(size_t threads) {
  atomic_store(&limit, threads);
}

static size_t known_limit(void) {
  size_t most = atomic_load(&limit);
  if (most == 0) {
    most = alb_physical_cores();
    atomic_store(&limit, most);
  }
  return most;
}

static size_t threads_of(size_t most, size_t n, size_t least) {
  if (most > ALB_PARALLEL_MAX) most = ALB_PARALLEL_MAX;
  return n / least < most ? n / least : most;
}

static void run(const share *s) {
  s->part(s->context, s->index, s->first, s->last);
}

static void *run_thread(void *context) {
  run(context);
  return NULL;
}

void alb_parallel(size_t n, size_t least, alb_parallel_part *part, void *context) {
  alb_parallel_on(known_limit(), n, least, part, context);
}

void alb_parallel_on(size_t threads, size_t n, size_t least, alb_parallel_part *part, void *context) {
  share shares[ALB_PARALLEL_MAX];
  const size_t count = threads_of(threads, n, least);
  if (count < 2) {
    if (n) part(context, 0, 0, n);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    share *s = &shares[i];
    *s = (share){.part = part, .context = context, .index = i, .first = n * i / count, .last = n * (i + 1) / count};
    s->started = i > 0 && pthread_create(&s->thread, NULL, run_thread, s) == 0;
  }
  for (size_t i = 0; i < count; i++) {
    if (!shares[i].started) run(&shares[i]);
  }
  for (size_t i = 0; i < count; i++) {
    if (shares[i].started) (void)pthread_join(shares[i].thread, NULL);
  }
}
