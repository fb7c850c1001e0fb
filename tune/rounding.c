/* Rows through their stored form and back. */
#include "tune/rounding.h"

#include <string.h>

#include "base/half.h"
#include "base/parallel.h"
#include "graph/blob_int8.h"
#include "graph/blob_intn.h"

/* Numbers for which a thread is worth starting. */
enum { WORTH_A_THREAD = 1 << 13, SOME = 256 };

typedef struct rounding {
  alb_dtype dtype;
  const float *from;
  size_t columns;
  float *to;
} rounding;

static void round_int8(const float *row, size_t n, float *out) {
  const float scale = alb_int8_scale(row, n);
  for (size_t i = 0; i < n; i++) out[i] = (float)alb_int8_number(row[i], scale) * scale;
}

static void round_intn(unsigned bits, const float *row, size_t n, float *out) {
  for (size_t at = 0; at < n; at += ALB_INTN_GROUP) {
    const size_t count = n - at < ALB_INTN_GROUP ? n - at : ALB_INTN_GROUP;
    float group[ALB_INTN_GROUP] = {0};
    uint8_t bytes[ALB_INTN_MOST_BYTES];
    bool ok;
    memcpy(group, row + at, count * sizeof *group);
    const float scale = alb_f16_to_f32(alb_intn_quantize(bits, group, bytes, &ok));
    alb_intn_widen(bits, bytes, &scale, count, out + at);
  }
}

/* f16 and bf16; f32 stays. */
static void round_float(alb_dtype dtype, const float *row, size_t n, float *out) {
  float stored[SOME]; /* room for the widest */
  for (size_t at = 0; at < n; at += SOME) {
    const size_t count = n - at < SOME ? n - at : SOME;
    (void)alb_from_f32(dtype, row + at, count, stored);
    (void)alb_to_f32(dtype, stored, count, out + at);
  }
}

static void round_some(void *context, size_t index, size_t first, size_t last) {
  const rounding *r = context;
  const unsigned bits = alb_intn_bits(r->dtype);
  (void)index;
  for (size_t row = first; row < last; row++) {
    const float *from = r->from + row * r->columns;
    float *to = r->to + row * r->columns;
    if (r->dtype == ALB_I8)
      round_int8(from, r->columns, to);
    else if (bits)
      round_intn(bits, from, r->columns, to);
    else
      round_float(r->dtype, from, r->columns, to);
  }
}

void alb_round_rows(alb_dtype dtype, const float *from, size_t rows, size_t columns, float *to) {
  rounding r = {dtype, from, columns, to};
  alb_parallel(rows, WORTH_A_THREAD / (columns + 1) + 1, round_some, &r);
}
