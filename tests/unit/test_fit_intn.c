/* int4, int5 and int6 fitted to texts: products change less than by plain rounding, what is stored is what was computed
 * with, shared matrices stay shared, and the bytes are the same on any number of threads. */
#include <math.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/parallel.h"
#include "graph/blob_intn.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tests/support/opened_model.h"
#include "tune/fit_intn.h"
#include "tune/gptq.h"
#include "tune/least_squares.h"

static uint64_t state = 1;
static const alb_dtype types[] = {ALB_I4, ALB_I5, ALB_I6};

/* ---- one matrix ---- */

enum { ROWS = 500, K = 72, N = 40, GROUPS = 3, HIDDEN_CAUSES = 12 };

static float x[ROWS * K], w[N * K], got[N * K];
static double gram[K * K];
static uint8_t codes[N * GROUPS * ALB_INTN_MOST_BYTES], again[sizeof codes];
static uint16_t scales[N * GROUPS];

/* Columns of x depend on each other: a few causes and a little of their own. */
static void make_inputs(void) {
  static float mix[HIDDEN_CAUSES * K];
  for (size_t i = 0; i < sizeof mix / sizeof mix[0]; i++) mix[i] = graph_text_random(&state);
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t i = 0; i < K; i++) x[r * K + i] = 0.3f * graph_text_random(&state);
    for (size_t c = 0; c < HIDDEN_CAUSES; c++) {
      const float cause = graph_text_random(&state);
      for (size_t i = 0; i < K; i++) x[r * K + i] += cause * mix[c * K + i];
    }
  }
  for (size_t i = 0; i < sizeof w / sizeof w[0]; i++) w[i] = graph_text_random(&state);
}

static void round_plainly(alb_dtype dtype, float *out) {
  const unsigned bits = alb_intn_bits(dtype);
  for (size_t r = 0; r < N; r++) {
    for (size_t at = 0; at < K; at += ALB_INTN_GROUP) {
      float group[ALB_INTN_GROUP] = {0};
      uint8_t bytes[ALB_INTN_MOST_BYTES];
      bool ok;
      const size_t n = K - at < ALB_INTN_GROUP ? K - at : ALB_INTN_GROUP;
      memcpy(group, w + r * K + at, n * sizeof *group);
      const float scale = alb_f16_to_f32(alb_intn_quantize(bits, group, bytes, &ok));
      for (size_t i = 0; i < n; i++) out[r * K + at + i] = (float)alb_intn_at(bytes, bits, i) * scale;
    }
  }
}

static double lost(const float *rounded) {
  double sum = 0;
  for (size_t t = 0; t < ROWS; t++) {
    for (size_t r = 0; r < N; r++) {
      double y = 0;
      for (size_t i = 0; i < K; i++) y += (double)x[t * K + i] * (double)(w[r * K + i] - rounded[r * K + i]);
      sum += y * y;
    }
  }
  return sum;
}

static void run_gptq(alb_dtype dtype, uint8_t *to) {
  memcpy(got, w, sizeof got);
  memset(gram, 0, sizeof gram);
  assert_ok(NULL, alb_fit_gram(NULL, x, ROWS, K, gram));
  assert_ok(NULL, alb_gptq(NULL, gram, K, N, dtype, got, to, scales));
}

static void check_loses_less(alb_dtype dtype) {
  static float plain[N * K];
  make_inputs();
  round_plainly(dtype, plain);
  run_gptq(dtype, codes);
  const double before = lost(plain), after = lost(got);
  if (!(after < 0.6 * before)) fail_msg("%g lost plainly, %g with compensation", before, after);
  alb_parallel_limit(1);
  run_gptq(dtype, again);
  alb_parallel_limit(0);
  assert_memory_equal(codes, again, sizeof codes);
}

/* The numbers are the codes'; what fills up the last group is 0. */
static void check_codes(alb_dtype dtype) {
  const unsigned bits = alb_intn_bits(dtype);
  make_inputs();
  run_gptq(dtype, codes);
  for (size_t r = 0; r < N; r++) {
    for (size_t i = 0; i < (size_t)GROUPS * ALB_INTN_GROUP; i++) {
      const size_t g = r * GROUPS + i / ALB_INTN_GROUP;
      const int code = alb_intn_at(codes + g * alb_intn_bytes(bits), bits, i % ALB_INTN_GROUP);
      if (i >= K) {
        assert_int_equal(code, 0);
      } else {
        assert_true(got[r * K + i] == (float)code * alb_f16_to_f32(scales[g]));
      }
    }
  }
}

static void test_loses_less(void **unused) {
  (void)unused;
  for (size_t i = 0; i < 3; i++) check_loses_less(types[i]);
}

static void test_codes(void **unused) {
  (void)unused;
  for (size_t i = 0; i < 3; i++) check_codes(types[i]);
}

