/* The edge of the runtime's interface: what is refused, and that a refusal changes nothing. */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"

typedef struct edge {
  run_fixture f;
  alb_session *session;
  float *out;
  alb_output output;
} edge;

static int setup(void **state) {
  static edge e;
  e = (edge){0};
  run_fixture_open(&e.f, &enc_small, NULL);
  assert_int_equal(alb_session_new(e.f.model, NULL, &e.session, NULL), ALB_OK);
  e.output = (alb_output){.name = "hidden", .capacity = e.f.tokens * run_fixture_width(&e.f, "hidden")};
  e.output.values = e.out = calloc(e.output.capacity, sizeof *e.out);
  *state = &e;
  return 0;
}

static int teardown(void **state) {
  edge *e = *state;
  alb_session_free(e->session);
  run_fixture_close(&e->f);
  free(e->out);
  return 0;
}

/* The batch is refused, with a message, and the output is as it was. */
static void refused(edge *e, const alb_batch *batch, const alb_output *outputs, size_t count, alb_status expected) {
  alb_error error = {""};
  memset(e->out, 0x5a, e->output.capacity * sizeof *e->out);
  assert_int_equal(alb_run(e->session, batch, outputs, count, &error), expected);
  assert_int_equal(alb_run(e->session, batch, outputs, count, NULL), expected);
  assert_true(error.text[0] != '\0');
  for (size_t i = 0; i < e->output.capacity * sizeof *e->out; i++) assert_int_equal(((char *)e->out)[i], 0x5a);
}

static void test_ids(void **state) {
  edge *e = *state;
  const int32_t bad_ids[] = {-1, 50, INT32_MIN, INT32_MAX}, bad_types[] = {-1, 2, INT32_MIN, INT32_MAX};
  for (size_t i = 0; i < 8; i++) {
    int32_t *place = i < 4 ? &e->f.ids[e->f.tokens - 1] : &e->f.types[i];
    const int32_t good = *place;
    *place = i < 4 ? bad_ids[i] : bad_types[i - 4];
    refused(e, &e->f.batch, &e->output, 1, ALB_ARGUMENT);
    *place = good;
  }
  assert_int_equal(alb_run(e->session, &e->f.batch, &e->output, 1, NULL), ALB_OK);
}

static void test_lengths(void **state) {
  edge *e = *state;
  const size_t bad[] = {0, 69, SIZE_MAX, SIZE_MAX / 2}; /* 70 positions less an offset of 2 */
  for (size_t i = 0; i < 4; i++) {
    const size_t good = e->f.lengths[5];
    e->f.lengths[5] = bad[i];
    refused(e, &e->f.batch, &e->output, 1, ALB_ARGUMENT);
    e->f.lengths[5] = good;
  }
}

static void test_rows(void **state) {
  edge *e = *state;
  const size_t bad[] = {e->f.rows[0], 0, e->f.tokens, SIZE_MAX};
  for (size_t i = 0; i < 4; i++) {
    const size_t good = e->f.rows[1];
    e->f.rows[1] = bad[i];
    refused(e, &e->f.batch, &e->output, 1, ALB_ARGUMENT);
    e->f.rows[1] = good;
  }
}

static void test_pointers_and_sizes(void **state) {
  edge *e = *state;
  alb_batch b = e->f.batch;
  b.ids = NULL;
  refused(e, &b, &e->output, 1, ALB_ARGUMENT);
  b = e->f.batch, b.lengths = NULL;
  refused(e, &b, &e->output, 1, ALB_ARGUMENT);
  b = e->f.batch, b.rows = NULL;
  refused(e, &b, &e->output, 1, ALB_ARGUMENT);
  b = e->f.batch, b.size = sizeof b + 8;
  refused(e, &b, &e->output, 1, ALB_ARGUMENT);
  b.size = 0;
  refused(e, &b, &e->output, 1, ALB_ARGUMENT);
  refused(e, NULL, &e->output, 1, ALB_ARGUMENT);
  refused(e, &e->f.batch, NULL, 1, ALB_ARGUMENT);
  refused(e, &e->f.batch, &e->output, 1000, ALB_ARGUMENT);
  assert_int_equal(alb_run(NULL, &e->f.batch, &e->output, 1, NULL), ALB_ARGUMENT);
}

static void test_outputs(void **state) {
  edge *e = *state;
  alb_output bad = e->output;
  bad.capacity--;
  refused(e, &e->f.batch, &bad, 1, ALB_ARGUMENT);
  bad = e->output, bad.name = "classify";
  refused(e, &e->f.batch, &bad, 1, ALB_UNSUPPORTED);
  bad.name = "layer"; /* a function of the graph, but not one to run */
  refused(e, &e->f.batch, &bad, 1, ALB_UNSUPPORTED);
  bad.name = NULL;
  refused(e, &e->f.batch, &bad, 1, ALB_ARGUMENT);
  bad = e->output, bad.values = NULL;
  refused(e, &e->f.batch, &bad, 1, ALB_ARGUMENT);
  assert_int_equal(alb_model_output_width(e->f.model, "classify"), 0);
  assert_int_equal(alb_model_output_width(e->f.model, "mlm"), 50);
}

static void test_empty_batches(void **state) {
  edge *e = *state;
  const alb_batch none = {.size = sizeof none};
  assert_int_equal(alb_run(e->session, &none, &e->output, 1, NULL), ALB_OK);
  assert_int_equal(alb_run(e->session, &e->f.batch, NULL, 0, NULL), ALB_OK);
}

