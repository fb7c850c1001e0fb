/* What the multiply-add units of this machine reach: the measure of every --bench line. */
#include "peak.h"
#include "checkkern.h"

#if defined(__x86_64__)
static void run_avx2(void *context) {
  *(float *)context = fma_loop_avx2();
}

static void run_avx512(void *context) {
  *(float *)context = fma_loop_avx512();
}

double measure_peak(alb_cpu cpu) {
  float sink = 0;
  if (cpu & ALB_CPU_AVX512F) return FMA_LOOP_FLOPS(16) / least_seconds(run_avx512, &sink) * 1e-9;
  if (!(cpu & ALB_CPU_AVX2) || !(cpu & ALB_CPU_FMA)) return 0;
  return FMA_LOOP_FLOPS(8) / least_seconds(run_avx2, &sink) * 1e-9;
}
#elif defined(__aarch64__)
static void run_neon(void *context) {
  *(float *)context = fma_loop_neon();
}

double measure_peak(alb_cpu cpu) {
  float sink = 0;
  return cpu & ALB_CPU_NEON ? FMA_LOOP_FLOPS(8) / least_seconds(run_neon, &sink) * 1e-9 : 0;
}
#else
double measure_peak(alb_cpu cpu) {
  (void)cpu;
  return 0;
}
#endif
