/* The reference interpreter for ONNX: single nodes, whole models, bounds. What operators compute is shown by the node
 * tests (tests/onnx). */
#include "converter/onnx/onnx_eval.h"
#include "tests/support/check.h"
#include "tests/support/onnx_bytes.h"

typedef struct fixture {
  alb_diag diag;
  onnx_bytes graph, file;
  alb_onnx_model model;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return *state == NULL;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_onnx_model_free(&f->model);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static const float two[] = {1, 2}, ten[] = {10, 20};

static void load(fixture *f) {
  onnx_model(&f->file, &f->graph);
  assert_ok(&f->diag, alb_onnx_read(&f->diag, onnx_span(&f->file), NULL, &f->model));
}

static alb_onnx_tensor vector(const float *values) {
  return (alb_onnx_tensor){.type = ALB_ONNX_FLOAT, .rank = 1, .dims = {2}, .count = 2, .data = (const uint8_t *)values};
}

static void test_run(void **state) {
  fixture *f = *state;
  const alb_onnx_tensor input = vector(two);
  alb_onnx_tensor outputs[2];
  onnx_floats(&f->graph, "w", 2, ten);
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Add", "x w", "y");
  onnx_node(&f->graph, "Mul", "y y", "z");
  onnx_value(&f->graph, 12, "z");
  onnx_value(&f->graph, 12, "x"); /* an input as an output is copied */
  load(f);
  assert_ok(&f->diag, alb_onnx_run(&f->diag, &f->model, &input, NULL, outputs));
  assert_true(alb_onnx_get_f64(&outputs[0], 0) == 121 && alb_onnx_get_f64(&outputs[0], 1) == 484);
  assert_non_null(outputs[1].owned);
  assert_true(alb_onnx_get_f64(&outputs[1], 1) == 2);
  alb_onnx_tensor_free(&outputs[0]);
  alb_onnx_tensor_free(&outputs[1]);
}

static void test_node(void **state) {
  fixture *f = *state;
  const alb_onnx_tensor x = vector(two), y = vector(ten);
  const alb_onnx_tensor *inputs[] = {&x, &y};
  alb_onnx_tensor out;
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Sub", "x x", "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
  const alb_onnx_node *node = &f->model.graphs.items[0].nodes.items[0];
  assert_ok(&f->diag, alb_onnx_eval_node(&f->diag, &f->model, node, inputs, NULL, &out));
  assert_true(alb_onnx_get_f64(&out, 1) == -18);
  alb_onnx_tensor_free(&out);
  inputs[0] = NULL;
  assert_refused(&f->diag, alb_onnx_eval_node(&f->diag, &f->model, node, inputs, NULL, &out), ALB_MISSING, "left out");
}

/* Identity of a constant borrows: no second copy of a weight. */
static void test_borrows(void **state) {
  fixture *f = *state;
  const alb_onnx_tensor x = vector(two);
  const alb_onnx_tensor *inputs[] = {&x};
  alb_onnx_tensor out;
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Identity", "x", "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
  const alb_onnx_node *node = &f->model.graphs.items[0].nodes.items[0];
  assert_ok(&f->diag, alb_onnx_eval_node(&f->diag, &f->model, node, inputs, NULL, &out));
  assert_null(out.owned);
  assert_ptr_equal(out.data, x.data);
}

static void test_limits(void **state) {
  fixture *f = *state;
  const alb_onnx_tensor input = vector(two);
  alb_onnx_tensor out;
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Add", "x x", "y");
  onnx_node(&f->graph, "Add", "y y", "z");
  onnx_value(&f->graph, 12, "z");
  load(f);
  alb_onnx_limits limits = {.tensor_bytes = 7};
  assert_refused(&f->diag, alb_onnx_run(&f->diag, &f->model, &input, &limits, &out), ALB_LIMIT, "larger than 7 bytes");
  limits = (alb_onnx_limits){.work = 3};
  assert_refused(&f->diag, alb_onnx_run(&f->diag, &f->model, &input, &limits, &out), ALB_LIMIT, "more work");
  limits = (alb_onnx_limits){.tensor_bytes = 8, .work = 4};
  assert_ok(&f->diag, alb_onnx_run(&f->diag, &f->model, &input, &limits, &out));
  alb_onnx_tensor_free(&out);
}

static void test_unknown(void **state) {
  fixture *f = *state;
  const alb_onnx_tensor input = vector(two);
  alb_onnx_tensor out;
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Frobnicate", "x", "y");
  onnx_value(&f->graph, 12, "y");
  load(f); /* reading it is no error */
  assert_refused(&f->diag, alb_onnx_run(&f->diag, &f->model, &input, NULL, &out), ALB_UNSUPPORTED, "Frobnicate node");
}

/* Every operator of the table has a function, and is found by its names. */
static void test_table(void **state) {
  (void)state;
#define ALB_ONNX_OP(id, domain, name, min_in, max_in, max_out, function)                \
  assert_int_equal(alb_onnx_op_find(ALB_STR(domain), ALB_STR(name)), ALB_ONNX_OP_##id); \
  assert_string_equal(alb_onnx_op_name(ALB_ONNX_OP_##id), name);                        \
  assert_true((min_in) <= (max_in) && (max_out) >= 1);
#include "converter/onnx/onnx_ops.def"
#undef ALB_ONNX_OP
  assert_int_equal(alb_onnx_op_find(ALB_STR("ai.onnx"), ALB_STR("Add")), ALB_ONNX_OP_Add);
  assert_int_equal(alb_onnx_op_find(ALB_STR("x"), ALB_STR("Add")), ALB_ONNX_OP_UNKNOWN);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_run, setup, teardown),
      cmocka_unit_test_setup_teardown(test_node, setup, teardown),
      cmocka_unit_test_setup_teardown(test_borrows, setup, teardown),
      cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
      cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
      cmocka_unit_test(test_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
