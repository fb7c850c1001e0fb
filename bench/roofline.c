/* roofline: what this machine's cores can do at most, and how near to it the matrix products come.
 *
 *     roofline [--json] [--threads N] [--isa NAME] [--only SLOT]
 *
 * Roofs: f32 multiply-adds, 8-bit multiply-adds with the instruction of each set, reading from caches and from memory.
 * Then every product of checkkern --bench --cold at the shapes of roofline_shapes.def: the least time that the roofs
 * allow, be it for computing or for reading the weights, over the time it takes. */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/roofs.h"
#include "checkkern.h"
#include "cli/json_out.h"

enum { READ_ALIGN = 4096, HZ_ROUNDS = 20000, HZ_CHAIN = 16, MOST_THREADS = 64, MOST_PRODUCTS = 1024, GROUP = 8 };
#define WEIGHTS_BYTES ((size_t)96 << 20) /* as many as checkkern --cold goes through */

/* The best seen of a core: clocks and the load of neighbours change, so the roofs that a product is compared with are
 * measured again after every GROUP of products. */
typedef struct roofs {
  double ghz, weights_gbs; /* reading as much as all weights of a model */
  alb_cpu cpu;
} roofs;

typedef struct product {
  const char *slot, *isa;
  size_t m, n, k;
  double seconds, peak; /* taken; GFLOP/s or GOP/s of the machine, 0 unknown */
} product;

typedef struct options {
  bool json;
  int threads;
  const char *isa, *only; /* NULL: all */
} options;

static options given;
static roofs measured;
static product products[MOST_PRODUCTS];
static size_t product_count;
static const alb_kernel_variant *timed_variant;
static alb_json json;

/* ---- the clock ---- */

/* A chain of additions, each waits for the one before: one a cycle. */
static void add_chain(void *context) {
  uint64_t x = 1, y = *(uint64_t *)context;
  for (int r = 0; r < HZ_ROUNDS; r++) {
#pragma GCC unroll 16
    for (int i = 0; i < HZ_CHAIN; i++) {
      x += y;
      __asm__ volatile("" : "+r"(x));
    }
  }
  *(uint64_t *)context = x;
}

static double measure_ghz(void) {
  uint64_t step = 1;
  return HZ_ROUNDS * (double)HZ_CHAIN / least_seconds(add_chain, &step) * 1e-9;
}

/* ---- 8-bit multiply-adds: one line an instruction set ---- */

static const struct {
  const char *isa; /* of the kernels that use it */
  const char *instruction;
  alb_cpu needs;
  int (*loop)(void);
  int chains, sums; /* sums of 32 bits in a chain */
} byte_loops[] = {
#if defined(__x86_64__)
    {"avx2", "vpmaddubsw ymm", ALB_CPU_AVX2, roof_madd_avx2, ROOF_CHAINS_AVX2, 8},
    {"avxvnni", "vpdpbusd ymm", ALB_CPU_AVX2 | ALB_CPU_AVXVNNI, roof_madd_avxvnni, ROOF_CHAINS_AVXVNNI, 8},
    {"vnni", "vpdpbusd zmm", ALB_CPU_AVX512F | ALB_CPU_AVX512VNNI, roof_madd_vnni, ROOF_CHAINS_VNNI, 16},
#endif
    {NULL, NULL, 0, NULL, 0, 0},
};

static volatile int sink;

static void run_bytes(void *context) {
  sink = byte_loops[*(size_t *)context].loop();
}

/* GOP/s; 0: no such loop, or not on this machine. */
static double byte_peak(const char *isa) {
  for (size_t i = 0; byte_loops[i].isa; i++) {
    if (strcmp(isa, byte_loops[i].isa) != 0 || (byte_loops[i].needs & ~measured.cpu)) continue;
    return ROOF_OPERATIONS(byte_loops[i].chains, byte_loops[i].sums) / least_seconds(run_bytes, &i) * 1e-9;
  }
  return 0;
}

/* ---- reading ---- */

uint64_t roof_read_plain(const void *p, size_t bytes) {
  const uint64_t *at = p;
  uint64_t x = 0;
  for (size_t i = 0; i < bytes / sizeof x; i++) x |= at[i];
  return x;
}

static uint64_t read_all(const void *p, size_t bytes) {
#if defined(__x86_64__)
  if (measured.cpu & ALB_CPU_AVX512F) return roof_read_avx512(p, bytes);
  if (measured.cpu & ALB_CPU_AVX2) return roof_read_avx2(p, bytes);
#endif
  return roof_read_plain(p, bytes);
}

typedef struct reader {
  pthread_t thread;
  pthread_barrier_t *barrier;
  char *bytes;
  size_t count;
  double seconds; /* of one reading while the others read too */
} reader;

static void run_read(void *context) {
  const reader *r = context;
  sink = (int)read_all(r->bytes, r->count);
}

static void *read_in_thread(void *context) {
  reader *r = context;
  memset(r->bytes, 1, r->count); /* pages come near the thread that reads them */
  (void)pthread_barrier_wait(r->barrier);
  r->seconds = least_seconds(run_read, r);
  return NULL;
}

