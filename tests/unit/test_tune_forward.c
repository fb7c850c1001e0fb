/* The dense encoder: what it computes against the interpreter, layer by layer, and what a store changes. */
#include "tune/forward.h"

#include <math.h>

#include "graph/build_encoder.h"
#include "tests/support/check.h"
#include "tests/support/tiny_encoder.h"

enum { LAYERS = 3, HIDDEN = 24, MOST_TOKENS = 40 };

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  alb_tensors tensors;
  alb_graph graph;
  alb_model_spec spec;
  alb_tune_encoder encoder;
  alb_tune_run run;
  uint32_t seed;
  double worst, largest;
} fixture;

static const uint32_t lengths[] = {7, 1, 12, 9};
static int32_t ids[MOST_TOKENS], types[MOST_TOKENS], positions[MOST_TOKENS];

static alb_sequences make_batch(fixture *f, size_t sequences) {
  alb_sequences batch = {
      .sequences = sequences, .lengths = lengths, .ids = ids, .type_ids = types, .positions = positions};
  for (size_t s = 0; s < sequences; s++)
    for (uint32_t t = 0; t < lengths[s]; t++, batch.tokens++) {
      ids[batch.tokens] = (int32_t)enc_random(&f->seed, f->spec.config.vocab);
      types[batch.tokens] = (int32_t)enc_random(&f->seed, f->spec.config.type_vocab);
      positions[batch.tokens] = (int32_t)t;
    }
  return batch;
}

static void add_role(fixture *f, alb_role role, uint32_t layer, uint32_t *slot) {
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&f->spec.config, role, dims);
  const size_t n = (size_t)(dims[0] * (rank == 2 ? dims[1] : 1));
  float *values = alb_arena_array(&f->arena, n, sizeof *values);
  const float middle = role == ALB_ROLE_EMBED_GAMMA || role == ALB_ROLE_ATTENTION_GAMMA || role == ALB_ROLE_FFN_GAMMA;
  for (size_t i = 0; i < n; i++) values[i] = middle + ((float)enc_random(&f->seed, 2001) - 1000.0f) / 2000.0f;
  const char *name = alb_arena_printf(&f->arena, "layer.%u.%s", layer, alb_role_info(role)->name);
  const alb_span bytes = {(const uint8_t *)values, n * sizeof *values};
  assert_ok(&f->diag, alb_tensors_add(&f->diag, &f->tensors, alb_str_of(name), ALB_F32, rank, dims, bytes, slot));
}

static bool has_role(const fixture *f, alb_role role) {
  const bool projection = role == ALB_ROLE_PROJECTION_W || role == ALB_ROLE_PROJECTION_B;
  return alb_role_info(role)->block <= ALB_BLOCK_FFN && (!projection || f->spec.config.embedding != HIDDEN);
}

/* A BERT has other numbers in every layer; an ALBERT one set, and narrow embeddings. */
static void make(fixture *f, uint32_t embedding, bool shared) {
  f->spec.config = (alb_encoder_config){.architecture = shared ? "albert" : "bert",
                                        .layers = LAYERS,
                                        .hidden = HIDDEN,
                                        .embedding = embedding,
                                        .heads = 3,
                                        .intermediate = 40,
                                        .vocab = 50,
                                        .max_positions = 16,
                                        .type_vocab = 2,
                                        .activation = ALB_ACT_GELU,
                                        .layer_norm_eps = 1e-6f};
  f->spec.tensors = &f->tensors;
  f->spec.layer = alb_arena_array(&f->arena, LAYERS, sizeof *f->spec.layer);
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const alb_role role = (alb_role)r;
    const bool global = alb_role_info(role)->scope == ALB_SCOPE_GLOBAL;
    f->spec.global[r] = ALB_NO_TENSOR;
    if (global && has_role(f, role)) add_role(f, role, 0, &f->spec.global[r]);
    for (uint32_t l = 0; !global && l < LAYERS; l++) {
      if (l > 0 && shared)
        f->spec.layer[l][r] = f->spec.layer[0][r];
      else
        add_role(f, role, l, &f->spec.layer[l][r]);
    }
  }
  assert_ok(&f->diag, alb_build_encoder(&f->diag, &f->spec, &f->graph));
  assert_ok(&f->diag, alb_tune_encoder_load(&f->diag, &f->spec, &f->encoder));
}