static void test_refused(void **unused) {
  (void)unused;
  alb_diag diag = {0};
  make_inputs();
  memset(gram, 0, sizeof gram);
  gram[0] = INFINITY;
  assert_refused(&diag, alb_gptq(&diag, gram, K, N, ALB_I4, w, codes, scales), ALB_UNSUPPORTED, "not finite");
  memset(gram, 0, sizeof gram);
  w[5] = 1e9f;
  assert_refused(&diag, alb_gptq(&diag, gram, K, N, ALB_I4, w, codes, scales), ALB_UNSUPPORTED, "too large for int4");
}

/* ---- models ---- */

static void open_model(const char *name, const char *passes, const alb_pass_options *options, opened_model *m) {
  alb_diag diag = {0};
  opened_model_open(name, options, passes, m);
  assert_ok(&diag, alb_layer_table_read(&diag, &m->graph, &m->graph.arena, &m->table));
}

#define ROLLED "dedup-blobs,roll-layers,"
#define FUSED ROLLED "fuse-qkv,fuse-activation,fuse-add-norm,fuse-embed-norm,"

static double distance(opened_model *m, const opened_texts *t, const alb_array *right) {
  double sum = 0;
  alb_array hidden;
  assert_ok(NULL, alb_interpret_encoder(NULL, &m->graph, &t->all, NULL, &hidden));
  for (size_t i = 0; i < hidden.rows * hidden.width; i++) {
    sum += ((double)hidden.f32[i] - (double)right->f32[i]) * ((double)hidden.f32[i] - (double)right->f32[i]);
  }
  alb_array_free(&hidden);
  return sum;
}

/* Matrices of layers are of the type all, and the number of sets is the source's. */
static void check_table(alb_dtype type, const opened_model *source, const opened_model *m) {
  for (size_t i = 0; i < m->table.layers * m->table.parameter_count; i++) {
    const alb_layer_parameter *parameter = &m->table.parameters[i % m->table.parameter_count];
    const alb_dtype dtype = m->tensors.tensors.items[m->table.tensors[i]].dtype;
    if (parameter->matrix) assert_int_equal(dtype, type);
  }
  assert_int_equal(alb_layer_table_sets(&m->table), alb_layer_table_sets(&source->table));
}

static void check_same_bytes(const opened_model *a, const opened_model *b) {
  for (size_t i = 0; i < a->table.layers * a->table.parameter_count; i++) {
    const uint32_t x_blob = a->tensors.tensors.items[a->table.tensors[i]].blob;
    const uint32_t y_blob = b->tensors.tensors.items[b->table.tensors[i]].blob;
    const size_t size = (size_t)alb_blob_bytes(&a->tensors, x_blob);
    uint8_t *p = malloc(size + 1), *q = malloc(size + 1);
    assert_int_equal(size, alb_blob_bytes(&b->tensors, y_blob));
    assert_ok(NULL, alb_blob_materialize(NULL, &a->tensors, x_blob, p));
    assert_ok(NULL, alb_blob_materialize(NULL, &b->tensors, y_blob, q));
    assert_memory_equal(p, q, size);
    free(p);
    free(q);
  }
}

static void check_model(alb_dtype type, const char *name, const char *before, const char *passes) {
  static opened_texts t;
  alb_array right;
  alb_pass_options options = {.dtype = type, .tables = ALB_F32};
  opened_model source, plain, fitted, same;
  open_model(name, before, &options, &source);
  opened_texts_make(&source.loaded.spec.config, &state, &t);
  assert_ok(NULL, alb_interpret_encoder(NULL, &source.graph, &t.all, NULL, &right));
  open_model(name, passes, &options, &plain);
  options.round = alb_fit_intn;
  options.round_context = &t.all;
  open_model(name, passes, &options, &fitted);
  alb_parallel_limit(1);
  open_model(name, passes, &options, &same);
  alb_parallel_limit(0);
  check_table(type, &source, &fitted);
  check_same_bytes(&fitted, &same);
  const double by_itself = distance(&plain, &t, &right), with_texts = distance(&fitted, &t, &right);
  if (!(with_texts < 0.9 * by_itself)) fail_msg("%s: %g plainly, %g fitted", name, by_itself, with_texts);
  size_t changes = 0;
  assert_ok(NULL, alb_pass_quantize_weights(NULL, &fitted.graph, &options, &changes));
  assert_int_equal(changes, 0);
  alb_array_free(&right);
  opened_model_close(&source);
  opened_model_close(&plain);
  opened_model_close(&fitted);
  opened_model_close(&same);
}

static void test_models(void **unused) {
  (void)unused;
  static const char *const models[] = {"bert-gelu",     "bert-f16",        "bert-odd",
                                       "albert-groups", "albert-gelu-new", "bert-equal-attention",
                                       "bert-equal-ffn"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    check_model(types[0], models[i], "dedup-blobs,roll-layers", ROLLED "quantize-weights");
    check_model(types[0], models[i], "dedup-blobs,roll-layers", FUSED "quantize-weights,drop-unused");
  }
  for (size_t i = 1; i < 3; i++) {
    check_model(types[i], "bert-odd", "dedup-blobs,roll-layers", FUSED "quantize-weights,drop-unused");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_loses_less),
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_models),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
