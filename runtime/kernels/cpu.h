/* Features of the processor this program runs on. */
#ifndef ALB_KERNELS_CPU_H
#define ALB_KERNELS_CPU_H

#include <stddef.h>
#include <stdint.h>

enum {
#define ALB_CPU_FEATURE(id, name) ALB_CPU_BIT_##id,
#include "runtime/kernels/cpu.def"
#undef ALB_CPU_FEATURE
  ALB_CPU_BIT_COUNT
};

/* A set of features: one bit each. */
typedef uint32_t alb_cpu;

enum {
#define ALB_CPU_FEATURE(id, name) ALB_CPU_##id = 1 << ALB_CPU_BIT_##id,
#include "runtime/kernels/cpu.def"
#undef ALB_CPU_FEATURE
};

/* Bytes that alb_cpu_names needs at most, NUL included. */
enum { ALB_CPU_NAMES_MAX = 192 };

/* Asks the processor and the operating system; cheap, never fails (an unknown machine has none). Where there are
 * tile registers (AMX) it also asks the system to let this process use them, as Linux wants. */
alb_cpu alb_cpu_detect(void);
/* The names of a set, "avx2,fma,f16c"; "" for none. Returns `out`. */
const char *alb_cpu_names(alb_cpu features, char out[ALB_CPU_NAMES_MAX]);

#endif
