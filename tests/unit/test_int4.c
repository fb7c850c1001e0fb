/* int4 matrices: scales, elements, what fills up rows, and the way back. */
#include <float.h>
#include <math.h>

#include "base/half.h"
#include "graph/blob_int4.h"
#include "graph/weight.h"
#include "tests/support/check.h"

static uint32_t seed = 1;

static float random_float(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(seed >> 8) / (float)(1 << 23) - 1;
}

static double error_of(const float *x, const uint8_t *group, float scale) {
  double error = 0;
  for (size_t i = 0; i < ALB_INT4_GROUP; i++) {
    const double miss = (double)x[i] - (double)alb_int4_at(group, i) * (double)scale;
    error += miss * miss;
  }
  return error;
}

/* The squared error with one scale, every element rounded to the nearest there is. */
static double error_with(const float *x, float scale) {
  double error = 0;
  for (size_t i = 0; i < ALB_INT4_GROUP; i++) {
    const double q = fmax(-8, fmin(7, rint((double)x[i] / (double)scale))), miss = (double)x[i] - q * (double)scale;
    error += miss * miss;
  }
  return error;
}

static void test_grid(void **state) {
  (void)state;
  for (int sign = -1; sign <= 1; sign += 2) {
    float x[ALB_INT4_GROUP];
    uint8_t group[ALB_INT4_GROUP_BYTES];
    bool ok = false;
    for (int i = 0; i < ALB_INT4_GROUP; i++) x[i] = (float)(sign * (i % 16 - 8)) * 0.375f;
    const float scale = alb_f16_to_f32(alb_int4_quantize(x, group, &ok));
    assert_true(ok && scale == (float)sign * 0.375f);
    for (size_t i = 0; i < ALB_INT4_GROUP; i++) assert_true((float)alb_int4_at(group, i) * scale == x[i]);
    assert_int_equal(group[0], 0x00);
    assert_int_equal(group[7], 0x77);
    assert_int_equal(group[15], 0xff);
  }
}

/* Far better than the plain way, and about as good as the best of very many scales. */
static void test_search(void **state) {
  (void)state;
  double chosen = 0, plain = 0, best = 0;
  for (int round = 0; round < 300; round++) {
    float x[ALB_INT4_GROUP], extreme = 0;
    uint8_t group[ALB_INT4_GROUP_BYTES];
    bool ok = false;
    for (size_t i = 0; i < ALB_INT4_GROUP; i++) {
      x[i] = random_float() * random_float() * 0.1f;
      extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    }
    const float scale = alb_f16_to_f32(alb_int4_quantize(x, group, &ok));
    const double error = error_of(x, group, scale);
    double least = DBL_MAX;
    for (float d = 4; d < 12; d += 0.02f) least = fmin(least, error_with(x, -extreme / d));
    assert_true(ok && fabs(error - error_with(x, scale)) <= 1e-6 * error);
    chosen += error;
    plain += error_with(x, extreme / 7);
    best += least;
  }
  assert_true(chosen < 0.75 * plain);
  assert_true(chosen < 1.03 * best);
}

static void check_zeros(float value) {
  float x[ALB_INT4_GROUP];
  uint8_t group[ALB_INT4_GROUP_BYTES];
  bool ok = false;
  for (size_t i = 0; i < ALB_INT4_GROUP; i++) x[i] = i % 2 ? value : -value;
  assert_int_equal(alb_int4_quantize(x, group, &ok), alb_f32_to_f16(1));
  assert_true(ok);
  for (size_t i = 0; i < ALB_INT4_GROUP_BYTES; i++) assert_int_equal(group[i], 0x88);
}

