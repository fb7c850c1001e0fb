/* The best partitions of layers into runs of neighbours. */
#ifndef ALB_TUNE_CHOOSE_GROUPS_H
#define ALB_TUNE_CHOOSE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* cost[first * layers + last] is that of a group. For each number of groups k from 1 to layers, damage[k - 1] is the
 * least sum of costs and first[(k - 1) * layers + g] where its group g begins. False: out of memory. */
bool alb_partitions_best(const double *cost, size_t layers, double *damage, size_t *first);

/* "0-1,2,3": count groups, the g-th from first[g] on. NULL: out of memory. */
char *alb_groups_text(alb_arena *arena, const size_t *first, size_t count, size_t layers);

#endif
