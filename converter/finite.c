/* Looking for NaN and infinity in weights. */
#include "converter/finite.h"

#include <stdatomic.h>
#include <stdbool.h>

#include "base/parallel.h"

/* Without the sign, bits from here on are infinite or NaN; for f64, infinite as f32, which all is computed in. */
static uint64_t first_bad(alb_dtype dtype) {
  switch (dtype) {
    case ALB_F16:
      return 0x7c00;
    case ALB_BF16:
      return 0x7f80;
    case ALB_F32:
      return 0x7f800000;
    case ALB_F64:
      return 0x47effffff0000000u; /* half a step above the largest f32 */
    default:
      return 0;
  }
}

/* For each width, over bytes at any place: is any of n bad, without a branch, so that a compiler makes
 * vectors of it; and which are. Signed, as the oldest vectors compare nothing else. */
#define SCAN(Type, max)                                              \
  static inline Type magnitude_##Type(const uint8_t *p) {            \
    Type bits;                                                       \
    memcpy(&bits, p, sizeof bits);                                   \
    return (Type)(bits & (max));                                     \
  }                                                                  \
  static bool any_##Type(const uint8_t *p, size_t n, Type bad) {     \
    Type any = 0;                                                    \
    for (size_t i = 0; i < n; i++) {                                 \
      any |= (Type)(magnitude_##Type(p + i * sizeof(Type)) >= bad);  \
    }                                                                \
    return any;                                                      \
  }                                                                  \
  static size_t count_##Type(const uint8_t *p, size_t n, Type bad) { \
    size_t count = 0;                                                \
    for (size_t i = 0; i < n; i++) {                                 \
      count += magnitude_##Type(p + i * sizeof(Type)) >= bad;        \
    }                                                                \
    return count;                                                    \
  }
SCAN(int16_t, INT16_MAX)
SCAN(int32_t, INT32_MAX)
SCAN(int64_t, INT64_MAX)
#undef SCAN

static bool any(alb_dtype dtype, const uint8_t *p, size_t n) {
  const uint64_t bad = first_bad(dtype);
  if (dtype == ALB_F32) return any_int32_t(p, n, (int32_t)bad);
  return dtype == ALB_F64 ? any_int64_t(p, n, (int64_t)bad) : any_int16_t(p, n, (int16_t)bad);
}

static size_t count(alb_dtype dtype, const uint8_t *p, size_t n) {
  const uint64_t bad = first_bad(dtype);
  if (dtype == ALB_F32) return count_int32_t(p, n, (int32_t)bad);
  return dtype == ALB_F64 ? count_int64_t(p, n, (int64_t)bad) : count_int16_t(p, n, (int16_t)bad);
}

typedef struct scan {
  alb_dtype dtype;
  const uint8_t *p;
  atomic_bool bad;
} scan;

static void scan_part(void *context, size_t index, size_t first, size_t last) {
  scan *s = context;
  (void)index;
  if (any(s->dtype, s->p + first * alb_dtype_bytes(s->dtype), last - first)) atomic_store(&s->bad, true);
}

/* Elements for which a thread is worth starting. */
enum { WORTH_A_THREAD = 1 << 19 };

static bool any_at_all(alb_dtype dtype, const uint8_t *p, size_t n) {
  scan s = {.dtype = dtype, .p = p};
  alb_parallel(n, WORTH_A_THREAD, scan_part, &s);
  return atomic_load(&s.bad);
}

alb_status alb_check_finite(alb_diag *diag, alb_str name, alb_dtype dtype, alb_span bytes) {
  const size_t width = alb_dtype_bytes(dtype), n = width ? bytes.n / width : 0;
  if (!first_bad(dtype) || !any_at_all(dtype, bytes.p, n)) return ALB_OK;
  size_t first = 0;
  while (!any(dtype, bytes.p + first * width, 1)) first++;
  return alb_fail(diag, ALB_NONFINITE, "tensor \"%.*s\": %zu of %zu values are NaN or infinite, the first at index %zu",
                  ALB_STR_ARGS(name), count(dtype, bytes.p, n), n, first);
}
