/* Work on independent items, shared among a few threads for the time of one call. */
#ifndef ALB_BASE_PARALLEL_H
#define ALB_BASE_PARALLEL_H

#include <stddef.h>

enum { ALB_PARALLEL_MAX = 16 };

/* Items first .. last-1; index < ALB_PARALLEL_MAX is another one for each part of a call, for memory of its own. */
typedef void alb_parallel_part(void *context, size_t index, size_t first, size_t last);

/* Cuts n items into parts of at least `least` (>= 1), one a thread, and runs them all; the calling thread takes part,
 * and takes over what no thread can be made for. A part must not depend on where the others are cut. */
void alb_parallel(size_t n, size_t least, alb_parallel_part *part, void *context);

/* The same on at most `threads` threads, whatever the limit; more than ALB_PARALLEL_MAX are not used. */
void alb_parallel_on(size_t threads, size_t n, size_t least, alb_parallel_part *part, void *context);

/* The most threads that later calls use, in the whole process; 0: the physical cores, which is the default. Not
 * to be changed while alb_parallel runs. */
void alb_parallel_limit(size_t threads);

#endif
