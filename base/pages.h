/* Large memory, in large pages where the system has them. */
#ifndef ALB_BASE_PAGES_H
#define ALB_BASE_PAGES_H

#include <stddef.h>

enum { ALB_PAGES_ALIGN = 64 };

/* Memory of at least `bytes`, aligned to ALB_PAGES_ALIGN, not cleared; for free(). NULL: there is none. Large pages
 * take a fraction of the time to fault in, and products read weights in them with fewer misses. */
void *alb_pages_new(size_t bytes);

#endif
