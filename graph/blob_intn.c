/* Making int4, int5 and int6 matrices: the scale of each group of 32 that gives the smallest squared error, and the
 * elements.
 *
 * The element of largest magnitude, e, tells the candidates: those scales that make it a little more or less than the
 * least number there is (of int4 about -5.75 to -9.5). So the sign of a scale is such that the largest number uses the
 * side that reaches farther; numbers beyond are cut. The candidates' errors are summed side by side, each in the order
 * of the elements. */
#include "graph/blob_intn.h"

#include <math.h>
#include <stdatomic.h>

#include "base/half.h"
#include "base/parallel.h"

/* WORTH_A_THREAD: groups for which one is worth starting. */
enum { CANDIDATES = 16, WORTH_A_THREAD = 1 << 10 };

/* What the candidates make of the largest number: first, first + step ... For the fewer bits, the farther it pays to
 * cut, and the wider the candidates are spread. */
static const struct spread {
  float first, step;
} spreads[ALB_INTN_MOST_BITS + 1] = {[4] = {5.75f, 0.25f}, [5] = {13.75f, 0.25f}, [6] = {29, 0.375f}};

/* The scales and what multiplies instead of dividing by them; 0 and 0 where f16 has no such scale. */
typedef struct search {
  float scale[CANDIDATES], inverse[CANDIDATES];
  float least, most; /* what an element can be */
} search;

/* To the nearest integer, ties to even, for numbers below 2^22. */
static inline float nearest(float x) {
  const float shift = 0x1.8p23f;
  return (x + shift) - shift;
}

/* To what an element can be, NaN too. */
static inline float cut(const search *s, float q) {
  return !(q > s->least) ? s->least : q > s->most ? s->most : q;
}

static float extreme_of(const float *x) {
  float found = 0;
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) found = fabsf(x[i]) > fabsf(found) ? x[i] : found;
  return found;
}

static void make_candidates(unsigned bits, float extreme, search *s) {
  const struct spread spread = spreads[bits];
  s->least = (float)-alb_intn_zero(bits);
  s->most = -1 - s->least;
  for (int k = 0; k < CANDIDATES; k++) {
    const float scale = alb_f16_to_f32(alb_f32_to_f16(-extreme / (spread.first + spread.step * (float)k)));
    const bool usable = scale != 0 && isfinite(scale);
    s->scale[k] = usable ? scale : 0;
    s->inverse[k] = usable ? 1 / scale : 0;
  }
}

/* The candidate of the smallest squared error, the first of equal ones. */
static int choose(const search *s, const float *x) {
  float error[CANDIDATES] = {0};
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) {
    for (int k = 0; k < CANDIDATES; k++) {
      const float miss = x[i] - s->scale[k] * cut(s, nearest(x[i] * s->inverse[k]));
      error[k] += miss * miss;
    }
  }
  int best = 0;
  for (int k = 1; k < CANDIDATES; k++) best = error[k] < error[best] ? k : best;
  return best;
}

uint16_t alb_intn_quantize(unsigned bits, const float x[ALB_INTN_GROUP], uint8_t *out, bool *ok) {
  search s;
  const float extreme = extreme_of(x);
  make_candidates(bits, extreme, &s);
  const int best = choose(&s, x);
  const float scale = s.scale[best], inverse = s.inverse[best];
  *ok = scale != 0 || fabsf(extreme) < 1;
  /* All numbers are 0, or too small for any scale: the elements are 0 times 1. */
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) {
    alb_intn_put(out, bits, i, scale == 0 ? 0 : (int)cut(&s, nearest(x[i] * inverse)));
  }
  return alb_f32_to_f16(scale == 0 ? 1 : scale);
}

int alb_intn_nearest(unsigned bits, float x) {
  const float q = nearbyintf(x), zero = (float)alb_intn_zero(bits);
  return !(q > -zero) ? (int)-zero : q > zero - 1 ? (int)zero - 1 : (int)q;
}

void alb_intn_widen(unsigned bits, const uint8_t *row, const float *scales, size_t columns, float *out) {
  for (size_t i = 0; i < columns; i++) {
    const size_t g = i / ALB_INTN_GROUP;
    out[i] = (float)alb_intn_at(row + g * alb_intn_bytes(bits), bits, i % ALB_INTN_GROUP) * scales[g];
  }
}

typedef struct job {
  const alb_blob *blob;
  alb_dtype from;
  unsigned bits;
  const uint8_t *in;
  uint8_t *out;
  atomic_bool failed;
} job;

/* Group g of row r. */
static void make_group(job *j, size_t r, size_t g, size_t groups) {
  const size_t columns = (size_t)j->blob->columns, at = g * ALB_INTN_GROUP, step = alb_dtype_bytes(j->from);
  const size_t n = columns - at < ALB_INTN_GROUP ? columns - at : ALB_INTN_GROUP, size = alb_intn_bytes(j->bits);
  float x[ALB_INTN_GROUP] = {0};
  uint8_t bytes[ALB_INTN_MOST_BYTES] = {0};
  bool ok = false;
  if (alb_to_f32(j->from, j->in + (r * columns + at) * step, n, x)) {
    const uint16_t scale = alb_intn_quantize(j->bits, x, bytes, &ok);
    if (j->blob->kind == ALB_BLOB_SCALE) {
      memcpy(j->out + (r * groups + g) * sizeof scale, &scale, sizeof scale);
    } else {
      memcpy(j->out + (r * groups + g) * size, bytes, size);
    }
  }
  if (!ok) atomic_store(&j->failed, true);
}

static void make_rows(void *context, size_t index, size_t first, size_t last) {
  job *j = context;
  const size_t groups = (size_t)alb_intn_groups(j->blob->columns);
  (void)index;
  for (size_t r = first; r < last; r++) {
    for (size_t g = 0; g < groups; g++) make_group(j, r, g, groups);
  }
}

alb_status alb_blob_make_intn(alb_diag *diag, const alb_blob *blob, alb_dtype from, const void *in, void *out) {
  const alb_dtype type = blob->kind == ALB_BLOB_SCALE ? blob->of : blob->dtype;
  job j = {.blob = blob, .from = from, .bits = alb_intn_bits(type), .in = in, .out = out};
  const size_t groups = (size_t)alb_intn_groups(blob->columns);
  if (!alb_dtype_is_float(from)) return alb_fail(diag, ALB_INTERNAL, "quantising a type that is not float");
  alb_parallel((size_t)blob->rows, WORTH_A_THREAD / (groups + 1) + 1, make_rows, &j);
  if (!j.failed) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "a weight is too large for %s: its scale would be above 65504, f16's largest",
                  alb_dtype_name(type));
}