static void test_type_ids_default_to_zero(void **state) {
  edge *e = *state;
  float *other = calloc(e->output.capacity, sizeof *other);
  const alb_output to = {"hidden", other, e->output.capacity};
  alb_batch b = e->f.batch;
  b.type_ids = NULL;
  assert_int_equal(alb_run(e->session, &b, &e->output, 1, NULL), ALB_OK);
  memset(e->f.types, 0, e->f.tokens * sizeof *e->f.types);
  assert_int_equal(alb_run(e->session, &e->f.batch, &to, 1, NULL), ALB_OK);
  assert_memory_equal(e->out, other, e->output.capacity * sizeof *other);
  free(other);
}

static void test_options(void **state) {
  edge *e = *state;
  alb_session *session = NULL;
  alb_model *model = NULL;
  alb_error error = {""};
  const alb_session_options many = {.size = sizeof many, .threads = 100000}, odd = {.size = 1};
  assert_int_equal(alb_session_new(e->f.model, &many, &session, &error), ALB_ARGUMENT);
  assert_int_equal(alb_session_new(e->f.model, &odd, &session, &error), ALB_ARGUMENT);
  assert_int_equal(alb_session_new(NULL, NULL, &session, &error), ALB_ARGUMENT);
  const alb_model_options cpu = {.size = sizeof cpu, .cpu = "z80"};
  assert_int_equal(alb_model_open(e->f.path, &cpu, &model, &error), ALB_USAGE);
  assert_int_equal(alb_model_open("/nonexistent", NULL, &model, &error), ALB_IO);
  assert_int_equal(alb_model_open(NULL, NULL, &model, &error), ALB_ARGUMENT);
  assert_null(session);
  assert_null(model);
  alb_session_free(NULL);
  alb_model_free(NULL);
}

static void test_info(void **state) {
  edge *e = *state;
  alb_model_info info = {.size = sizeof info};
  assert_int_equal(alb_model_get_info(e->f.model, &info), ALB_OK);
  assert_string_equal(info.architecture, "bert");
  assert_string_equal(info.dtype, "f32");
  assert_true(info.hidden == 24 && info.vocab == 50 && info.max_tokens == 68 && !info.has_tokenizer);
  info.size = 4;
  assert_int_equal(alb_model_get_info(e->f.model, &info), ALB_ARGUMENT);
  assert_string_equal(alb_version(), "0.1.0");
}

/* ---- the tap ---- */

typedef struct taps {
  const run_fixture *f;
  float *layers; /* [3][tokens][hidden] */
  size_t calls;
} taps;

static void note(void *user, size_t layer, size_t first, size_t tokens, const float *values) {
  taps *t = user;
  const size_t h = t->f->e.options.hidden;
  assert_true(layer < 3);
  memcpy(t->layers + (layer * t->f->tokens + first) * h, values, tokens * h * sizeof *values);
  t->calls++;
}

static void test_tap(void **state) {
  edge *e = *state;
  taps t = {.f = &e->f, .layers = calloc(3 * e->output.capacity, sizeof(float))};
  alb_batch b = e->f.batch;
  b.tap = note, b.tap_user = &t;
  assert_int_equal(alb_run(e->session, &b, &e->output, 1, NULL), ALB_OK);
  assert_int_equal(t.calls, 3);
  assert_memory_equal(t.layers + 2 * e->output.capacity, e->out, e->output.capacity * sizeof(float));
  assert_memory_not_equal(t.layers + e->output.capacity, e->out, e->output.capacity * sizeof(float));
  free(t.layers);
}

/* ---- several threads on one model ---- */

typedef struct runner {
  const edge *e;
  const float *expected;
  int wrong;
} runner;

/* The mlm head is prepared by whoever comes first. */
static void *run_often(void *context) {
  runner *r = context;
  const run_fixture *f = &r->e->f;
  const size_t n = f->row_count * run_fixture_width(f, "mlm");
  float *out = calloc(n, sizeof *out);
  const alb_output to = {"mlm", out, n};
  const alb_session_options how = {.size = sizeof how, .threads = 2};
  for (int i = 0; i < 20; i++) {
    alb_session *session = NULL;
    r->wrong += alb_session_new(f->model, &how, &session, NULL) != ALB_OK;
    r->wrong += alb_run(session, &f->batch, &to, 1, NULL) != ALB_OK;
    r->wrong += r->expected && memcmp(out, r->expected, n * sizeof *out) != 0;
    alb_session_free(session);
  }
  free(out);
  return NULL;
}

static void test_threads(void **state) {
  edge *e = *state;
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  runner runners[THREADS];
  const size_t n = e->f.row_count * run_fixture_width(&e->f, "mlm");
  edge other;
  run_fixture_open(&other.f, &enc_small, NULL); /* the expected logits come from another model object */
  float *expected = calloc(n, sizeof *expected);
  const alb_output to = {"mlm", expected, n};
  assert_int_equal(alb_session_new(other.f.model, NULL, &other.session, NULL), ALB_OK);
  assert_int_equal(alb_run(other.session, &other.f.batch, &to, 1, NULL), ALB_OK);
  for (size_t i = 0; i < THREADS; i++) {
    runners[i] = (runner){e, expected, 0};
    assert_int_equal(pthread_create(&threads[i], NULL, run_often, &runners[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(runners[i].wrong, 0);
  }
  alb_session_free(other.session);
  run_fixture_close(&other.f);
  free(expected);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {TEST(test_ids),
                                     TEST(test_lengths),
                                     TEST(test_rows),
                                     TEST(test_pointers_and_sizes),
                                     TEST(test_outputs),
                                     TEST(test_empty_batches),
                                     TEST(test_type_ids_default_to_zero),
                                     TEST(test_options),
                                     TEST(test_info),
                                     TEST(test_tap),
                                     TEST(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
