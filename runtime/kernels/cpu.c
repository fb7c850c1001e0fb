/* Features of the processor: x86 by cpuid, and xgetbv for what the operating system saves; ARM by what Linux says. */
#include "runtime/kernels/cpu.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum { EAX, EBX, ECX, EDX } reg;

/* Where cpuid says it, and which register state (XCR0 bits) the operating system must save. */
enum { STATE_YMM = 0x6, STATE_ZMM = 0xe6, STATE_TILE = 0x60000 };

static const struct {
  alb_cpu feature;
  unsigned leaf, subleaf;
  reg in;
  int bit;
  uint64_t state;
} sources[] = {
    {ALB_CPU_AVX2, 7, 0, EBX, 5, STATE_YMM},        {ALB_CPU_FMA, 1, 0, ECX, 12, STATE_YMM},
    {ALB_CPU_F16C, 1, 0, ECX, 29, STATE_YMM},       {ALB_CPU_AVXVNNI, 7, 1, EAX, 4, STATE_YMM},
    {ALB_CPU_AVX512F, 7, 0, EBX, 16, STATE_ZMM},    {ALB_CPU_AVX512BW, 7, 0, EBX, 30, STATE_ZMM},
    {ALB_CPU_AVX512DQ, 7, 0, EBX, 17, STATE_ZMM},   {ALB_CPU_AVX512VL, 7, 0, EBX, 31, STATE_ZMM},
    {ALB_CPU_AVX512VNNI, 7, 0, ECX, 11, STATE_ZMM}, {ALB_CPU_AVX512BF16, 7, 1, EAX, 5, STATE_ZMM},
    {ALB_CPU_AMXTILE, 7, 0, EDX, 24, STATE_TILE},   {ALB_CPU_AMXINT8, 7, 0, EDX, 25, STATE_TILE},
    {ALB_CPU_AMXBF16, 7, 0, EDX, 22, STATE_TILE},
};

enum { SOURCE_COUNT = sizeof sources / sizeof sources[0], OSXSAVE_BIT = 27 };
_Static_assert((int)SOURCE_COUNT == (int)ALB_CPU_BIT_NEON, "every feature of x86 has a source");

static uint64_t saved_state(void) {
  unsigned r[4] = {0};
  if (!__get_cpuid(1, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) || !(r[ECX] >> OSXSAVE_BIT & 1)) return 0;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

/* Linux gives the 8 KB of tile registers only to processes that ask for them, and then to all their threads
 * (Documentation/arch/x86/xstate.rst of the kernel). */
static bool may_use_tiles(void) {
#if defined(__linux__)
  enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
  return false;
#endif
}

alb_cpu alb_cpu_detect(void) {
  const alb_cpu tiles = ALB_CPU_AMXTILE | ALB_CPU_AMXINT8 | ALB_CPU_AMXBF16;
  const uint64_t state = saved_state();
  alb_cpu features = 0;
  for (int i = 0; i < SOURCE_COUNT; i++) {
    unsigned r[4] = {0};
    if (!__get_cpuid_count(sources[i].leaf, sources[i].subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX])) continue;
    const bool there = r[sources[i].in] >> sources[i].bit & 1, saved = (state & sources[i].state) == sources[i].state;
    if (there && saved) features |= sources[i].feature;
  }
  return features & tiles && !may_use_tiles() ? features & ~tiles : features;
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

static const struct {
  alb_cpu feature;
  unsigned long hwcap;
} sources[] = {{ALB_CPU_NEON, HWCAP_ASIMD}, {ALB_CPU_DOTPROD, HWCAP_ASIMDDP}};

enum { SOURCE_COUNT = sizeof sources / sizeof sources[0] };
_Static_assert((int)SOURCE_COUNT == (int)ALB_CPU_BIT_COUNT - (int)ALB_CPU_BIT_NEON,
               "every feature of ARM has a source");

alb_cpu alb_cpu_detect(void) {
  const unsigned long state = getauxval(AT_HWCAP);
  alb_cpu features = 0;
  for (int i = 0; i < SOURCE_COUNT; i++) {
    if (state & sources[i].hwcap) features |= sources[i].feature;
  }
  return features;
}
#else
alb_cpu alb_cpu_detect(void) {
  return 0;
}
#endif

static const char *const names[] = {
#define ALB_CPU_FEATURE(id, name) name,
#include "runtime/kernels/cpu.def"
#undef ALB_CPU_FEATURE
};

#define ALB_CPU_FEATURE(id, name) +sizeof(name)
_Static_assert(ALB_CPU_NAMES_MAX >= 0
#include "runtime/kernels/cpu.def"
               ,
               "all names fit");
#undef ALB_CPU_FEATURE

const char *alb_cpu_names(alb_cpu features, char out[ALB_CPU_NAMES_MAX]) {
  size_t used = 0;
  for (int i = 0; i < ALB_CPU_BIT_COUNT; i++) {
    if (!(features >> i & 1)) continue;
    if (used) out[used++] = ',';
    memcpy(out + used, names[i], strlen(names[i]));
    used += strlen(names[i]);
  }
  out[used] = '\0';
  return out;
}
