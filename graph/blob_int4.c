/* Making int4 matrices: the scale of each group of 32 that gives the smallest squared error, and the elements.
 *
 * The element of largest magnitude, e, tells the candidates: those scales that make it about -5.75 to -9.5. So the
 * sign of a scale is such that the largest number uses the side that reaches to -8; numbers beyond are cut. The
 * candidates' errors are summed side by side, each in the order of the elements. */
#include "graph/blob_int4.h"

#include <math.h>
#include <stdatomic.h>

#include "base/half.h"
#include "base/parallel.h"

/* WORTH_A_THREAD: groups for which one is worth starting. */
enum { CANDIDATES = 16, WORTH_A_THREAD = 1 << 10 };

/* The scales and what multiplies instead of dividing by them; 0 and 0 where f16 has no such scale. */
typedef struct search {
  float scale[CANDIDATES], inverse[CANDIDATES];
} search;

/* To the nearest integer, ties to even, for numbers below 2^22. */
static inline float nearest(float x) {
  const float shift = 0x1.8p23f;
  return (x + shift) - shift;
}

/* To what an element can be, NaN too. */
static inline float cut(float q) {
  return !(q > ALB_INT4_LEAST) ? ALB_INT4_LEAST : q > ALB_INT4_MOST ? ALB_INT4_MOST : q;
}

static float extreme_of(const float *x) {
  float found = 0;
  for (size_t i = 0; i < ALB_INT4_GROUP; i++) found = fabsf(x[i]) > fabsf(found) ? x[i] : found;
  return found;
}

static void make_candidates(float extreme, search *s) {
  for (int k = 0; k < CANDIDATES; k++) {
    const float scale = alb_f16_to_f32(alb_f32_to_f16(-extreme / (5.75f + 0.25f * (float)k)));
    const bool usable = scale != 0 && isfinite(scale);
    s->scale[k] = usable ? scale : 0;
    s->inverse[k] = usable ? 1 / scale : 0;
  }
}

/* The candidate of the smallest squared error, the first of equal ones. */
static int choose(const search *s, const float *x) {
  float error[CANDIDATES] = {0};
  for (size_t i = 0; i < ALB_INT4_GROUP; i++) {
    for (int k = 0; k < CANDIDATES; k++) {
      const float miss = x[i] - s->scale[k] * cut(nearest(x[i] * s->inverse[k]));
      error[k] += miss * miss;
    }
  }
  int best = 0;
  for (int k = 1; k < CANDIDATES; k++) best = error[k] < error[best] ? k : best;
  return best;
}

/* All numbers are 0, or too small for any scale. */
static uint16_t zeros(uint8_t *out) {
  memset(out, ALB_INT4_ZERO << 4 | ALB_INT4_ZERO, ALB_INT4_GROUP_BYTES);
  return alb_f32_to_f16(1);
}

uint16_t alb_int4_quantize(const float x[ALB_INT4_GROUP], uint8_t out[ALB_INT4_GROUP_BYTES], bool *ok) {
  search s;
  const float extreme = extreme_of(x);
  make_candidates(extreme, &s);
  const int best = choose(&s, x);
  const float scale = s.scale[best], inverse = s.inverse[best];
  *ok = scale != 0 || fabsf(extreme) < 1;
  if (scale == 0) return zeros(out);
  for (size_t j = 0; j < ALB_INT4_GROUP_BYTES; j++) {
    const int low = (int)cut(nearest(x[j] * inverse)), high = (int)cut(nearest(x[j + ALB_INT4_GROUP / 2] * inverse));
    out[j] = (uint8_t)((high + ALB_INT4_ZERO) << 4 | (low + ALB_INT4_ZERO));
  }
  return alb_f32_to_f16(scale);
}

void alb_int4_widen(const uint8_t *row, const float *scales, size_t columns, float *out) {
  for (size_t i = 0; i < columns; i++) {
    const size_t g = i / ALB_INT4_GROUP;
    out[i] = (float)alb_int4_at(row + g * ALB_INT4_GROUP_BYTES, i % ALB_INT4_GROUP) * scales[g];
  }
}

typedef struct job {
  const alb_blob *blob;
  alb_dtype from;
  const uint8_t *in;
  uint8_t *out;
  atomic_bool failed;
} job;

/* Group g of row r. */
static void make_group(job *j, size_t r, size_t g, size_t groups) {
  const size_t columns = (size_t)j->blob->columns, at = g * ALB_INT4_GROUP, step = alb_dtype_bytes(j->from);
  const size_t n = columns - at < ALB_INT4_GROUP ? columns - at : ALB_INT4_GROUP;
  float x[ALB_INT4_GROUP] = {0};
  uint8_t bytes[ALB_INT4_GROUP_BYTES];
  bool ok = false;
  if (alb_to_f32(j->from, j->in + (r * columns + at) * step, n, x)) {
    const uint16_t scale = alb_int4_quantize(x, bytes, &ok);
    if (j->blob->kind == ALB_BLOB_SCALE) {
      memcpy(j->out + (r * groups + g) * sizeof scale, &scale, sizeof scale);
    } else {
      memcpy(j->out + (r * groups + g) * sizeof bytes, bytes, sizeof bytes);
    }
  }
  if (!ok) atomic_store(&j->failed, true);
}

static void make_rows(void *context, size_t index, size_t first, size_t last) {
  job *j = context;
  const size_t groups = (size_t)alb_int4_groups(j->blob->columns);
  (void)index;
  for (size_t r = first; r < last; r++) {
    for (size_t g = 0; g < groups; g++) make_group(j, r, g, groups);
  }
}

alb_status alb_blob_make_int4(alb_diag *diag, const alb_blob *blob, alb_dtype from, const void *in, void *out) {
  job j = {.blob = blob, .from = from, .in = in, .out = out};
  const size_t groups = (size_t)alb_int4_groups(blob->columns);
  if (!alb_dtype_is_float(from)) return alb_fail(diag, ALB_INTERNAL, "quantising a type that is not float");
  alb_parallel((size_t)blob->rows, WORTH_A_THREAD / (groups + 1) + 1, make_rows, &j);
  if (!j.failed) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED,
                  "a weight is too large for int4: its scale would be above 65504, f16's largest");
}
