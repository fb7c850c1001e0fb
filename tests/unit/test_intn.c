/* int4, int5 and int6 matrices: scales, elements, what fills up rows, and the way back. */
#include <float.h>
#include <math.h>

#include "base/half.h"
#include "graph/blob_intn.h"
#include "graph/weight.h"
#include "tests/support/check.h"

static uint32_t seed = 1;

static float random_float(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(seed >> 8) / (float)(1 << 23) - 1;
}

static double error_of(unsigned bits, const float *x, const uint8_t *group, float scale) {
  double error = 0;
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) {
    const double miss = (double)x[i] - (double)alb_intn_at(group, bits, i) * (double)scale;
    error += miss * miss;
  }
  return error;
}

/* The squared error with one scale, every element rounded to the nearest there is. */
static double error_with(unsigned bits, const float *x, float scale) {
  const double zero = alb_intn_zero(bits);
  double error = 0;
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) {
    const double q = fmax(-zero, fmin(zero - 1, rint((double)x[i] / (double)scale)));
    const double miss = (double)x[i] - q * (double)scale;
    error += miss * miss;
  }
  return error;
}

static void check_grid(unsigned bits, float unit, const uint8_t *stored) {
  const int zero = alb_intn_zero(bits), step = bits == 6 ? 2 : 1;
  float x[ALB_INTN_GROUP];
  uint8_t group[ALB_INTN_MOST_BYTES];
  bool ok = false;
  for (int i = 0; i < ALB_INTN_GROUP; i++) x[i] = (float)(step * i % (2 * zero) - zero) * unit;
  const float scale = alb_f16_to_f32(alb_intn_quantize(bits, x, group, &ok));
  assert_true(ok && scale == unit);
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) assert_true((float)alb_intn_at(group, bits, i) * scale == x[i]);
  assert_memory_equal(group, stored, alb_intn_bytes(bits));
}

/* Numbers that a type holds exactly, stored as 0, 1, 2 ... (of int6 0, 2, 4 ...), and their bytes. */
static void test_grid(void **state) {
  (void)state;
  static const uint8_t int4[] = {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
  static const uint8_t int5[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
                                 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x00, 0xff, 0xff};
  static const uint8_t int6[] = {0x00, 0x22, 0x44, 0x66, 0x88, 0xaa, 0xcc, 0xee, 0x00, 0x22, 0x44, 0x66,
                                 0x88, 0xaa, 0xcc, 0xee, 0x00, 0xff, 0x00, 0xff, 0x00, 0x00, 0xff, 0xff};
  uint8_t low[16];
  memcpy(low, int5, 8);
  memcpy(low + 8, int4, 8);
  for (int sign = -1; sign <= 1; sign += 2) {
    check_grid(4, (float)sign * 0.375f, low);
    check_grid(5, (float)sign * 0.375f, int5);
    check_grid(6, (float)sign * 0.375f, int6);
  }
}

/* Each element is set alone, and reads as it was set. */
static void test_put(void **state) {
  (void)state;
  for (unsigned bits = 4; bits <= ALB_INTN_MOST_BITS; bits++) {
    uint8_t group[ALB_INTN_MOST_BYTES];
    int numbers[ALB_INTN_GROUP];
    memset(group, 0x5a, sizeof group);
    for (size_t i = 0; i < ALB_INTN_GROUP; i++) numbers[i] = alb_intn_at(group, bits, i);
    for (size_t round = 0; round < 500; round++) {
      const size_t i = round * 7 % ALB_INTN_GROUP;
      numbers[i] = (int)(round * 11 % (2 * (size_t)alb_intn_zero(bits))) - alb_intn_zero(bits);
      alb_intn_put(group, bits, i, numbers[i]);
      for (size_t k = 0; k < ALB_INTN_GROUP; k++) assert_int_equal(alb_intn_at(group, bits, k), numbers[k]);
    }
    for (size_t i = alb_intn_bytes(bits); i < sizeof group; i++) assert_int_equal(group[i], 0x5a);
  }
}

/* Far better than the plain way, and about as good as the best of very many scales. */
static void check_search(unsigned bits, double of_plain, double of_best) {
  const float zero = (float)alb_intn_zero(bits);
  double chosen = 0, plain = 0, best = 0;
  for (int round = 0; round < 300; round++) {
    float x[ALB_INTN_GROUP], extreme = 0;
    uint8_t group[ALB_INTN_MOST_BYTES];
    bool ok = false;
    for (size_t i = 0; i < ALB_INTN_GROUP; i++) {
      x[i] = random_float() * random_float() * 0.1f;
      extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    }
    const float scale = alb_f16_to_f32(alb_intn_quantize(bits, x, group, &ok));
    const double error = error_of(bits, x, group, scale);
    double least = DBL_MAX;
    for (float d = 0.5f; d < 1.5f; d += 0.0025f) least = fmin(least, error_with(bits, x, -extreme / (zero * d)));
    assert_true(ok && fabs(error - error_with(bits, x, scale)) <= 1e-6 * error);
    chosen += error;
    plain += error_with(bits, x, extreme / (zero - 1));
    best += least;
  }
  if (!(chosen < of_plain * plain && chosen < of_best * best)) {
    fail_msg("%u bits: %g of the plain error, %g of the least", bits, chosen / plain, chosen / best);
  }
}

static void test_search(void **state) {
  (void)state;
  check_search(4, 0.75, 1.03);
  check_search(5, 0.85, 1.05);
  check_search(6, 0.9, 1.08);
}

static void check_zeros(unsigned bits, float value) {
  float x[ALB_INTN_GROUP];
  uint8_t group[ALB_INTN_MOST_BYTES];
  bool ok = false;
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) x[i] = i % 2 ? value : -value;
  assert_int_equal(alb_intn_quantize(bits, x, group, &ok), alb_f32_to_f16(1));
  assert_true(ok);
  for (size_t i = 0; i < ALB_INTN_GROUP; i++) assert_int_equal(alb_intn_at(group, bits, i), 0);
}