static int setup(void **state) {
  fixture *f = *state = calloc(1, sizeof *f);
  f->seed = 7;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_tune_run_free(&f->run);
  alb_tune_encoder_free(&f->encoder);
  alb_graph_free(&f->graph);
  alb_tensors_free(&f->tensors);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
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
  compare_state(f, layer + 1 < LAYERS ? f->run.layer[layer + 1].input : f->run.hidden, hidden);
}

static void assert_as_interpreter(fixture *f, const alb_sequences *batch) {
  const alb_layer_tap tap = {compare_layer, f};
  alb_array expected;
  f->worst = f->largest = 0;
  assert_ok(&f->diag, alb_tune_forward(&f->diag, &f->encoder, batch, &f->run));
  assert_ok(&f->diag, alb_interpret_encoder(&f->diag, &f->graph, batch, f->run.keep ? &tap : NULL, &expected));
  compare_state(f, f->run.hidden, &expected);
  alb_array_free(&expected);
  assert_true(f->largest > 0.5);
  if (!(f->worst <= 2e-5 * f->largest)) fail_msg("differs by %g of %g", f->worst, f->largest);
}

static void check_model(fixture *f, uint32_t embedding, bool shared) {
  make(f, embedding, shared);
  const alb_sequences batch = make_batch(f, 4);
  for (int keep = 0; keep < 2; keep++) {
    assert_ok(&f->diag, alb_tune_run_new(&f->diag, &f->encoder, MOST_TOKENS, keep != 0, &f->run));
    assert_as_interpreter(f, &batch);
    alb_tune_run_free(&f->run);
  }
}

static void test_bert(void **state) {
  fixture *f = *state;
  check_model(f, HIDDEN, false);
  assert_ptr_not_equal(alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 0), alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 1));
}

static void test_albert(void **state) {
  fixture *f = *state;
  check_model(f, 16, true);
  assert_ptr_equal(alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 0), alb_tune_value(&f->encoder, ALB_ROLE_UP_W, 2));
  assert_int_equal(f->encoder.arrays[f->encoder.layer[0][ALB_ROLE_UP_W]].elements, 40 * HIDDEN);
}

/* Changed numbers reach the graph through its tensors, in every layer that shares them. */
static void test_store(void **state) {
  fixture *f = *state;
  make(f, 16, true);
  const alb_sequences batch = make_batch(f, 3);
  assert_ok(&f->diag, alb_tune_run_new(&f->diag, &f->encoder, MOST_TOKENS, true, &f->run));
  assert_as_interpreter(f, &batch);
  float *weight = alb_tune_value(&f->encoder, ALB_ROLE_DOWN_W, 1);
  for (int i = 0; i < 40 * HIDDEN; i++) weight[i] = -weight[i];
  for (int again = 0; again < 2; again++) {
    weight[again] += 1.0f;
    assert_ok(&f->diag,
              alb_tune_encoder_store(&f->diag, &f->encoder, f->encoder.layer[0][ALB_ROLE_DOWN_W], &f->tensors));
    assert_as_interpreter(f, &batch);
  }
}

static void test_refused(void **state) {
  fixture *f = *state;
  make(f, HIDDEN, false);
  alb_sequences batch = make_batch(f, 4);
  assert_ok(&f->diag, alb_tune_run_new(&f->diag, &f->encoder, 28, true, &f->run));
  assert_refused(&f->diag, alb_tune_forward(&f->diag, &f->encoder, &batch, &f->run), ALB_LIMIT, "29 tokens");
  batch = make_batch(f, 2);
  ids[3] = 50;
  assert_refused(&f->diag, alb_tune_forward(&f->diag, &f->encoder, &batch, &f->run), ALB_ARGUMENT,
                 "token 3 has the id 50");
  ids[3] = -1;
  assert_refused(&f->diag, alb_tune_forward(&f->diag, &f->encoder, &batch, &f->run), ALB_ARGUMENT, "the id -1");
  const uint32_t long_text = 17;
  batch = (alb_sequences){1, 17, &long_text, ids, types, positions};
  assert_refused(&f->diag, alb_tune_forward(&f->diag, &f->encoder, &batch, &f->run), ALB_LIMIT,
                 "17 tokens, at most 16");
  alb_tune_encoder other;
  f->spec.config.intermediate = 41;
  assert_refused(&f->diag, alb_tune_encoder_load(&f->diag, &f->spec, &other), ALB_SHAPE, "expected 984");
  alb_tune_encoder_free(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_bert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_albert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_store, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
