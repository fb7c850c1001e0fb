/* Adjusting a fold to texts: fits are exact where they can be, layers compute what the interpreter says, and the fold
 * comes nearer to the source, the same on any number of threads. */
#include <math.h>

#include "base/parallel.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tests/support/opened_model.h"
#include "tune/fold_align.h"
#include "tune/fold_refit.h"
#include "tune/fold_residual.h"
#include "tune/layer_run.h"
#include "tune/least_squares.h"

static uint64_t state = 1;

static void fill(float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = graph_text_random(&state);
}

/* ---- fits ---- */

enum { ROWS = 600, K = 7, N = 5 };

static float x[ROWS * K], y[ROWS * N], w[N * K], bias[N], got[N * K], got_bias[N];

static void make_map(void) {
  fill(x, ROWS * K);
  fill(w, N * K);
  fill(bias, N);
  alb_rows_linear(x, ROWS, K, w, bias, N, y);
}

static void test_fit_linear(void **unused) {
  (void)unused;
  make_map();
  fill(got, N * K);
  assert_ok(NULL, alb_fit_linear(NULL, x, y, ROWS, K, N, 1e-9, got, got_bias));
  for (size_t i = 0; i < N * K; i++) assert_true(fabsf(got[i] - w[i]) < 1e-5f);
  for (size_t i = 0; i < N; i++) assert_true(fabsf(got_bias[i] - bias[i]) < 1e-5f);
}

/* A column that says nothing leaves its weights as they were. */
static void test_fit_keeps(void **unused) {
  (void)unused;
  make_map();
  for (size_t r = 0; r < ROWS; r++) x[r * K + 2] = 3;
  alb_rows_linear(x, ROWS, K, w, bias, N, y);
  memcpy(got, w, sizeof got);
  for (size_t n = 0; n < N; n++) got[n * K + 2] = 42;
  assert_ok(NULL, alb_fit_linear(NULL, x, y, ROWS, K, N, 0.01, got, got_bias));
  for (size_t n = 0; n < N; n++) assert_true(fabsf(got[n * K + 2] - 42) < 1e-3f);
  static float again[ROWS * N]; /* what it computes is right all the same */
  alb_rows_linear(x, ROWS, K, got, got_bias, N, again);
  for (size_t i = 0; i < ROWS * N; i++) assert_true(fabsf(again[i] - y[i]) < 0.05f);
}

static void test_fit_bias(void **unused) {
  (void)unused;
  make_map();
  assert_ok(NULL, alb_fit_bias(NULL, x, y, ROWS, K, N, w, got_bias));
  for (size_t i = 0; i < N; i++) assert_true(fabsf(got_bias[i] - bias[i]) < 1e-5f);
}

static void test_fit_scale(void **unused) {
  (void)unused;
  float gamma[N], beta[N], to[ROWS * N];
  fill(y, ROWS * N);
  for (size_t r = 0; r < ROWS; r++) y[r * N + 1] = 2; /* constant */
  for (size_t i = 0; i < ROWS * N; i++) to[i] = y[i] * (float)(i % N + 1) - (float)(i % N);
  alb_fit_scale(y, to, ROWS, N, gamma, beta);
  for (size_t i = 0; i < N; i++) {
    const bool constant = i == 1;
    assert_true(fabsf(gamma[i] - (constant ? 0 : (float)(i + 1))) < 1e-5f);
    assert_true(fabsf(beta[i] - (constant ? 3 : -(float)i)) < 1e-5f);
  }
}

static void test_fit_refused(void **unused) {
  (void)unused;
  alb_diag diag = {0};
  make_map();
  x[3] = INFINITY;
  assert_refused(&diag, alb_fit_linear(&diag, x, y, ROWS, K, N, 0.01, got, got_bias), ALB_UNSUPPORTED, "not finite");
}

/* ---- models ---- */

static double difference(const float *a, const float *b, size_t n) {
  double sum = 0, energy = 0;
  for (size_t i = 0; i < n; i++) {
    sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    energy += (double)b[i] * (double)b[i];
  }
  return sqrt(sum / energy);
}

/* All layers of a source, one after another. */
static void check_run(const char *name, const char *passes) {
  const alb_pass_options options = {0};
  alb_arena arena = {0};
  alb_layer_table table;
  alb_layer_view view;
  alb_layer_run r;
  alb_array hidden;
  static opened_texts t;
  opened_model m;
  opened_model_open(name, &options, passes, &m);
  opened_texts_make(&m.loaded.spec.config, &state, &t);
  assert_ok(NULL, alb_layer_table_read(NULL, &m.graph, &arena, &table));
  alb_layer_view_open(&m.graph, &table, &view);
  assert_true(view.attention && view.ffn);
  assert_ok(NULL, alb_layer_run_new(NULL, &view, &t.all, &r));
  assert_ok(NULL, alb_layer_run_embed(NULL, &r));
  for (size_t l = 0; l < table.layers; l++) assert_ok(NULL, alb_layer_run_layer(NULL, &r, table.tensors, l, NULL));
  assert_ok(NULL, alb_interpret_encoder(NULL, &m.graph, &t.all, NULL, &hidden));
  assert_true(difference(r.x, hidden.f32, hidden.rows * hidden.width) < 2e-6);
  alb_array_free(&hidden);
  alb_layer_run_free(&r);
  alb_arena_free(&arena);
  opened_model_close(&m);
}