static void check_extremes(unsigned bits, float largest) {
  static const float values[] = {1e-9f,  1e-7f,  1e-6f, 1,      60000,   300000,   600000,
                                 1.1e6f, 1.2e6f, 2e6f,  2.4e6f, FLT_MAX, INFINITY, NAN};
  check_zeros(bits, 0);
  check_zeros(bits, 1e-38f);
  check_zeros(bits, 1e-8f);
  for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
    for (size_t i = 0; i < ALB_INTN_GROUP; i += 5) {
      float x[ALB_INTN_GROUP] = {0};
      uint8_t group[ALB_INTN_MOST_BYTES];
      bool ok = false;
      x[i] = values[v];
      const uint16_t scale = alb_intn_quantize(bits, x, group, &ok) & 0x7fff;
      assert_true(scale != 0 && scale < 0x7c00);
      if (!isnan(values[v])) assert_int_equal(ok, values[v] < largest);
    }
  }
}

/* Scales are never 0, infinite or NaN, whatever comes. */
static void test_extremes(void **state) {
  (void)state;
  check_extremes(4, 622000);
  check_extremes(5, 1.146e6f);
  check_extremes(6, 2.268e6f);
}

static void test_nearest(void **state) {
  (void)state;
  for (unsigned bits = 4; bits <= ALB_INTN_MOST_BITS; bits++) {
    const int zero = alb_intn_zero(bits);
    assert_int_equal(alb_intn_nearest(bits, 2.5f), 2);
    assert_int_equal(alb_intn_nearest(bits, -3.6f), -4);
    assert_int_equal(alb_intn_nearest(bits, 1e30f), zero - 1);
    assert_int_equal(alb_intn_nearest(bits, -INFINITY), -zero);
    assert_int_equal(alb_intn_nearest(bits, NAN), -zero);
  }
}

/* ---- whole matrices ---- */

enum { ROWS = 700, COLUMNS = 70, GROUPS = 3 };

typedef struct matrix {
  alb_tensors tensors;
  float *x;
  uint32_t source, quant, scale;
} matrix;

static void matrix_open(matrix *m, alb_dtype dtype) {
  alb_diag diag = {0};
  *m = (matrix){.x = malloc((size_t)ROWS * COLUMNS * sizeof *m->x)};
  assert_non_null(m->x);
  for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) m->x[i] = random_float();
  assert_ok(&diag, alb_tensors_blob(&diag, &m->tensors, ALB_F32, ROWS * COLUMNS,
                                    (alb_span){(const uint8_t *)m->x, (size_t)ROWS * COLUMNS * 4}, &m->source));
  alb_blob recipe = {.kind = ALB_BLOB_QUANT,
                     .dtype = dtype,
                     .elements = ROWS * COLUMNS,
                     .rows = ROWS,
                     .columns = COLUMNS,
                     .inputs = &m->source,
                     .input_count = 1};
  assert_ok(&diag, alb_tensors_recipe(&diag, &m->tensors, &recipe, &m->quant));
  recipe.kind = ALB_BLOB_SCALE;
  recipe.dtype = ALB_F16;
  recipe.of = dtype;
  recipe.elements = ROWS * GROUPS;
  assert_ok(&diag, alb_tensors_recipe(&diag, &m->tensors, &recipe, &m->scale));
}

static void matrix_close(matrix *m) {
  alb_tensors_free(&m->tensors);
  free(m->x);
}

static void *bytes_of(matrix *m, uint32_t blob, size_t expected) {
  alb_diag diag = {0};
  assert_int_equal(alb_blob_bytes(&m->tensors, blob), expected);
  void *bytes = malloc(expected);
  assert_non_null(bytes);
  assert_ok(&diag, alb_blob_materialize(&diag, &m->tensors, blob, bytes));
  return bytes;
}

