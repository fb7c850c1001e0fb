/* Gradients of every parameter against central differences, for a loss that looks at all states. */
#include "tune/backward.h"

#include <math.h>

#include "tests/support/check.h"
#include "tests/support/random_spec.h"
#include "tests/support/tiny_encoder.h"

enum { STATES = SPEC_LAYERS + 1, DIRECTIONS = 4 };

typedef struct fixture {
  random_spec model;
  alb_sequences batch;
  alb_tune_encoder encoder;
  alb_tune_run run;
  alb_tune_back back;
  float *weights[STATES]; /* of the numbers of each state in the loss */
  float *gradients;
} fixture;

static float *random_floats(fixture *f, size_t n) {
  float *values = alb_arena_array(&f->model.arena, n, sizeof *values);
  for (size_t i = 0; i < n; i++) values[i] = ((float)enc_random(&f->model.seed, 2001) - 1000.0f) / 1000.0f;
  return values;
}

static void make(fixture *f, uint32_t embedding, bool shared, alb_activation activation) {
  alb_diag *diag = &f->model.diag;
  random_spec_make(&f->model, embedding, shared, activation);
  f->batch = random_spec_batch(&f->model, 4);
  assert_ok(diag, alb_tune_encoder_load(diag, &f->model.spec, true, &f->encoder));
  assert_ok(diag, alb_tune_run_new(diag, &f->encoder, SPEC_TOKENS, true, &f->run));
  assert_ok(diag, alb_tune_back_new(diag, &f->encoder, &f->run, &f->back));
  for (int l = 0; l < STATES; l++) f->weights[l] = random_floats(f, f->batch.tokens * SPEC_HIDDEN);
  f->gradients = alb_arena_array(&f->model.arena, f->encoder.total, sizeof(float));
}

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return 0;
}

static void clear(fixture *f) {
  alb_tune_back_free(&f->back);
  alb_tune_run_free(&f->run);
  alb_tune_encoder_free(&f->encoder);
  random_spec_free(&f->model);
  *f = (fixture){0};
}

static int teardown(void **state) {
  clear(*state);
  free(*state);
  return 0;
}

static double loss(fixture *f) {
  double sum = 0;
  assert_ok(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, &f->batch, &f->run));
  for (int l = 0; l < STATES; l++) {
    const float *x = l < SPEC_LAYERS ? f->run.layer[l].input : f->run.hidden;
    for (size_t i = 0; i < f->batch.tokens * SPEC_HIDDEN; i++) sum += (double)x[i] * (double)f->weights[l][i];
  }
  return sum;
}

static double dot(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return sum;
}

/* The loss's slope along a direction of an array, per length of the direction, by differences of the fourth order. */
static double measured_slope(fixture *f, const alb_tune_array *array, const float *direction) {
  static const double steps[4] = {-2, -1, 1, 2}, factors[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
  const double h = 0.02 / sqrt(dot(direction, direction, array->elements));
  float *values = f->encoder.values + array->first, *saved = malloc(array->elements * sizeof *saved);
  double slope = 0;
  memcpy(saved, values, array->elements * sizeof *saved);
  for (int s = 0; s < 4; s++) {
    for (size_t i = 0; i < array->elements; i++)
      values[i] = (float)((double)saved[i] + steps[s] * h * (double)direction[i]);
    alb_tune_encoder_changed(&f->encoder);
    slope += factors[s] * loss(f) / 0.02;
  }
  memcpy(values, saved, array->elements * sizeof *saved);
  alb_tune_encoder_changed(&f->encoder);
  free(saved);
  return slope;
}

static void assert_slope(fixture *f, size_t a, const float *direction) {
  const alb_tune_array *array = &f->encoder.arrays[a];
  const float *g = f->gradients + array->first;
  const double size = sqrt(dot(g, g, array->elements));
  const double expected = dot(g, direction, array->elements) / sqrt(dot(direction, direction, array->elements));
  const double found = measured_slope(f, array, direction);
  if (!(fabs(found - expected) <= 5e-3 * size + 2e-3))
    fail_msg("array %zu: %g by differences, %g by the way back (gradient %g)", a, found, expected, size);
}

static bool is_key_bias(const fixture *f, size_t a) {
  for (int l = 0; l < SPEC_LAYERS; l++)
    if (f->encoder.layer[l][ALB_ROLE_KEY_B] == a) return true;
  return false;
}

static void find_gradients(fixture *f, bool embeddings) {
  (void)loss(f);
  memset(f->gradients, 0, f->encoder.total * sizeof(float));
  alb_tune_backward(&f->encoder, &f->batch, &f->run, (const float *const *)f->weights, embeddings, &f->back,
                    f->gradients);
}

/* Along random directions, and along the gradient itself, where the slope is its length. A bias of keys changes no
 * probability. */
static void check_gradients(fixture *f) {
  find_gradients(f, true);
  for (size_t a = 0; a < f->encoder.count; a++) {
    const alb_tune_array *array = &f->encoder.arrays[a];
    const float *g = f->gradients + array->first;
    for (int d = 0; d < DIRECTIONS; d++) assert_slope(f, a, random_floats(f, array->elements));
    if (is_key_bias(f, a)) continue;
    assert_true(dot(g, g, array->elements) > 0.1);
    assert_slope(f, a, g);
  }
}

static void test_bert(void **state) {
  make(*state, SPEC_HIDDEN, false, ALB_ACT_GELU);
  check_gradients(*state);
}

static void test_albert(void **state) {
  make(*state, 16, true, ALB_ACT_GELU_TANH);
  check_gradients(*state);
}

static void test_wide_embeddings(void **state) {
  make(*state, 32, true, ALB_ACT_SILU);
  check_gradients(*state);
}

/* Moves every number far from ReLU's corner, where differences say nothing: half of them up, half down. */
static void avoid_corners(fixture *f) {
  float *bias = alb_tune_value(&f->encoder, ALB_ROLE_UP_B, 0);
  for (int i = 0; i < SPEC_INNER; i++) bias[i] += i % 2 == 0 ? 8.0f : -8.0f;
}

static void test_activations(void **state) {
  static const alb_activation activations[] = {ALB_ACT_RELU, ALB_ACT_TANH, ALB_ACT_SIGMOID, ALB_ACT_NONE};
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
    make(*state, SPEC_HIDDEN, true, activations[i]);
    if (activations[i] == ALB_ACT_RELU) avoid_corners(*state);
    check_gradients(*state);
    clear(*state);
  }
}

/* Without embeddings, the layers' gradients are the same and the others are not touched; gradients add up. */
static void test_parts(void **state) {
  fixture *f = *state;
  make(f, 16, true, ALB_ACT_GELU);
  find_gradients(f, true);
  const size_t layers = f->encoder.layer_values;
  float *all = alb_arena_array(&f->model.arena, f->encoder.total, sizeof *all);
  memcpy(all, f->gradients, f->encoder.total * sizeof *all);
  find_gradients(f, false);
  assert_memory_equal(all, f->gradients, layers * sizeof *all);
  for (size_t i = layers; i < f->encoder.total; i++) assert_true(f->gradients[i] == 0.0f);
  alb_tune_backward(&f->encoder, &f->batch, &f->run, (const float *const *)f->weights, false, &f->back, f->gradients);
  for (size_t i = 0; i < layers; i++)
    assert_true(fabsf(f->gradients[i] - 2.0f * all[i]) <= 1e-4f * (1.0f + fabsf(all[i])));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_bert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_albert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wide_embeddings, setup, teardown),
      cmocka_unit_test_setup_teardown(test_activations, setup, teardown),
      cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
