/* Blobs that are a base and two factors: their numbers for every type of base, and how tensors over them are stored. */
#include "base/half.h"
#include "base/intn.h"
#include "base/low_rank.h"
#include "graph/tensors.h"
#include "tests/support/check.h"

enum { ROWS = 3, COLUMNS = 40, RANK = 2, ALL = ROWS * COLUMNS };

static alb_diag diag;

typedef struct subject {
  alb_tensors t;
  float base[ALL], left[ROWS * RANK], right[RANK * COLUMNS], expected[ALL];
  uint16_t half_left[ROWS * RANK], half_right[RANK * COLUMNS], half_base[ALL];
  uint32_t left_blob, right_blob;
} subject;

static uint32_t source(alb_tensors *t, alb_dtype dtype, uint64_t n, const void *bytes) {
  uint32_t blob;
  const alb_span span = {bytes, (size_t)n * alb_dtype_bytes(dtype)};
  assert_ok(&diag, alb_tensors_blob(&diag, t, dtype, n, span, &blob));
  return blob;
}

/* Numbers that f16 has. */
static void prepare(subject *s, bool half) {
  *s = (subject){0};
  for (size_t i = 0; i < ALL; i++) s->base[i] = (float)(i * i % 61) / 32 - 1;
  for (size_t i = 0; i < ROWS * RANK; i++) s->left[i] = (float)i / 4 - 0.5f;
  for (size_t i = 0; i < RANK * COLUMNS; i++) s->right[i] = (float)(i % 7) / 8 - 0.25f;
  for (size_t i = 0; i < ROWS * RANK; i++) s->half_left[i] = alb_f32_to_f16(s->left[i]);
  for (size_t i = 0; i < RANK * COLUMNS; i++) s->half_right[i] = alb_f32_to_f16(s->right[i]);
  for (size_t i = 0; i < ALL; i++) s->half_base[i] = alb_f32_to_f16(s->base[i]);
  s->left_blob =
      half ? source(&s->t, ALB_F16, ROWS * RANK, s->half_left) : source(&s->t, ALB_F32, ROWS * RANK, s->left);
  s->right_blob =
      half ? source(&s->t, ALB_F16, RANK * COLUMNS, s->half_right) : source(&s->t, ALB_F32, RANK * COLUMNS, s->right);
}

/* `wide`: the base's numbers as f32. */
static void check(subject *s, uint32_t base, uint32_t scale, const float *wide) {
  float got[ALL + 1] = {0};
  uint32_t inputs[4], blob;
  const alb_residual parts = {base, scale, s->left_blob, s->right_blob};
  const alb_blob recipe = alb_residual_recipe(&parts, ROWS, COLUMNS, inputs);
  assert_ok(&diag, alb_tensors_recipe(&diag, &s->t, &recipe, &blob));
  memcpy(s->expected, wide, sizeof s->expected);
  alb_low_rank_add(s->left, s->right, ROWS, RANK, COLUMNS, s->expected);
  got[ALL] = 77;
  assert_int_equal(alb_blob_bytes(&s->t, blob), ALL * sizeof(float));
  assert_ok(&diag, alb_blob_materialize(&diag, &s->t, blob, got));
  assert_memory_equal(got, s->expected, sizeof s->expected);
  assert_true(got[ALL] == 77);
  const alb_residual found = alb_blob_residual(&s->t, blob);
  assert_memory_equal(&found, &parts, sizeof parts);
  assert_int_equal(alb_blob_base(&s->t, blob), base);
  alb_tensors_free(&s->t);
}

static void test_float_base(void **state) {
  (void)state;
  subject s;
  for (int half = 0; half < 2; half++) {
    prepare(&s, half);
    check(&s, source(&s.t, ALB_F32, ALL, s.base), ALB_NO_BLOB, s.base);
    prepare(&s, half);
    check(&s, source(&s.t, ALB_F16, ALL, s.half_base), ALB_NO_BLOB, s.base);
  }
}

static uint32_t quantised(subject *s, alb_blob_kind kind, alb_dtype dtype, alb_dtype of, uint64_t elements) {
  const uint32_t input = source(&s->t, ALB_F32, ALL, s->base);
  const alb_blob recipe = {.kind = kind,
                           .dtype = dtype,
                           .of = of,
                           .elements = elements,
                           .rows = ROWS,
                           .columns = COLUMNS,
                           .inputs = &input,
                           .input_count = 1};
  uint32_t blob;
  assert_ok(&diag, alb_tensors_recipe(&diag, &s->t, &recipe, &blob));
  return blob;
}

static void test_int8_base(void **state) {
  (void)state;
  subject s;
  int8_t codes[ALL];
  float scales[ROWS], wide[ALL];
  prepare(&s, true);
  const uint32_t base = quantised(&s, ALB_BLOB_QUANT, ALB_I8, ALB_DTYPE_NONE, ALL),
                 scale = quantised(&s, ALB_BLOB_SCALE, ALB_F32, ALB_DTYPE_NONE, ROWS);
  assert_ok(&diag, alb_blob_materialize(&diag, &s.t, base, codes));
  assert_ok(&diag, alb_blob_materialize(&diag, &s.t, scale, scales));
  for (size_t i = 0; i < ALL; i++) wide[i] = (float)codes[i] * scales[i / COLUMNS];
  check(&s, base, scale, wide);
}

static void check_intn_base(alb_dtype dtype) {
  enum { GROUPS = 2 };
  subject s;
  const unsigned bits = alb_intn_bits(dtype);
  const size_t bytes = alb_intn_bytes(bits);
  uint8_t codes[ROWS * GROUPS * ALB_INTN_MOST_BYTES];
  uint16_t scales[ROWS * GROUPS];
  float wide[ALL];
  prepare(&s, false);
  const uint32_t base = quantised(&s, ALB_BLOB_QUANT, dtype, ALB_DTYPE_NONE, ALL);
  const uint32_t scale = quantised(&s, ALB_BLOB_SCALE, ALB_F16, dtype, ROWS * GROUPS);
  assert_ok(&diag, alb_blob_materialize(&diag, &s.t, base, codes));
  assert_ok(&diag, alb_blob_materialize(&diag, &s.t, scale, scales));
  for (size_t i = 0; i < ALL; i++) {
    const size_t group = i / COLUMNS * GROUPS + i % COLUMNS / ALB_INTN_GROUP;
    const int q = alb_intn_at(codes + group * bytes, bits, i % COLUMNS % ALB_INTN_GROUP);
    wide[i] = (float)q * alb_f16_to_f32(scales[group]);
  }
  check(&s, base, scale, wide);
}

static void test_intn_bases(void **state) {
  (void)state;
  check_intn_base(ALB_I4);
  check_intn_base(ALB_I5);
  check_intn_base(ALB_I6);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_float_base), cmocka_unit_test(test_int8_base),
                                     cmocka_unit_test(test_intn_bases)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
