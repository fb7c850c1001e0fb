/* Large memory, in large pages where the system has them. */
#include "base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/checked.h"

enum { LARGE_PAGE = 2 << 20 };

void *alb_pages_new(size_t bytes) {
  const size_t align = bytes < LARGE_PAGE ? ALB_PAGES_ALIGN : LARGE_PAGE;
  size_t rounded; /* some allocators refuse a size that is no multiple of the alignment */
  if (!alb_align_ok(bytes ? bytes : 1, align, &rounded)) return NULL;
  void *p = aligned_alloc(align, rounded);
#ifdef MADV_HUGEPAGE
  if (p && align == LARGE_PAGE) (void)madvise(p, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
  return p;
}
