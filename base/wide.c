/* How wide vectors may be in code that is compiled once for each width. */
#include "base/wide.h"

#if defined(__x86_64__)
alb_wide alb_wide_best(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return ALB_WIDE_NONE;
  const int all = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return all ? ALB_WIDE_AVX512 : ALB_WIDE_AVX2;
}
#else
alb_wide alb_wide_best(void) {
  return ALB_WIDE_NONE;
}
#endif
