/* Size arithmetic that reports overflow instead of wrapping. */
#ifndef ALB_BASE_CHECKED_H
#define ALB_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool alb_add_ok(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}

static inline bool alb_mul_ok(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

static inline size_t alb_least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Rounds n up to a multiple of `align` (a power of two). */
static inline bool alb_align_ok(size_t n, size_t align, size_t *out) {
  if (!alb_add_ok(n, align - 1, out)) return false;
  *out &= ~(align - 1);
  return true;
}

#endif