#define ROLLED "dedup-blobs,roll-layers"
#define FUSED ROLLED ",fuse-qkv,fuse-activation,fuse-add-norm,fuse-embed-norm"

static void test_run(void **unused) {
  (void)unused;
  static const char *const models[] = {"bert-gelu", "bert-f16", "bert-odd", "bert-silu", "albert-groups"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    check_run(models[i], ROLLED);
    check_run(models[i], FUSED);
  }
}

/* Hidden states of a fold; NULL texts: not adjusted to them. The caller frees them. */
static alb_array fold(const char *name, alb_pass_options options, const alb_sequences *calib, const opened_texts *t) {
  alb_array hidden;
  alb_fold_report report = {0};
  opened_model m;
  options.align = alb_fold_align;
  options.refit = calib ? alb_fold_refit : NULL;
  options.refit_context = (void *)(uintptr_t)calib;
  options.report = &report;
  opened_model_open(name, &options, ROLLED ",fold-layers", &m);
  assert_int_equal(report.refitted, calib != NULL && report.lossy);
  assert_ok(NULL, alb_interpret_encoder(NULL, &m.graph, &t->all, NULL, &hidden));
  alb_vec_free(&report.changes);
  opened_model_close(&m);
  return hidden;
}

static void check_fold(const char *name, alb_pass_options options) {
  static opened_texts t;
  opened_model source;
  alb_array right;
  const alb_pass_options none = {0};
  opened_model_open(name, &none, ROLLED, &source);
  opened_texts_make(&source.loaded.spec.config, &state, &t);
  assert_ok(NULL, alb_interpret_encoder(NULL, &source.graph, &t.all, NULL, &right));
  alb_array plain = fold(name, options, NULL, &t), fitted = fold(name, options, &t.all, &t);
  alb_parallel_limit(1);
  alb_array again = fold(name, options, &t.all, &t);
  alb_parallel_limit(0);
  const size_t n = right.rows * right.width;
  const double before = difference(plain.f32, right.f32, n), after = difference(fitted.f32, right.f32, n);
  if (!(after < 0.8 * before)) fail_msg("%s: %g before, %g after", name, before, after);
  assert_memory_equal(fitted.f32, again.f32, n * sizeof(float));
  alb_array_free(&right);
  alb_array_free(&plain);
  alb_array_free(&fitted);
  alb_array_free(&again);
  opened_model_close(&source);
}

static void test_folds_come_nearer(void **unused) {
  (void)unused;
  static const char *const models[] = {"bert-gelu", "bert-f16", "bert-silu"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    check_fold(models[i], (alb_pass_options){.mode = ALB_SHARE_ALL});
    check_fold(models[i], (alb_pass_options){.mode = ALB_SHARE_ATTENTION});
    check_fold(models[i], (alb_pass_options){.mode = ALB_SHARE_FFN});
  }
}

/* With norms shared there is nothing left but the base and unshared matrices: still one set. */
static void test_shared_norms(void **unused) {
  (void)unused;
  static opened_texts t;
  alb_arena arena = {0};
  alb_layer_table table;
  alb_pass_options options = {.mode = ALB_SHARE_ALL, .share_norms = true};
  opened_model m;
  const alb_pass_options none = {0};
  opened_model_open("bert-gelu", &none, ROLLED, &m);
  opened_texts_make(&m.loaded.spec.config, &state, &t);
  opened_model_close(&m);
  options.align = alb_fold_align;
  options.refit = alb_fold_refit;
  options.refit_context = &t.all;
  opened_model_open("bert-gelu", &options, ROLLED ",fold-layers", &m);
  assert_ok(NULL, alb_layer_table_read(NULL, &m.graph, &arena, &table));
  assert_int_equal(alb_layer_table_sets(&table), 1);
  alb_arena_free(&arena);
  opened_model_close(&m);
}

/* ---- folds with factors ---- */

static alb_status keep_factors(alb_diag *diag, void *context, const alb_fold_job *job) {
  (void)context;
  return alb_fold_residual(diag, job);
}

