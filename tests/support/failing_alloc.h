/* Allocations that can be made to fail, for a test program whose allocations the linker sends here
 * (-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc, tests/CMakeLists.txt). Included once a program. */
#ifndef ALB_TESTS_FAILING_ALLOC_H
#define ALB_TESTS_FAILING_ALLOC_H

#include <stdatomic.h>
#include <stddef.h>

static atomic_long taken, fail_at; /* allocations so far; the one to refuse (0: none), and all after it */

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static int refuse(void) {
  const long n = atomic_fetch_add(&taken, 1) + 1, at = atomic_load(&fail_at);
  return at != 0 && n >= at;
}

void *__wrap_malloc(size_t n) {
  return refuse() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
  return refuse() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n) {
  return refuse() ? NULL : __real_realloc(p, n);
}

#endif
