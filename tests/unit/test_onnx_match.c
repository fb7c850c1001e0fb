/* Recognising parts of encoders: formulas on numbers, biases, norms and activations in graphs of a few nodes. */
#include <math.h>

#include "converter/onnx/match.h"
#include "tests/support/check.h"
#include "tests/support/onnx_bytes.h"

enum { ROWS = 2, WIDTH = 3, ALL = ROWS * WIDTH };

typedef struct fixture {
  alb_diag diag;
  onnx_bytes graph, file;
  alb_onnx_model model;
  alb_onnx_trace trace;
  alb_onnx_encoder encoder;
  alb_onnx_match match;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return *state == NULL;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_match_free(&f->match);
  alb_vec_free(&f->encoder.layers);
  alb_onnx_trace_free(&f->trace);
  alb_onnx_model_free(&f->model);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static const float input[ALL] = {0.5F, -1.25F, 2, 3, 0.125F, -0.75F};
static const float bias[ALL] = {0.5F, -0.25F, 0.125F, 0.75F, 0, -0.5F};
static const float gamma_[ALL] = {1.5F, 0.75F, 2, 1, -0.5F, 1.25F}, beta[ALL] = {0.25F, 1, -0.5F, 0.75F, 0, 2};

static uint32_t value(const fixture *f, const char *name) {
  for (uint32_t v = 0; v < f->model.values.count; v++) {
    if (alb_str_is(f->model.values.items[v].name, name)) return v;
  }
  fail_msg("no value %s", name);
  return 0;
}

/* Reads the graph, runs it on x and makes it ready to be looked at; it fails behind the products: there is no table. */
static void run(fixture *f, size_t rows) {
  const alb_onnx_tensor x = {.type = ALB_ONNX_FLOAT,
                             .rank = 2,
                             .dims = {(int64_t)rows, (int64_t)(ALL / rows)},
                             .count = ALL,
                             .data = (const uint8_t *)input};
  onnx_model(&f->file, &f->graph);
  assert_ok(&f->diag, alb_onnx_read(&f->diag, onnx_span(&f->file), NULL, &f->model));
  const alb_onnx_feed feed = {value(f, "x"), &x, true};
  const alb_onnx_trace_options options = {.work = 0};
  assert_ok(&f->diag, alb_onnx_trace_run(&f->diag, &f->model, &feed, 1, &options, &f->trace));
  static const int64_t ids[ROWS] = {1, 2};
  f->match = (alb_onnx_match){.diag = &f->diag,
                              .model = &f->model,
                              .trace = &f->trace,
                              .tokens = rows,
                              .ids = ids,
                              .type_ids = ids,
                              .tolerance = 1e-5,
                              .out = &f->encoder};
  assert_refused(&f->diag, alb_match_encoder(&f->match), ALB_UNSUPPORTED, "table of word embeddings");
}

/* LayerNorm as exporters wrote it before there was an operator; gamma first, or inside of the scale as TensorFlow has.
 */
static void write_norm(onnx_bytes *g, bool tensorflow) {
  static const float eps[] = {1e-5F};
  onnx_floats(g, "eps", 1, eps);
  onnx_node(g, "ReduceMean", "s", "mean");
  onnx_node(g, "Sub", "s mean", "d");
  onnx_node(g, "Mul", "d d", "dd");
  onnx_node(g, "ReduceMean", "dd", "var");
  onnx_node(g, "Add", "var eps", "ve");
  onnx_node(g, "Sqrt", "ve", "sd");
  if (tensorflow) {
    onnx_node(g, "Reciprocal", "sd", "r");
    onnx_node(g, "Mul", "r gamma", "rg");
    onnx_node(g, "Mul", "s rg", "srg");
    onnx_node(g, "Mul", "mean rg", "mrg");
    onnx_node(g, "Sub", "beta mrg", "rest");
    onnx_node(g, "Add", "srg rest", "y");
  } else {
    onnx_node(g, "Div", "d sd", "n");
    onnx_node(g, "Mul", "n gamma", "ng");
    onnx_node(g, "Add", "ng beta", "y");
  }
}

static void begin(fixture *f, size_t width) {
  onnx_value(&f->graph, 11, "x");
  onnx_floats(&f->graph, "bias", width, bias);
  onnx_floats(&f->graph, "gamma", width, gamma_);
  onnx_floats(&f->graph, "beta", width, beta);
  onnx_node(&f->graph, "Neg", "x", "p"); /* stands for a product */
}

/* One row, so that a mean of all is one of the row. */
static void check_norm(fixture *f, bool tensorflow) {
  float base[ALL];
  alb_onnx_norm norm;
  bool found;
  begin(f, ALL);
  onnx_node(&f->graph, "Add", "p bias", "s");
  write_norm(&f->graph, tensorflow);
  onnx_value(&f->graph, 12, "y");
  run(f, 1);
  for (size_t i = 0; i < ALL; i++) base[i] = -input[i];
  assert_ok(&f->diag, alb_match_norm(&f->match, value(f, "p"), base, 1, ALL, &norm, &found));
  assert_true(found && norm.y == value(f, "y"));
  assert_int_equal(norm.bias.value, value(f, "bias"));
  assert_int_equal(norm.gamma.value, value(f, "gamma"));
  assert_int_equal(norm.beta.value, value(f, "beta"));
  assert_true(norm.eps == 1e-5F);
}

static void test_norm_by_pytorch(void **state) {
  check_norm(*state, false);
}

static void test_norm_by_tensorflow(void **state) {
  check_norm(*state, true);
}

/* The same with an operator, whose rows are rows. */
static void test_norm(void **state) {
  fixture *f = *state;
  float base[ALL];
  alb_onnx_norm norm;
  bool found;
  begin(f, WIDTH);
  onnx_node(&f->graph, "Add", "bias p", "s");
  onnx_node(&f->graph, "LayerNormalization", "s gamma beta", "y");
  onnx_value(&f->graph, 12, "y");
  run(f, ROWS);
  for (size_t i = 0; i < ALL; i++) base[i] = -input[i];
  assert_ok(&f->diag, alb_match_norm(&f->match, value(f, "p"), base, ROWS, WIDTH, &norm, &found));
  assert_true(found);
  assert_int_equal(norm.bias.value, value(f, "bias"));
  assert_int_equal(norm.gamma.value, value(f, "gamma"));
  assert_int_equal(norm.beta.value, value(f, "beta"));
  assert_true(norm.eps == 1e-5F && norm.error < 1e-6);
  base[4] += 0.01F; /* another base is no norm */
  assert_ok(&f->diag, alb_match_norm(&f->match, value(f, "p"), base, ROWS, WIDTH, &norm, &found));
  assert_false(found);
}

static void test_bias(void **state) {
  fixture *f = *state;
  alb_onnx_part part = alb_onnx_no_part;
  uint32_t biased;
  begin(f, WIDTH);
  onnx_node(&f->graph, "Identity", "p", "q");
  onnx_node(&f->graph, "Add", "bias q", "s");
  onnx_node(&f->graph, "Mul", "s gamma", "y");
  onnx_value(&f->graph, 12, "y");
  run(f, ROWS);
  assert_ok(&f->diag, alb_match_bias(&f->match, value(f, "p"), WIDTH, &part, &biased));
  assert_int_equal(part.value, value(f, "bias"));
  assert_int_equal(biased, value(f, "s"));
  part = alb_onnx_no_part; /* what follows is a product, not a sum */
  assert_ok(&f->diag, alb_match_bias(&f->match, value(f, "s"), WIDTH, &part, &biased));
  assert_int_equal(part.value, ALB_ONNX_NONE);
  assert_int_equal(biased, value(f, "s"));
}

/* x * sigmoid(x) of a biased product, by its parts. */
static void test_activation(void **state) {
  fixture *f = *state;
  alb_onnx_part part = alb_onnx_no_part;
  alb_activation activation = ALB_ACT_NONE;
  uint32_t y;
  bool found;
  begin(f, WIDTH);
  onnx_node(&f->graph, "Add", "bias p", "s");
  onnx_node(&f->graph, "Sigmoid", "s", "g");
  onnx_node(&f->graph, "Mul", "g s", "y");
  onnx_value(&f->graph, 12, "y");
  run(f, ROWS);
  const alb_onnx_product product = {.y = value(f, "p"), .rows = ROWS, .k = WIDTH, .n = WIDTH, .bias = alb_onnx_no_part};
  assert_ok(&f->diag, alb_match_activation(&f->match, &product, value(f, "y"), &part, &activation, &y, &found));
  assert_true(found && activation == ALB_ACT_SILU && part.value == value(f, "bias") && y == value(f, "y"));
  activation = ALB_ACT_TANH;
  assert_ok(&f->diag, alb_match_activation(&f->match, &product, value(f, "y"), &part, &activation, &y, &found));
  assert_false(found);
}

static void test_error(void **state) {
  (void)state;
  const float a[] = {1, 2, -4}, b[] = {1, 2.5F, -4}, nan[] = {1, NAN, -4};
  assert_true(alb_match_error(a, a, 3) == 0);
  assert_true(fabs(alb_match_error(a, b, 3) - 0.125) < 1e-12);
  assert_true(isinf(alb_match_error(nan, b, 3)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_norm_by_pytorch, setup, teardown),
      cmocka_unit_test_setup_teardown(test_norm_by_tensorflow, setup, teardown),
      cmocka_unit_test_setup_teardown(test_norm, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bias, setup, teardown),
      cmocka_unit_test_setup_teardown(test_activation, setup, teardown),
      cmocka_unit_test(test_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
