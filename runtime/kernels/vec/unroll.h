/* What makes a kernel one flat piece of code: inlining and unrolling that do not depend on the compiler's mood. */
#ifndef ALB_KERNELS_UNROLL_H
#define ALB_KERNELS_UNROLL_H

#define ALB_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define ALB_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ALB_UNROLL _Pragma("GCC unroll 32")
#endif

#endif
