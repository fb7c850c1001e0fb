/* The dense encoder: what it computes against the interpreter, layer by layer, and what a store changes. */
#include "tune/forward.h"

#include <math.h>

#include "tests/support/check.h"
#include "tests/support/random_spec.h"

typedef struct fixture {
  random_spec model;
  alb_tune_encoder encoder;
  alb_tune_run run;
  double worst, largest;
} fixture;

static void make(fixture *f, uint32_t embedding, bool shared) {
  random_spec_make(&f->model, embedding, shared, ALB_ACT_GELU);
  assert_ok(&f->model.diag, alb_tune_encoder_load(&f->model.diag, &f->model.spec, true, &f->encoder));
}

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_tune_run_free(&f->run);
  alb_tune_encoder_free(&f->encoder);
  random_spec_free(&f->model);
  free(f);
  return 0;
}

static void compare_state(fixture *f, const float *found, const alb_array *expected) {
  for (size_t i = 0; i < expected->rows * expected->width; i++) {
    f->worst = fmax(f->worst, fabs((double)found[i] - (double)expected->f32[i]));
    f->largest = fmax(f->largest, fabs((double)expected->f32[i]));
  }
}

static void compare_layer(void *context, uint32_t layer, const alb_array *hidden) {
  fixture *f = context;
  compare_state(f, layer + 1 < SPEC_LAYERS ? f->run.layer[layer + 1].input : f->run.hidden, hidden);
}

static void assert_as_interpreter(fixture *f, const alb_sequences *batch) {
  const alb_layer_tap tap = {compare_layer, f};
  alb_array expected;
  f->worst = f->largest = 0;
  assert_ok(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, batch, &f->run));
  assert_ok(&f->model.diag,
            alb_interpret_encoder(&f->model.diag, &f->model.graph, batch, f->run.keep ? &tap : NULL, &expected));
  compare_state(f, f->run.hidden, &expected);
  alb_array_free(&expected);
  assert_true(f->largest > 0.5);
  if (!(f->worst <= 2e-5 * f->largest)) fail_msg("differs by %g of %g", f->worst, f->largest);
}

static void check_model(fixture *f, uint32_t embedding, bool shared) {
  make(f, embedding, shared);
  const alb_sequences batch = random_spec_batch(&f->model, 4);
  for (int keep = 0; keep < 2; keep++) {
    assert_ok(&f->model.diag, alb_tune_run_new(&f->model.diag, &f->encoder, SPEC_TOKENS, keep != 0, &f->run));
    assert_as_interpreter(f, &batch);
    alb_tune_run_free(&f->run);
  }
}

static void test_bert(void **state) {
  fixture *f = *state;
  check_model(f, SPEC_HIDDEN, false);
  assert_ptr_not_equal(alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 0), alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 1));
}

static void test_albert(void **state) {
  fixture *f = *state;
  check_model(f, 16, true);
  assert_ptr_equal(alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 0), alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 2));
  assert_int_equal(f->encoder.arrays[f->encoder.layer[0][ALB_ROLE_UP_W]].elements, SPEC_INNER * SPEC_HIDDEN);
}

/* Changed numbers reach the graph through its tensors, in every layer that shares them. */
static void test_store(void **state) {
  fixture *f = *state;
  make(f, 16, true);
  const alb_sequences batch = random_spec_batch(&f->model, 3);
  assert_ok(&f->model.diag, alb_tune_run_new(&f->model.diag, &f->encoder, SPEC_TOKENS, true, &f->run));
  assert_as_interpreter(f, &batch);
  float *weight = alb_tune_value(&f->encoder, ALB_ROLE_DOWN_W, 1);
  for (int i = 0; i < SPEC_INNER * SPEC_HIDDEN; i++) weight[i] = -weight[i];
  for (int again = 0; again < 2; again++) {
    weight[again] += 1.0f;
    alb_tune_encoder_changed(&f->encoder);
    assert_ok(&f->model.diag, alb_tune_encoder_store(&f->model.diag, &f->encoder, f->encoder.layer[0][ALB_ROLE_DOWN_W],
                                                     &f->model.tensors));
    assert_as_interpreter(f, &batch);
  }
}

/* The pages of a source are given back once they were used; numbers that were stored are not in them. */
static void test_store_stays(void **state) {
  fixture *f = *state;
  f->model.vocab = 500;
  make(f, SPEC_HIDDEN, false);
  const alb_tune_array *array = &f->encoder.arrays[f->encoder.global[ALB_ROLE_WORD]];
  const size_t bytes = array->elements * sizeof(float);
  float *found = malloc(bytes);
  assert_true(bytes > 8192); /* a whole page at least */
  f->model.tensors.mapped = true;
  assert_ok(&f->model.diag,
            alb_tune_encoder_store(&f->model.diag, &f->encoder, f->encoder.global[ALB_ROLE_WORD], &f->model.tensors));
  for (int again = 0; again < 2; again++) {
    assert_ok(&f->model.diag, alb_blob_materialize(&f->model.diag, &f->model.tensors, array->blob, found));
    assert_memory_equal(found, f->encoder.values + array->first, bytes);
  }
  f->model.tensors.mapped = false;
  free(found);
}

static void test_refused(void **state) {
  fixture *f = *state;
  make(f, SPEC_HIDDEN, false);
  alb_sequences batch = random_spec_batch(&f->model, 4);
  assert_ok(&f->model.diag, alb_tune_run_new(&f->model.diag, &f->encoder, 28, true, &f->run));
  assert_refused(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, &batch, &f->run), ALB_LIMIT,
                 "29 tokens");
  batch = random_spec_batch(&f->model, 2);
  f->model.ids[3] = 50;
  assert_refused(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, &batch, &f->run), ALB_ARGUMENT,
                 "token 3 has the id 50");
  f->model.ids[3] = -1;
  assert_refused(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, &batch, &f->run), ALB_ARGUMENT,
                 "the id -1");
  const uint32_t long_text = 17;
  batch = (alb_sequences){1, 17, &long_text, f->model.ids, f->model.types, f->model.positions};
  assert_refused(&f->model.diag, alb_tune_forward(&f->model.diag, &f->encoder, &batch, &f->run), ALB_LIMIT,
                 "17 tokens, at most 16");
  alb_tune_encoder other;
  f->model.spec.config.intermediate = 41;
  assert_refused(&f->model.diag, alb_tune_encoder_load(&f->model.diag, &f->model.spec, true, &other), ALB_SHAPE,
                 "expected 984");
  alb_tune_encoder_free(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_bert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_albert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store_stays, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
