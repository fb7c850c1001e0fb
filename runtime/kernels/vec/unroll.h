/* What makes a kernel one flat piece of code: inlining and unrolling, or not, that do not depend on the
 * compiler's mood. */
#ifndef ALB_KERNELS_UNROLL_H
#define ALB_KERNELS_UNROLL_H

#define ALB_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define ALB_UNROLL _Pragma("clang loop unroll(full)")
#define ALB_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#define ALB_ONCE static __attribute__((noinline))
#else
#define ALB_UNROLL _Pragma("GCC unroll 32")
#define ALB_KEEP_LOOP _Pragma("GCC unroll 1")
#define ALB_ONCE static __attribute__((noinline, noclone))
#endif

#endif
