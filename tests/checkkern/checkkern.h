/* The kernel checker's bench of tools: random numbers, guarded buffers, failures, timing. */
#ifndef ALB_TESTS_CHECKKERN_H
#define ALB_TESTS_CHECKKERN_H

#include "runtime/kernels/kernels.h"

/* What one check of one kernel sees. */
typedef struct check {
  const alb_kernels *ref, *test; /* the reference table, and the one under test */
  const char *slot, *isa;
  uint64_t random;    /* state of the generator */
  int rounds;         /* how many random shapes to try */
  char shape[160];    /* the shape being tried, for messages */
  unsigned failures;  /* of this kernel and variant */
  double worst;       /* largest error seen, as a share of its bound */
  bool cold;          /* --bench: weights come from memory, not from a cache */
  double peak_gflops; /* --bench: what the multiply-add units reach, 0 when unknown */
} check;

/* ---- random numbers ---- */
uint64_t random_bits(check *c);
size_t random_size(check *c, size_t least, size_t most); /* both ends possible */
float random_float(check *c);                            /* about normal: mean 0, deviation 1 */
void random_floats(check *c, float *out, size_t n, float scale);
void random_s8(check *c, int8_t *out, size_t n);  /* in [-127, 127], the ends often */
void random_u8(check *c, uint8_t *out, size_t n); /* in [1, 255], the ends often */

/* ---- buffers between guard pages, canaries in the rest of their pages ---- */
/* `bytes` bytes filled with the canary; an end of the buffer touches a page that faults. */
void *guarded(check *c, size_t bytes, size_t align);
float *guarded_floats(check *c, size_t n);
/* Checks the canaries of all buffers of this check, then frees them. */
void guarded_release(check *c);
/* Fills with the canary again. */
void guarded_reset(void *p, size_t bytes);
bool is_canary(const void *p, size_t bytes);

/* ---- verdicts ---- */
void check_fail(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* |got - want| <= bound, NaN equal to NaN only. */
bool expect_near(check *c, const char *what, size_t row, size_t column, float got, double want, double bound);
/* The same bits, element by element (rows of `stride`). */
bool expect_same(check *c, const char *what, const float *got, const float *want, size_t rows, size_t width,
                 size_t got_stride, size_t want_stride);
#define SET_SHAPE(c, ...) ((void)snprintf((c)->shape, sizeof(c)->shape, __VA_ARGS__))

/* ---- timing ---- */
typedef void (*timed)(void *context);
/* Seconds of one call: the least of many. */
double least_seconds(timed run, void *context);
void report_rate(const check *c, const char *shape, double seconds, double flops, double bytes);
/* GFLOP/s of the machine's fused multiply-add units, measured; 0 when there is no such loop for it. */
double measure_peak(alb_cpu cpu);

/* ---- one of each per slot, called through kernels.def ---- */
#define ALB_KERNEL(slot, args) \
  void check_##slot(check *c); \
  void bench_##slot(check *c);
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL

#endif
