/* Rounding for a training: the numbers of the file, seen by products and gradients while the encoder keeps its own. */
#include "tune/rounding.h"

#include "base/parallel.h"
#include "graph/weight.h"
#include "tests/support/check.h"
#include "tests/support/random_spec.h"
#include "tests/support/tiny_encoder.h"
#include "tune/backward.h"

enum { ROWS = 300, COLUMNS = 70, ELEMENTS = ROWS * COLUMNS };

/* ---- rows ---- */

static void fill(float *x) {
  uint32_t seed = 5;
  for (size_t i = 0; i < ELEMENTS; i++) x[i] = ((float)enc_random(&seed, 2001) - 1000.0f) / 700.0f;
  memset(x + 7 * COLUMNS, 0, COLUMNS * sizeof *x);
}

static uint32_t recipe(alb_tensors *tensors, uint32_t from, alb_blob_kind kind, alb_dtype dtype) {
  const bool groups = kind == ALB_BLOB_SCALE && dtype != ALB_I8;
  alb_blob blob = {.kind = kind, .dtype = dtype, .elements = ELEMENTS, .inputs = &from, .input_count = 1};
  uint32_t made;
  if (kind != ALB_BLOB_CAST) blob.rows = ROWS, blob.columns = COLUMNS;
  if (kind == ALB_BLOB_SCALE) {
    blob.elements = ROWS * (groups ? 3 : 1);
    blob.of = groups ? dtype : ALB_DTYPE_NONE;
    blob.dtype = groups ? ALB_F16 : ALB_F32;
  }
  assert_ok(NULL, alb_tensors_recipe(NULL, tensors, &blob, &made));
  return made;
}

/* What the file of a matrix x of that type says. */
static void by_file(alb_dtype dtype, const float *x, float *out) {
  alb_tensors tensors = {0};
  alb_weight weight;
  uint32_t source, id;
  const bool quantised = alb_dtype_is_quantised(dtype);
  const alb_span bytes = {(const uint8_t *)x, ELEMENTS * sizeof *x};
  assert_ok(NULL, alb_tensors_blob(NULL, &tensors, ALB_F32, ELEMENTS, bytes, &source));
  const uint32_t numbers = recipe(&tensors, source, quantised ? ALB_BLOB_QUANT : ALB_BLOB_CAST, dtype);
  assert_ok(NULL, alb_tensors_view(NULL, &tensors, ALB_STR("w"), 2, (const uint64_t[]){ROWS, COLUMNS}, numbers, &id));
  if (quantised) tensors.tensors.items[id].scale_blob = recipe(&tensors, source, ALB_BLOB_SCALE, dtype);
  assert_ok(NULL, alb_weight_open(NULL, &tensors, id, &weight));
  for (size_t r = 0; r < ROWS; r++) memcpy(out + r * COLUMNS, alb_weight_row(&weight, r), COLUMNS * sizeof *out);
  alb_weight_close(&weight);
  alb_tensors_free(&tensors);
}

/* Bit for bit, on any number of threads and in place. */
static void test_rows(void **unused) {
  static const alb_dtype dtypes[] = {ALB_F32, ALB_F16, ALB_BF16, ALB_I8, ALB_I6, ALB_I5, ALB_I4};
  static float x[ELEMENTS], expected[ELEMENTS], found[ELEMENTS];
  (void)unused;
  fill(x);
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
    by_file(dtypes[d], x, expected);
    assert_int_equal(memcmp(expected, x, sizeof x) == 0, dtypes[d] == ALB_F32);
    for (size_t threads = 1; threads <= 5; threads += 4) {
      alb_parallel_limit(threads);
      alb_round_rows(dtypes[d], x, ROWS, COLUMNS, found);
      assert_memory_equal(found, expected, sizeof x);
    }
    memcpy(found, x, sizeof x);
    alb_round_rows(dtypes[d], found, ROWS, COLUMNS, found);
    assert_memory_equal(found, expected, sizeof x);
  }
  alb_parallel_limit(0);
}

/* ---- encoders ---- */

enum { EMBEDDING = 40 };

static const alb_tune_types types = {ALB_I4, ALB_I8, ALB_F16};

