/* Running models: numbers against a plain f64 computation, and the promises of albert.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"

typedef run_fixture fixture;

enum { SEQUENCES = RUN_SEQUENCES };

/* All outputs of a run. */
typedef struct outputs {
  float *hidden, *embed, *mlm, *pooler;
} outputs;

static size_t width(const fixture *f, const char *name) {
  return run_fixture_width(f, name);
}

static void make_outputs(const fixture *f, outputs *o) {
  o->hidden = calloc(f->tokens * width(f, "hidden"), sizeof(float));
  o->embed = calloc(SEQUENCES * width(f, "embed"), sizeof(float));
  o->pooler = calloc(SEQUENCES * width(f, "pooler"), sizeof(float));
  o->mlm = calloc(f->row_count * width(f, "mlm"), sizeof(float));
}

static void free_outputs(outputs *o) {
  free(o->hidden), free(o->embed), free(o->mlm), free(o->pooler);
}

static void run_all(const fixture *f, size_t threads, size_t batch_tokens, const alb_batch *batch, outputs *o) {
  alb_error error = {""};
  alb_session *session = NULL;
  const alb_session_options how = {.size = sizeof how, .threads = (int)threads, .batch_tokens = batch_tokens};
  const alb_output out[] = {{"embed", o->embed, SEQUENCES * width(f, "embed")},
                            {"hidden", o->hidden, f->tokens * width(f, "hidden")},
                            {"mlm", o->mlm, f->row_count * width(f, "mlm")},
                            {"pooler", o->pooler, SEQUENCES * width(f, "pooler")}};
  assert_int_equal(alb_session_new(f->model, &how, &session, &error), ALB_OK);
  if (alb_run(session, batch, out, 4, &error) != ALB_OK) fail_msg("%s", error.text);
  alb_session_free(session);
}

static double largest_difference(const float *a, const double *b, size_t n, double *largest) {
  double difference = 0;
  for (size_t i = 0; i < n; i++) {
    difference = fmax(difference, fabs((double)a[i] - b[i]));
    *largest = fmax(*largest, fabs(b[i]));
  }
  return difference;
}

/* The largest relative difference of all outputs to the reference. */
static double compare(const fixture *f, const outputs *o) {
  const size_t h = f->e.options.hidden, v = f->e.options.vocab;
  double worst = 0, largest = 0, *hidden = calloc(f->tokens * h, sizeof *hidden), *row = calloc(h + v, sizeof *row);
  for (size_t i = 0, token = 0; i < SEQUENCES; token += f->lengths[i++]) {
    double *mine = hidden + token * h;
    enc_hidden(&f->e, f->lengths[i], f->ids + token, f->types + token, mine);
    worst = fmax(worst, largest_difference(o->hidden + token * h, mine, f->lengths[i] * h, &largest) / 3);
    enc_embed(&f->e, f->lengths[i], mine, row);
    worst = fmax(worst, largest_difference(o->embed + i * h, row, h, &largest));
  }
  for (size_t i = 0; i < f->row_count; i++) {
    enc_mlm(&f->e, hidden + f->rows[i] * h, row);
    worst = fmax(worst, largest_difference(o->mlm + i * v, row, v, &largest) / 3);
  }
  assert_true(largest > 1);
  free(hidden), free(row);
  return worst;
}

static void check_numbers(const enc_options *options, const char *cpu, double tolerance) {
  fixture f;
  outputs o;
  run_fixture_open(&f, options, cpu);
  make_outputs(&f, &o);
  run_all(&f, 1, 0, &f.batch, &o);
  const double found = compare(&f, &o);
  if (!(found < tolerance)) fail_msg("difference %g, allowed %g", found, tolerance);
  free_outputs(&o);
  run_fixture_close(&f);
}

static enc_options with(alb_dtype dtype, bool fused, bool shared) {
  enc_options options = enc_small;
  options.dtype = dtype;
  options.fused = fused;
  options.shared = shared;
  return options;
}

static void test_numbers(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    const enc_options f32 = with(ALB_F32, i & 1, i & 2), f16 = with(ALB_F16, i & 1, i & 2);
    const enc_options bf16 = with(ALB_BF16, i & 1, i & 2), int8 = with(ALB_I8, i & 1, i & 2);
    const enc_options int4 = with(ALB_I4, i & 1, i & 2), int5 = with(ALB_I5, i & 1, i & 2);
    const enc_options int6 = with(ALB_I6, i & 1, i & 2);
    check_numbers(&f32, "ref", 2e-6);
    check_numbers(&f32, NULL, 2e-6);
    check_numbers(&f16, NULL, 2e-6);
    check_numbers(&bf16, NULL, 2e-6);
    check_numbers(&int8, "ref", 0.05);
    check_numbers(&int8, NULL, 0.05);
    check_numbers(&int4, "ref", 0.05);
    check_numbers(&int4, NULL, 0.05);
    check_numbers(&int5, "ref", 0.05);
    check_numbers(&int5, NULL, 0.05);
    check_numbers(&int6, "ref", 0.05);
    check_numbers(&int6, NULL, 0.05);
    enc_options tables = f32;
    tables.tables = ALB_I4;
    check_numbers(&tables, NULL, 0.05); /* the decoder that is the table of words is a product of int4 */
    tables.tables = i % 2 ? ALB_I5 : ALB_I6;
    check_numbers(&tables, NULL, 0.05);
  }
}

