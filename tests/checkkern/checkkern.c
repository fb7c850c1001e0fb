/* checkkern: checks every variant of every kernel against its reference, and times it on request. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkkern.h"

static const struct {
  const char *slot;
  void (*check)(check *), (*bench)(check *);
} slots[] = {
#define ALB_KERNEL(slot, args) {#slot, check_##slot, bench_##slot},
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL
};

typedef struct options {
  bool bench, cold, list;
  uint64_t seed;
  int rounds;
  const char *only, *isa; /* NULL: all */
} options;

static struct { int passed, failed, skipped; } total;

static check *current; /* for the message of a crash */

static void on_crash(int number) {
  char line[400];
  if (!current) _exit(1);
  const int n = snprintf(line, sizeof line, "FAIL %s %s [%s]: signal %d (touched a guard page?)\n", current->slot,
                         current->isa, current->shape, number);
  if (write(STDERR_FILENO, line, (size_t)n) < 0) _exit(3);
  _exit(1);
}

static void run_check(check *c, void (*run)(check *)) {
  run(c);
  printf("%s %-12s %-8s %4d shapes, worst error %.2f of its bound\n", c->failures ? "FAIL" : "ok  ", c->slot, c->isa,
         c->rounds, c->worst);
  total.passed += !c->failures;
  total.failed += c->failures != 0;
}

/* The two tables for one variant; false where the machine cannot run it. */
static bool select_tables(const alb_kernel_variant *v, alb_cpu cpu, alb_kernels *ref, alb_kernels *test) {
  alb_diag diag = {0};
  const bool ok =
      alb_kernels_select(&diag, cpu, "ref", ref) == ALB_OK && alb_kernels_select(&diag, cpu, v->isa, test) == ALB_OK;
  if (!ok) printf("skip %-12s %-8s %s\n", v->slot, v->isa, alb_diag_text(&diag, ALB_UNSUPPORTED));
  alb_diag_free(&diag);
  total.skipped += !ok;
  return ok;
}

static void run_variant(const options *o, const alb_kernel_variant *v, alb_cpu cpu, double peak) {
  if ((o->only && strcmp(o->only, v->slot)) || (o->isa && strcmp(o->isa, v->isa))) return;
  if (o->list) {
    printf("%-12s %-8s %s\n", v->slot, v->isa, v->needs & ~cpu ? "(not on this machine)" : "");
    return;
  }
  alb_kernels ref, test;
  if (!select_tables(v, cpu, &ref, &test)) return;
  check c = {.ref = &ref, .test = &test, .slot = v->slot, .isa = v->isa, .random = o->seed, .rounds = o->rounds};
  c.peak_gflops = peak;
  c.cold = o->cold;
  current = &c;
  for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
    if (strcmp(slots[i].slot, v->slot)) continue;
    if (o->bench) {
      slots[i].bench(&c);
    } else {
      run_check(&c, slots[i].check);
    }
  }
  current = NULL;
}

static int usage(void) {
  fputs("usage: checkkern [--seed N] [--rounds N] [--only SLOT] [--isa NAME] [--list] [--bench [--cold]]\n", stderr);
  return 2;
}

static bool parse(int argc, char **argv, options *o) {
  static const struct option known[] = {{"seed", 1, NULL, 's'}, {"rounds", 1, NULL, 'r'}, {"only", 1, NULL, 'o'},
                                        {"isa", 1, NULL, 'i'},  {"list", 0, NULL, 'l'},   {"bench", 0, NULL, 'b'},
                                        {"cold", 0, NULL, 'c'}, {NULL, 0, NULL, 0}};
  for (int key; (key = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (key == 's') o->seed = strtoull(optarg, NULL, 0);
    if (key == 'r') o->rounds = atoi(optarg);
    if (key == 'o') o->only = optarg;
    if (key == 'i') o->isa = optarg;
    if (key == 'l') o->list = true;
    if (key == 'b') o->bench = true;
    if (key == 'c') o->bench = o->cold = true;
    if (key == '?') return false;
  }
  return optind == argc && o->rounds > 0;
}

/* What this machine has, and what the build emulates on top. */
static alb_cpu features(void) {
  const alb_cpu cpu = alb_cpu_detect();
#ifdef CHECKKERN_EMULATED
  return cpu & ALB_CPU_AVX512VNNI ? cpu | (CHECKKERN_EMULATED) : cpu;
#else
  return cpu;
#endif
}

int main(int argc, char **argv) {
  options o = {.seed = 1, .rounds = 60};
  if (!parse(argc, argv, &o)) return usage();
  char names[ALB_CPU_NAMES_MAX];
  const alb_cpu cpu = features();
  signal(SIGSEGV, on_crash);
  signal(SIGBUS, on_crash);
  signal(SIGILL, on_crash);
  printf("machine: %s; seed %llu\n", alb_cpu_names(cpu, names), (unsigned long long)o.seed);
  const double peak = o.bench ? measure_peak(cpu) : 0;
  if (o.bench) printf("multiply-add peak of one core: %.1f GFLOP/s\n", peak);
  size_t count;
  const alb_kernel_variant *variants = alb_kernel_variants(&count);
  for (size_t i = 0; i < count; i++) run_variant(&o, &variants[i], cpu, peak);
  if (!o.list && !o.bench) printf("%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped);
  return total.failed ? 1 : 0;
}
