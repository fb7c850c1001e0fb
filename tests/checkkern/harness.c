/* Tools of the kernel checker: random numbers, guarded buffers, verdicts, timing. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/half.h"
#include "base/random.h"
#include "checkkern.h"

uint64_t random_bits(check *c) {
  return alb_random_next(&c->random);
}

size_t random_size(check *c, size_t least, size_t most) {
  return least + (size_t)(random_bits(c) % (most - least + 1));
}

float random_float(check *c) {
  float sum = 0; /* of eight uniform numbers of 8 bits: near enough to normal, and cheap */
  const uint64_t bits = random_bits(c);
  for (int i = 0; i < 64; i += 8) sum += (float)(bits >> i & 255) - 127.5f;
  return sum * (1.0f / 209.0f) + (float)(bits >> 40) * 0x1p-50f;
}

void random_floats(check *c, float *out, size_t n, float scale) {
  for (size_t i = 0; i < n; i++) out[i] = random_float(c) * scale;
}

void random_s8(check *c, int8_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint64_t bits = random_bits(c);
    const int any = (int)(bits >> 8 & 0xffff) % 255 - 127;
    out[i] = (int8_t)((bits & 3) == 0 ? ((bits & 4) ? 127 : -127) : any);
  }
}

void random_u8(check *c, uint8_t *out, size_t n) {
  random_s8(c, (int8_t *)out, n);
  for (size_t i = 0; i < n; i++) out[i] ^= 128;
}

/* ---- guarded buffers ---- */

enum { CANARY = 0xa5, BUFFERS = 64 };

static struct {
  uint8_t *map, *p;
  size_t mapped, n;
} buffers[BUFFERS];
static int buffer_count;

static _Noreturn void give_up(const char *what) {
  perror(what);
  exit(2);
}

void *guarded(check *c, size_t bytes, size_t align) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + align + page) / page * page;
  const size_t mapped = body + 2 * page;
  if (buffer_count == BUFFERS) give_up("too many buffers");
  uint8_t *map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) give_up("mmap");
  memset(map + page, CANARY, body);
  if (mprotect(map, page, PROT_NONE) || mprotect(map + page + body, page, PROT_NONE)) give_up("mprotect");
  const bool at_end = random_bits(c) % 4 != 0; /* reads past the end are the common mistake */
  uint8_t *p = at_end ? map + page + (body - bytes) / align * align : map + page;
  buffers[buffer_count].map = map;
  buffers[buffer_count].p = p;
  buffers[buffer_count].mapped = mapped;
  buffers[buffer_count++].n = bytes;
  return p;
}

float *guarded_floats(check *c, size_t n) {
  return guarded(c, n * sizeof(float), sizeof(float));
}

bool is_canary(const void *p, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) {
    if (((const uint8_t *)p)[i] != CANARY) return false;
  }
  return true;
}

void guarded_reset(void *p, size_t bytes) {
  memset(p, CANARY, bytes);
}

void guarded_release(check *c) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < buffer_count; i++) {
    const uint8_t *first = buffers[i].map + page, *last = buffers[i].map + buffers[i].mapped - page;
    const uint8_t *end = buffers[i].p + buffers[i].n;
    if (!is_canary(first, (size_t)(buffers[i].p - first))) check_fail(c, "buffer %d: written before its start", i);
    if (!is_canary(end, (size_t)(last - end))) check_fail(c, "buffer %d: written past its end", i);
    munmap(buffers[i].map, buffers[i].mapped);
  }
  buffer_count = 0;
}

/* ---- verdicts ---- */

void check_fail(check *c, const char *format, ...) {
  if (c->failures++ >= 5) return; /* the first few say enough */
  va_list args;
  va_start(args, format);
  fprintf(stderr, "FAIL %s %s [%s]: ", c->slot, c->isa, c->shape);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

bool expect_near(check *c, const char *what, size_t row, size_t column, float got, double want, double bound) {
  if (isnan(got) && isnan(want)) return true;
  const double error = fabs((double)got - want);
  if (error / bound > c->worst) c->worst = error / bound;
  if (error <= bound) return true;
  check_fail(c, "%s[%zu,%zu] is %.9g, expected %.9g (error %.3g, bound %.3g)", what, row, column, (double)got, want,
             error, bound);
  return false;
}

bool expect_same(check *c, const char *what, const float *got, const float *want, size_t rows, size_t width,
                 size_t got_stride, size_t want_stride) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t i = 0; i < width; i++) {
      const float a = got[r * got_stride + i], b = want[r * want_stride + i];
      if (alb_f32_bits(a) == alb_f32_bits(b) || (isnan(a) && isnan(b))) continue;
      check_fail(c, "%s differs at [%zu,%zu]: %.9g and %.9g", what, r, i, (double)a, (double)b);
      return false;
    }
  }
  return true;
}

/* ---- timing ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double least_seconds(timed run, void *context) {
  const double start = now();
  run(context); /* warms caches, and says how many calls make a measurable stretch */
  const double once = now() - start;
  const int calls = once > 2e-4 ? 1 : (int)(2e-4 / (once + 1e-7)) + 1;
  double least = once;
  while (now() - start < 0.4) {
    const double begin = now();
    for (int i = 0; i < calls; i++) run(context);
    const double each = (now() - begin) / calls;
    if (each < least) least = each;
  }
  return least;
}