/* GB/s of `threads` threads together, each with its own `bytes`; 0: no memory for it. */
static double read_rate(size_t bytes, int threads) {
  reader readers[MOST_THREADS];
  pthread_barrier_t barrier;
  double rate = 0;
  char *all = aligned_alloc(READ_ALIGN, bytes * (size_t)threads);
  if (!all) return 0;
  (void)pthread_barrier_init(&barrier, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++) {
    readers[i] = (reader){.barrier = &barrier, .bytes = all + bytes * (size_t)i, .count = bytes};
    if (pthread_create(&readers[i].thread, NULL, read_in_thread, &readers[i])) exit(2);
  }
  for (int i = 0; i < threads; i++) {
    (void)pthread_join(readers[i].thread, NULL);
    rate += (double)bytes / readers[i].seconds * 1e-9;
  }
  (void)pthread_barrier_destroy(&barrier);
  free(all);
  return rate;
}

static const struct {
  const char *name;
  size_t bytes;
} reads[] = {
    {"a first-level cache", 16 << 10},
    {"a second-level cache", 384 << 10},
    {"all weights of a model", WEIGHTS_BYTES},
    {"memory", (size_t)1 << 30},
};

/* ---- the reply ---- */

/* One roof; per_cycle 0: not counted in cycles. */
static void put_roof(const char *name, double rate, const char *unit, double per_cycle) {
  if (given.json) {
    alb_json_open(&json, '{');
    alb_json_key(&json, "roof");
    alb_json_text(&json, alb_str_of(name));
    alb_json_key(&json, "rate");
    alb_json_double(&json, rate, 2);
    alb_json_key(&json, "unit");
    alb_json_text(&json, alb_str_of(unit));
    alb_json_close(&json, '}');
    return;
  }
  printf("%-48s %9.1f %s", name, rate, unit);
  if (per_cycle > 0) printf(" (%.1f a cycle)", per_cycle);
  putchar('\n');
}

static void put_compute_roofs(alb_cpu cpu) {
  const double f32 = measure_peak(cpu);
  put_roof("additions in a chain, one core", measured.ghz, "GHz", 0);
  put_roof("f32 multiply-adds, one core", f32, "GFLOP/s", f32 / measured.ghz);
  for (size_t i = 0; byte_loops[i].isa; i++) {
    if (byte_loops[i].needs & ~cpu) continue;
    char name[80];
    const double rate = byte_peak(byte_loops[i].isa);
    (void)snprintf(name, sizeof name, "8-bit multiply-adds, %s, one core", byte_loops[i].instruction);
    put_roof(name, rate, "GOP/s", rate / measured.ghz);
  }
}

static void put_read_roof(size_t i, int threads) {
  char name[80];
  double rate = read_rate(reads[i].bytes, threads);
  if (threads == 1 && reads[i].bytes == WEIGHTS_BYTES && rate < measured.weights_gbs) rate = measured.weights_gbs;
  (void)snprintf(name, sizeof name, "reading %s, %d thread%s", reads[i].name, threads, threads > 1 ? "s" : "");
  put_roof(name, rate, "GB/s", 0);
}

static void put_roofs(void) {
  const double ghz = measure_ghz();
  if (ghz > measured.ghz) measured.ghz = ghz;
  put_compute_roofs(measured.cpu);
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    put_read_roof(i, 1);
    if (given.threads > 1) put_read_roof(i, given.threads);
  }
}

/* ---- products ---- */

/* Bytes of one weight of a product's kernel. */
static double weight_bytes(const char *slot) {
  return strcmp(slot, "gemm_f32") == 0 ? 4 : strcmp(slot, "gemm_s8") == 0 ? 1 : 0.5;
}

static double peak_of(const alb_kernel_variant *v) {
  return strcmp(v->slot, "gemm_f32") == 0 ? measure_peak(v->needs) : byte_peak(v->isa);
}

/* The roofs once more, for the products that were timed just now. */
static void measure_group(const check *c) {
  const double peak = peak_of(timed_variant), gbs = read_rate(WEIGHTS_BYTES, 1);
  if (gbs > measured.weights_gbs) measured.weights_gbs = gbs;
  for (size_t i = 0; i < product_count; i++) {
    if (products[i].slot == c->slot && peak > products[i].peak) products[i].peak = peak;
  }
}

/* checkkern's products report here. */
void report_rate(const check *c, const char *shape, double seconds, double flops, double bytes) {
  product p = {.slot = c->slot, .isa = c->isa, .seconds = seconds};
  (void)flops, (void)bytes;
  if (sscanf(shape, "%zux%zux%zu", &p.m, &p.n, &p.k) != 3 || product_count == MOST_PRODUCTS) return;
  products[product_count++] = p;
  if (product_count % GROUP == 0) measure_group(c);
}

static const struct {
  const char *slot;
  void (*bench)(check *);
} slots[] = {
#define ALB_KERNEL(slot, args) {#slot, bench_##slot},
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL
};

