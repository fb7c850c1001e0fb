/* How many threads are worth starting. */
#ifndef ALB_BASE_CORES_H
#define ALB_BASE_CORES_H

#include <stddef.h>

/* The physical cores this process may run on; at least 1. */
size_t alb_physical_cores(void);

#endif
