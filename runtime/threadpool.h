/* Threads that run the tasks of one job at a time: fork, join, nothing else. */
#ifndef ALB_RUNTIME_THREADPOOL_H
#define ALB_RUNTIME_THREADPOOL_H

#include <stddef.h>

#include "base/status.h"

typedef struct alb_pool alb_pool;

/* One task of a job. `worker` < alb_pool_threads says which thread runs it (0: the caller), so that
 * each can have its own scratch memory. Which worker takes which task differs from run to run. */
typedef void (*alb_task)(void *context, size_t task, size_t worker);

/* A pool of `threads` >= 1 threads, the caller's own among them: 1 starts none. Free with alb_pool_free.
 * ALB_MEMORY when a thread cannot be had; ALB_ARGUMENT for 0 or more than ALB_THREADS_MAX. */
enum { ALB_THREADS_MAX = 1024 };
alb_status alb_pool_new(alb_diag *diag, size_t threads, alb_pool **out);
size_t alb_pool_threads(const alb_pool *pool);
/* Runs task 0 .. tasks-1, each once, and returns when all are done; what they wrote is then visible.
 * One run at a time per pool; a task must not run another job on its own pool. */
void alb_pool_run(alb_pool *pool, alb_task task, void *context, size_t tasks);
/* Joins the threads. NULL is fine. */
void alb_pool_free(alb_pool *pool);

#endif