static void test_variety(void **state) {
  (void)state;
  static const alb_activation activations[] = {ALB_ACT_GELU_TANH, ALB_ACT_RELU, ALB_ACT_SILU};
  for (size_t i = 0; i < 3; i++) {
    enc_options options = enc_small;
    options.activation = activations[i];
    options.pooling = i ? ALB_POOL_MAX : ALB_POOL_CLS;
    options.normalize = i == 1;
    options.compress = i == 2;
    options.hidden = 33, options.embedding = 7, options.intermediate = 19, options.layers = 5;
    options.fused = i & 1;
    check_numbers(&options, NULL, 4e-6);
  }
}

static void assert_same(const fixture *f, const outputs *a, const outputs *b) {
  assert_memory_equal(a->hidden, b->hidden, f->tokens * width(f, "hidden") * sizeof(float));
  assert_memory_equal(a->embed, b->embed, SEQUENCES * width(f, "embed") * sizeof(float));
  assert_memory_equal(a->pooler, b->pooler, SEQUENCES * width(f, "pooler") * sizeof(float));
  assert_memory_equal(a->mlm, b->mlm, f->row_count * width(f, "mlm") * sizeof(float));
}

/* Every sequence by itself, at its place in the outputs. */
static void run_alone(const fixture *f, outputs *o) {
  size_t token = 0, row = 0;
  for (size_t i = 0; i < SEQUENCES; i++) {
    size_t rows[64], count = 0;
    while (row + count < f->row_count && f->rows[row + count] < token + f->lengths[i]) {
      rows[count] = f->rows[row + count] - token;
      count++;
    }
    const alb_batch one = {.size = sizeof one,
                           .count = 1,
                           .lengths = f->lengths + i,
                           .ids = f->ids + token,
                           .type_ids = f->types + token,
                           .rows = rows,
                           .row_count = count};
    outputs part = {o->hidden + token * width(f, "hidden"), o->embed + i * width(f, "embed"),
                    o->mlm + row * width(f, "mlm"), o->pooler + i * width(f, "pooler")};
    run_all(f, 1, 0, &one, &part);
    token += f->lengths[i];
    row += count;
  }
}

static void look(void *user, size_t layer, size_t first, size_t tokens, const float *values) {
  (void)layer, (void)first, (void)tokens, (void)values;
  ++*(size_t *)user;
}

/* With a tap the threads work on all sequences together, else each takes some of them apart. */
static void check_together(const fixture *f, const outputs *expected) {
  for (size_t threads = 1; threads <= 4; threads++) {
    size_t taps = 0;
    outputs other;
    alb_batch batch = f->batch;
    batch.tap = look;
    batch.tap_user = &taps;
    make_outputs(f, &other);
    run_all(f, threads, 0, &batch, &other);
    assert_int_equal(taps, f->e.options.layers + 1);
    assert_same(f, expected, &other);
    free_outputs(&other);
  }
}

static void check_invariance(const enc_options *options, const char *cpu) {
  fixture f;
  outputs first, other;
  run_fixture_open(&f, options, cpu);
  make_outputs(&f, &first);
  run_all(&f, 1, 0, &f.batch, &first);
  static const size_t threads[] = {1, 2, 3, 8}, tokens[] = {0, 1, 64, 100};
  for (size_t i = 0; i < 16; i++) {
    make_outputs(&f, &other);
    run_all(&f, threads[i / 4], tokens[i % 4], &f.batch, &other);
    assert_same(&f, &first, &other);
    free_outputs(&other);
  }
  check_together(&f, &first);
  make_outputs(&f, &other);
  run_alone(&f, &other);
  assert_same(&f, &first, &other);
  free_outputs(&other);
  free_outputs(&first);
  run_fixture_close(&f);
}

static void test_invariance(void **state) {
  (void)state;
  const enc_options f32 = with(ALB_F32, true, true), int8 = with(ALB_I8, false, false);
  check_invariance(&f32, "ref");
  check_invariance(&f32, NULL);
  check_invariance(&int8, NULL);
  enc_options int4 = with(ALB_I4, true, true);
  int4.hidden = 90, int4.heads = 3, int4.intermediate = 150; /* rows of more than one group, the last not full */
  check_invariance(&int4, "ref");
  check_invariance(&int4, NULL);
  int4.dtype = ALB_I5;
  check_invariance(&int4, NULL);
  int4.dtype = ALB_I6;
  check_invariance(&int4, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_variety),
                                     cmocka_unit_test(test_invariance)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