/* Scales are never 0, infinite or NaN, whatever comes. */
static void test_extremes(void **state) {
  (void)state;
  static const float values[] = {1e-9f, 1e-7f, 1e-6f, 1, 60000, 300000, 600000, 1e6f, FLT_MAX, INFINITY, NAN};
  check_zeros(0);
  check_zeros(1e-38f);
  check_zeros(1e-8f);
  for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
    for (size_t i = 0; i < ALB_INT4_GROUP; i += 5) {
      float x[ALB_INT4_GROUP] = {0};
      uint8_t group[ALB_INT4_GROUP_BYTES];
      bool ok = false;
      x[i] = values[v];
      const uint16_t scale = alb_int4_quantize(x, group, &ok) & 0x7fff;
      assert_true(scale != 0 && scale < 0x7c00);
      if (!isnan(values[v])) assert_int_equal(ok, values[v] < 622000);
    }
  }
}

/* ---- whole matrices ---- */

enum { ROWS = 700, COLUMNS = 70, GROUPS = 3 };

typedef struct matrix {
  alb_tensors tensors;
  float *x;
  uint32_t source, quant, scale;
} matrix;

static void matrix_open(matrix *m) {
  alb_diag diag = {0};
  *m = (matrix){.x = malloc((size_t)ROWS * COLUMNS * sizeof *m->x)};
  assert_non_null(m->x);
  for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) m->x[i] = random_float();
  assert_ok(&diag, alb_tensors_blob(&diag, &m->tensors, ALB_F32, ROWS * COLUMNS,
                                    (alb_span){(const uint8_t *)m->x, (size_t)ROWS * COLUMNS * 4}, &m->source));
  alb_blob recipe = {.kind = ALB_BLOB_QUANT,
                     .dtype = ALB_I4,
                     .elements = ROWS * COLUMNS,
                     .rows = ROWS,
                     .columns = COLUMNS,
                     .inputs = &m->source,
                     .input_count = 1};
  assert_ok(&diag, alb_tensors_recipe(&diag, &m->tensors, &recipe, &m->quant));
  recipe.kind = ALB_BLOB_SCALE;
  recipe.dtype = ALB_F16;
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
static void test_matrix(void **state) {
  (void)state;
  matrix m;
  matrix_open(&m);
  uint8_t *q = bytes_of(&m, m.quant, ROWS * GROUPS * ALB_INT4_GROUP_BYTES);
  uint16_t *scales = bytes_of(&m, m.scale, ROWS * GROUPS * 2);
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t g = 0; g < GROUPS; g++) {
      float x[ALB_INT4_GROUP] = {0};
      uint8_t group[ALB_INT4_GROUP_BYTES];
      bool ok;
      const size_t n = g + 1 < GROUPS ? ALB_INT4_GROUP : COLUMNS - g * ALB_INT4_GROUP;
      memcpy(x, m.x + r * COLUMNS + g * ALB_INT4_GROUP, n * sizeof *x);
      assert_int_equal(alb_int4_quantize(x, group, &ok), scales[r * GROUPS + g]);
      assert_memory_equal(group, q + (r * GROUPS + g) * sizeof group, sizeof group);
      for (size_t i = n; i < ALB_INT4_GROUP; i++) assert_int_equal(alb_int4_at(group, i), 0);
    }
  }
  free(q), free(scales);
  matrix_close(&m);
}

/* The rows of a tensor and the recipe of all of it are the elements times their scales. */
static void test_widen(void **state) {
  (void)state;
  matrix m;
  alb_diag diag = {0};
  alb_weight weight = {0};
  uint32_t id, wide;
  matrix_open(&m);
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
  assert_true(worst > 0.01 && worst < 0.35);
  alb_weight_close(&weight);
  free(all);
  matrix_close(&m);
}

static void test_too_large(void **state) {
  (void)state;
  matrix m;
  alb_diag diag = {0};
  matrix_open(&m);
  void *bytes = bytes_of(&m, m.quant, ROWS * GROUPS * ALB_INT4_GROUP_BYTES);
  m.x[5 * COLUMNS + 69] = 1e7f;
  assert_refused(&diag, alb_blob_materialize(&diag, &m.tensors, m.quant, bytes), ALB_UNSUPPORTED, "too large for int4");
  free(bytes);
  matrix_close(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_grid),     cmocka_unit_test(test_search),
                                     cmocka_unit_test(test_extremes), cmocka_unit_test(test_matrix),
                                     cmocka_unit_test(test_widen),    cmocka_unit_test(test_too_large)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
