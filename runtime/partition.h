/* Cutting a batch into parts of whole sequences, by the work that they take. */
#ifndef ALB_RUNTIME_PARTITION_H
#define ALB_RUNTIME_PARTITION_H

#include <stddef.h>

/* What a sequence of n tokens costs: n * token + n * n * pair. */
typedef struct alb_cost {
  double token, pair;
} alb_cost;

/* Writes the first sequence of each part and, behind the last, `sequences`; returns the number of parts. `starts` is
 * as in alb_exec, parts has room for sequences + 1. A part has at most `most` tokens unless it is one sequence. Parts
 * become smaller towards the end, so that threads that take one after the other finish together. */
size_t alb_partition(const alb_cost *cost, const size_t *starts, size_t sequences, size_t threads, size_t most,
                     size_t *parts);

/* How busy threads are that take the parts one after the other: work / (threads * time), in (0, 1]. */
double alb_partition_balance(const alb_cost *cost, const size_t *starts, const size_t *parts, size_t count,
                             size_t threads);

#endif