/* Each group by itself, the last one of a row filled up with 0; on many threads as on one. */
static void check_matrix(alb_dtype dtype) {
  const unsigned bits = alb_intn_bits(dtype);
  const size_t size = alb_intn_bytes(bits);
  matrix m;
  matrix_open(&m, dtype);
  uint8_t *q = bytes_of(&m, m.quant, ROWS * GROUPS * size);
  uint16_t *scales = bytes_of(&m, m.scale, ROWS * GROUPS * 2);
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t g = 0; g < GROUPS; g++) {
      float x[ALB_INTN_GROUP] = {0};
      uint8_t group[ALB_INTN_MOST_BYTES];
      bool ok;
      const size_t n = g + 1 < GROUPS ? ALB_INTN_GROUP : COLUMNS - g * ALB_INTN_GROUP;
      memcpy(x, m.x + r * COLUMNS + g * ALB_INTN_GROUP, n * sizeof *x);
      assert_int_equal(alb_intn_quantize(bits, x, group, &ok), scales[r * GROUPS + g]);
      assert_memory_equal(group, q + (r * GROUPS + g) * size, size);
      for (size_t i = n; i < ALB_INTN_GROUP; i++) assert_int_equal(alb_intn_at(group, bits, i), 0);
    }
  }
  free(q), free(scales);
  matrix_close(&m);
}

/* The rows of a tensor and the recipe of all of it are the elements times their scales. */
static void check_widen(alb_dtype dtype, double bound) {
  matrix m;
  alb_diag diag = {0};
  alb_weight weight = {0};
  uint32_t id, wide;
  matrix_open(&m, dtype);
  const uint32_t inputs[] = {m.quant, m.scale};
  const alb_blob recipe = {.kind = ALB_BLOB_WIDE,
                           .dtype = ALB_F32,
                           .elements = ROWS * COLUMNS,
                           .rows = ROWS,
                           .columns = COLUMNS,
                           .inputs = inputs,
                           .input_count = 2};
  assert_ok(&diag, alb_tensors_recipe(&diag, &m.tensors, &recipe, &wide));
  assert_ok(&diag,
            alb_tensors_view(&diag, &m.tensors, ALB_STR("w"), 2, (const uint64_t[]){ROWS, COLUMNS}, m.quant, &id));
  m.tensors.tensors.items[id].scale_blob = m.scale;
  assert_ok(&diag, alb_weight_open(&diag, &m.tensors, id, &weight));
  float *all = bytes_of(&m, wide, (size_t)ROWS * COLUMNS * 4);
  double worst = 0;
  for (size_t r = 0; r < ROWS; r++) {
    const float *row = alb_weight_row(&weight, r);
    assert_memory_equal(row, all + r * COLUMNS, COLUMNS * sizeof *row);
    for (size_t c = 0; c < COLUMNS; c++) worst = fmax(worst, fabs((double)row[c] - (double)m.x[r * COLUMNS + c]));
  }
  assert_true(worst > bound / 35 && worst < bound);
  alb_weight_close(&weight);
  free(all);
  matrix_close(&m);
}

static void check_too_large(alb_dtype dtype, const char *message) {
  const size_t size = alb_intn_bytes(alb_intn_bits(dtype));
  matrix m;
  alb_diag diag = {0};
  matrix_open(&m, dtype);
  void *bytes = bytes_of(&m, m.quant, ROWS * GROUPS * size);
  m.x[5 * COLUMNS + 69] = 1e7f;
  assert_refused(&diag, alb_blob_materialize(&diag, &m.tensors, m.quant, bytes), ALB_UNSUPPORTED, message);
  free(bytes);
  matrix_close(&m);
}

static void test_matrix(void **state) {
  (void)state;
  check_matrix(ALB_I4);
  check_matrix(ALB_I5);
  check_matrix(ALB_I6);
}

static void test_widen(void **state) {
  (void)state;
  check_widen(ALB_I4, 0.35);
  check_widen(ALB_I5, 0.16);
  check_widen(ALB_I6, 0.1);
}

static void test_too_large(void **state) {
  (void)state;
  check_too_large(ALB_I4, "too large for int4");
  check_too_large(ALB_I5, "too large for int5");
  check_too_large(ALB_I6, "too large for int6");
}

/* The same matrix in two types has scales of its own in each. */
static void test_scales_apart(void **state) {
  (void)state;
  matrix m;
  alb_diag diag = {0};
  uint32_t other;
  matrix_open(&m, ALB_I4);
  alb_blob recipe = m.tensors.blobs.items[m.scale];
  recipe.of = ALB_I6;
  assert_ok(&diag, alb_tensors_recipe(&diag, &m.tensors, &recipe, &other));
  assert_int_not_equal(other, m.scale);
  uint16_t *int4 = bytes_of(&m, m.scale, ROWS * GROUPS * 2), *int6 = bytes_of(&m, other, ROWS * GROUPS * 2);
  assert_memory_not_equal(int4, int6, ROWS * GROUPS * 2);
  free(int4), free(int6);
  matrix_close(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grid),    cmocka_unit_test(test_put),       cmocka_unit_test(test_search),
      cmocka_unit_test(test_nearest), cmocka_unit_test(test_extremes),  cmocka_unit_test(test_matrix),
      cmocka_unit_test(test_widen),   cmocka_unit_test(test_too_large), cmocka_unit_test(test_scales_apart)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