static void time_products(const alb_kernel_variant *v, void (*bench)(check *)) {
  alb_kernels table;
  alb_diag diag = {0};
  if (alb_kernels_select(&diag, measured.cpu, v->isa, &table) == ALB_OK) {
    check c = {.ref = &table, .test = &table, .slot = v->slot, .isa = v->isa, .random = 1, .cold = true};
    timed_variant = v;
    bench(&c);
    measure_group(&c);
  }
  alb_diag_free(&diag);
}

/* The newest variant of each product, or the one asked for. */
static void time_slot(const char *slot, void (*bench)(check *)) {
  const alb_kernel_variant *chosen = NULL;
  size_t count;
  const alb_kernel_variant *variants = alb_kernel_variants(&count);
  if (given.only && strcmp(given.only, slot) != 0) return;
  for (size_t i = 0; i < count; i++) {
    const bool fits = !(variants[i].needs & ~measured.cpu) && strcmp(variants[i].slot, slot) == 0;
    if (fits && (!given.isa || strcmp(given.isa, variants[i].isa) == 0)) chosen = &variants[i];
  }
  if (chosen) time_products(chosen, bench);
}

static void time_all(void) {
  for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
    if (strncmp(slots[i].slot, "gemm_", 5) == 0) time_slot(slots[i].slot, slots[i].bench);
  }
}

/* ---- products in the reply ---- */

static void put_product(const product *p) {
  const double operations = 2.0 * (double)(p->m * p->n * p->k);
  const double compute = p->peak > 0 ? operations / p->peak * 1e-9 : 0;
  const double memory = (double)(p->n * p->k) * weight_bytes(p->slot) / measured.weights_gbs * 1e-9;
  const char *limit = memory > compute ? "reading" : "computing";
  const double share = (memory > compute ? memory : compute) / p->seconds;
  if (!given.json) {
    printf("%-9s %-8s %5zu x %4zu x %4zu %10.2f us %8.1f G/s %6.1f %% of %s\n", p->slot, p->isa, p->m, p->n, p->k,
           p->seconds * 1e6, operations / p->seconds * 1e-9, 100 * share, limit);
    return;
  }
  alb_json_open(&json, '{');
  alb_json_key(&json, "slot"), alb_json_text(&json, alb_str_of(p->slot));
  alb_json_key(&json, "isa"), alb_json_text(&json, alb_str_of(p->isa));
  alb_json_key(&json, "m"), alb_json_int(&json, (int64_t)p->m);
  alb_json_key(&json, "n"), alb_json_int(&json, (int64_t)p->n);
  alb_json_key(&json, "k"), alb_json_int(&json, (int64_t)p->k);
  alb_json_key(&json, "us"), alb_json_double(&json, p->seconds * 1e6, 3);
  alb_json_key(&json, "limit"), alb_json_text(&json, alb_str_of(limit));
  alb_json_key(&json, "share"), alb_json_double(&json, share, 4);
  alb_json_close(&json, '}');
}

static void put_products(void) {
  for (size_t i = 0; i < product_count; i++) put_product(&products[i]);
}

/* ---- the whole ---- */

static void list(const char *name, void (*put)(void)) {
  if (given.json) alb_json_key(&json, name), alb_json_open(&json, '[');
  put();
  if (given.json) alb_json_close(&json, ']');
}

static void put_machine(void) {
  char names[ALB_CPU_NAMES_MAX];
  const char *text = alb_cpu_names(measured.cpu, names);
  if (given.json) {
    alb_json_key(&json, "machine"), alb_json_text(&json, alb_str_of(text));
  } else {
    printf("machine: %s\n", text);
  }
}

static bool parse(int argc, char **argv) {
  static const struct option known[] = {{"json", 0, NULL, 'j'},
                                        {"threads", 1, NULL, 't'},
                                        {"isa", 1, NULL, 'i'},
                                        {"only", 1, NULL, 'o'},
                                        {NULL, 0, NULL, 0}};
  given.threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (given.threads > MOST_THREADS) given.threads = MOST_THREADS;
  for (int key; (key = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (key == 'j') given.json = true;
    if (key == 't') given.threads = atoi(optarg);
    if (key == 'i') given.isa = optarg;
    if (key == 'o') given.only = optarg;
    if (key == '?') return false;
  }
  return optind == argc && given.threads > 0 && given.threads <= MOST_THREADS;
}

int main(int argc, char **argv) {
  if (!parse(argc, argv)) {
    fputs("usage: roofline [--json] [--threads N] [--isa NAME] [--only SLOT]\n", stderr);
    return 2;
  }
  measured.cpu = alb_cpu_detect();
  json = (alb_json){.file = stdout};
  if (given.json) alb_json_open(&json, '{');
  measured.ghz = measure_ghz();
  time_all();
  put_machine();
  list("roofs", put_roofs);
  list("products", put_products);
  if (given.json) alb_json_close(&json, '}'), alb_json_line(&json);
  return fflush(stdout) == 0 ? 0 : 5;
}