/* The type that an array with that role is rounded to; ALB_DTYPE_NONE: it is not. */
static alb_dtype type_of(alb_role role) {
  const alb_part part = alb_role_info(role)->part;
  if (part == ALB_PART_MATRIX) return types.matrices;
  if (part != ALB_PART_TABLE) return ALB_DTYPE_NONE;
  return role == ALB_ROLE_WORD ? types.words : types.places;
}

static void round_array(alb_tune_encoder *e, alb_role role, uint32_t layer) {
  uint64_t dims[2] = {0};
  float *values = alb_tune_value(e, role, layer);
  (void)alb_role_shape(&e->config, role, dims);
  if (values && type_of(role)) alb_round_rows(type_of(role), values, (size_t)dims[0], (size_t)dims[1], values);
}

/* Puts the file's numbers in the place of the encoder's. */
static void replace(alb_tune_encoder *e) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++)
    for (uint32_t l = 0; l < (alb_role_info((alb_role)r)->scope == ALB_SCOPE_LAYER ? SPEC_LAYERS : 1); l++)
      if (alb_role_info((alb_role)r)->block <= ALB_BLOCK_FFN) round_array(e, (alb_role)r, l);
  alb_tune_encoder_changed(e);
}

/* Last states and gradients of layers. */
static void run(const alb_tune_encoder *e, const alb_sequences *batch, float *states, float *gradients) {
  alb_tune_run forward;
  alb_tune_back back;
  static float d[SPEC_TOKENS * SPEC_HIDDEN];
  const float *dstate[SPEC_LAYERS + 1] = {NULL, NULL, NULL, d};
  for (size_t i = 0; i < SPEC_TOKENS * SPEC_HIDDEN; i++) d[i] = (float)(i % 17) - 8;
  assert_ok(NULL, alb_tune_run_new(NULL, e, SPEC_TOKENS, true, &forward));
  assert_ok(NULL, alb_tune_back_new(NULL, e, &forward, &back));
  assert_ok(NULL, alb_tune_forward(NULL, e, batch, &forward));
  memcpy(states, forward.hidden, batch->tokens * SPEC_HIDDEN * sizeof *states);
  memset(gradients, 0, e->total * sizeof *gradients);
  alb_tune_backward(e, batch, &forward, dstate, false, &back, gradients);
  alb_tune_back_free(&back);
  alb_tune_run_free(&forward);
}

/* A rounded encoder computes what one of the rounded numbers does, gradients too, and keeps its layers' numbers; what
 * is changed of those is seen rounded. */
static void test_encoder(void **unused) {
  random_spec model = {0};
  alb_tune_encoder kept, plain;
  static float states[2][SPEC_TOKENS * SPEC_HIDDEN];
  (void)unused;
  random_spec_make(&model, EMBEDDING, false, ALB_ACT_GELU);
  const alb_sequences batch = random_spec_batch(&model, 4);
  assert_ok(&model.diag, alb_tune_encoder_load(&model.diag, &model.spec, true, &kept));
  assert_ok(&model.diag, alb_tune_encoder_load(&model.diag, &model.spec, true, &plain));
  const size_t layers = kept.layer_values * sizeof *kept.values;
  float *gradients[2] = {malloc(kept.total * sizeof(float)), malloc(kept.total * sizeof(float))};
  assert_ok(NULL, alb_tune_encoder_round(NULL, &kept, &types));
  assert_memory_equal(kept.values, plain.values, layers);
  for (int round = 0; round < 2; round++) {
    run(&plain, &batch, states[0], gradients[0]);
    run(&kept, &batch, states[1], gradients[1]);
    assert_memory_not_equal(states[0], states[1], batch.tokens * SPEC_HIDDEN * sizeof(float));
    replace(&plain);
    run(&plain, &batch, states[0], gradients[0]);
    assert_memory_equal(states[0], states[1], batch.tokens * SPEC_HIDDEN * sizeof(float));
    assert_memory_equal(gradients[0], gradients[1], layers);
    for (size_t i = 0; i < kept.layer_values; i++) plain.values[i] = kept.values[i] = kept.values[i] * 1.25f + 0.01f;
    alb_tune_encoder_changed(&plain);
    alb_tune_encoder_changed(&kept);
  }
  free(gradients[0]), free(gradients[1]);
  alb_tune_encoder_free(&kept);
  alb_tune_encoder_free(&plain);
  random_spec_free(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_encoder)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