/* How far a fold with factors of that rank is from the source; calib NULL: factors of what moved. */
static double residual_distance(const char *name, alb_pass_options options, size_t rank, const char *passes,
                                const alb_sequences *calib, const opened_texts *t, const alb_array *right) {
  alb_fold_report report = {0};
  alb_array hidden;
  opened_model m;
  options.align = alb_fold_align;
  options.residual = rank;
  options.refit = !rank ? NULL : calib ? alb_fold_refit : keep_factors;
  options.refit_context = (void *)(uintptr_t)calib;
  options.report = &report;
  opened_model_open(name, &options, passes, &m);
  assert_int_equal(report.residual, rank);
  assert_int_equal(report.residuals > 0, rank > 0);
  assert_ok(NULL, alb_interpret_encoder(NULL, &m.graph, &t->all, NULL, &hidden));
  const double found = difference(hidden.f32, right->f32, right->rows * right->width);
  alb_array_free(&hidden);
  alb_vec_free(&report.changes);
  opened_model_close(&m);
  return found;
}

/* Factors of full rank give back everything; a few bring the fold nearer, and nearer when they are fitted. */
static void check_residual(const char *name, alb_pass_options options, const char *before) {
  static opened_texts t;
  opened_model source;
  alb_array right;
  char passes[256];
  const alb_pass_options none = {0};
  (void)snprintf(passes, sizeof passes, "%s,fold-layers", before);
  opened_model_open(name, &none, ROLLED, &source);
  opened_texts_make(&source.loaded.spec.config, &state, &t);
  assert_ok(NULL, alb_interpret_encoder(NULL, &source.graph, &t.all, NULL, &right));
  const size_t all = source.loaded.spec.config.hidden, some = all / 3;
  const double none_kept = residual_distance(name, options, 0, passes, NULL, &t, &right);
  const double plain = residual_distance(name, options, some, passes, NULL, &t, &right);
  const double fitted = residual_distance(name, options, some, passes, &t.all, &t, &right);
  if (!(plain < none_kept && fitted < plain)) {
    fail_msg("%s, %s: %g, with factors %g, fitted %g", name, passes, none_kept, plain, fitted);
  }
  assert_true(residual_distance(name, options, all, passes, NULL, &t, &right) < 1e-5);
  assert_true(residual_distance(name, options, all, passes, &t.all, &t, &right) < 0.2 * plain);
  alb_parallel_limit(1);
  assert_true(residual_distance(name, options, some, passes, &t.all, &t, &right) == fitted);
  alb_parallel_limit(0);
  alb_array_free(&right);
  opened_model_close(&source);
}

static void test_residuals(void **unused) {
  (void)unused;
  static const char *const models[] = {"bert-gelu", "bert-f16", "bert-silu"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    check_residual(models[i], (alb_pass_options){.mode = ALB_SHARE_ALL}, ROLLED);
    check_residual(models[i], (alb_pass_options){.mode = ALB_SHARE_ATTENTION}, ROLLED);
    check_residual(models[i], (alb_pass_options){.mode = ALB_SHARE_FFN}, ROLLED);
    check_residual(models[i], (alb_pass_options){.mode = ALB_SHARE_ALL}, FUSED);
  }
}

/* Layers that have a set of their own, or had the group's matrix, get none; equal ones share theirs. */
static void check_factors(alb_group_options groups, size_t expected) {
  alb_fold_report report = {0};
  opened_model m;
  const alb_pass_options options = {.mode = ALB_SHARE_ALL,
                                    .groups = groups,
                                    .measure = true,
                                    .residual = 2,
                                    .refit = keep_factors,
                                    .report = &report};
  opened_model_open("bert-equal-layers", &options, ROLLED ",fold-layers", &m);
  assert_int_equal(report.residuals, expected);
  for (size_t i = 0; i < report.changes.count; i++) {
    assert_true(report.changes.items[i].moved > 0 && report.changes.items[i].moved < report.changes.items[i].energy);
  }
  size_t made = 0;
  for (uint32_t b = 0; b < m.graph.tensors->blobs.count; b++) made += alb_blob_is_residual(m.graph.tensors, b);
  assert_int_equal(made, expected);
  alb_vec_free(&report.changes);
  opened_model_close(&m);
}

static void test_residuals_of_groups(void **unused) {
  (void)unused;
  enum { MATRICES = 6 }; /* layers 1 and 2 of 0 to 3 are equal */
  check_factors((alb_group_options){0}, 3 * MATRICES);
  check_factors((alb_group_options){.spec = "2"}, 4 * MATRICES);
  check_factors((alb_group_options){.spec = "0,1-2,3"}, 0);
  check_factors((alb_group_options){.keep_first = 1}, 2 * MATRICES);
  check_factors((alb_group_options){.keep_first = 1, .keep_last = 1}, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fit_linear),          cmocka_unit_test(test_fit_keeps),    cmocka_unit_test(test_fit_bias),
      cmocka_unit_test(test_fit_scale),           cmocka_unit_test(test_fit_refused),  cmocka_unit_test(test_run),
      cmocka_unit_test(test_folds_come_nearer),   cmocka_unit_test(test_shared_norms), cmocka_unit_test(test_residuals),
      cmocka_unit_test(test_residuals_of_groups),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
