/* Runs of ONNX graphs that keep values: classes of the same numbers, constants made again, bounds, inputs by role. */
#include "converter/onnx/onnx_inputs.h"
#include "converter/onnx/onnx_trace.h"
#include "tests/support/check.h"
#include "tests/support/onnx_bytes.h"

typedef struct fixture {
  alb_diag diag;
  onnx_bytes graph, file;
  alb_onnx_model model;
  alb_onnx_trace trace;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return *state == NULL;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_onnx_trace_free(&f->trace);
  alb_onnx_model_free(&f->model);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static const float pair[] = {3, 4}, nothing[] = {0, 0}, once[] = {1, 1}, twice[] = {2, 2};

static void load(fixture *f) {
  onnx_model(&f->file, &f->graph);
  assert_ok(&f->diag, alb_onnx_read(&f->diag, onnx_span(&f->file), NULL, &f->model));
}

static uint32_t value(const fixture *f, const char *name) {
  for (uint32_t v = 0; v < f->model.values.count; v++) {
    if (alb_str_is(f->model.values.items[v].name, name)) return v;
  }
  fail_msg("no value %s", name);
  return 0;
}

static alb_status run(fixture *f, const alb_onnx_trace_options *options) {
  const alb_onnx_tensor x = {.type = ALB_ONNX_FLOAT, .rank = 1, .dims = {2}, .count = 2, .data = (const uint8_t *)pair};
  const alb_onnx_feed feed = {value(f, "x"), &x, true};
  return alb_onnx_trace_run(&f->diag, &f->model, &feed, 1, options, &f->trace);
}

/* x through identities, sums with 0 and products with 1 is x; twice x is not. */
static void make_chain(fixture *f) {
  onnx_value(&f->graph, 11, "x");
  onnx_floats(&f->graph, "zero", 2, nothing);
  onnx_floats(&f->graph, "one", 2, once);
  onnx_floats(&f->graph, "two", 2, twice);
  onnx_node(&f->graph, "Identity", "x", "a");
  onnx_node(&f->graph, "Add", "zero a", "b");
  onnx_node(&f->graph, "Mul", "b one", "c");
  onnx_node(&f->graph, "Mul", "c two", "d");
  onnx_node(&f->graph, "Add", "one two", "e");
  onnx_node(&f->graph, "Add", "d e", "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
}

static void test_classes(void **state) {
  fixture *f = *state;
  const float *numbers;
  make_chain(f);
  assert_ok(&f->diag, run(f, &(alb_onnx_trace_options){.wanted = NULL}));
  const alb_onnx_trace *t = &f->trace;
  assert_int_equal(t->same[value(f, "b")], t->same[value(f, "a")]);
  assert_int_equal(t->same[value(f, "c")], t->same[value(f, "a")]);
  assert_int_not_equal(t->same[value(f, "d")], t->same[value(f, "a")]);
  assert_true(t->dynamic[value(f, "d")] && !t->dynamic[value(f, "e")]);
  assert_int_equal(t->same[value(f, "e")], value(f, "e"));
  uint32_t first;
  assert_ok(&f->diag, alb_onnx_trace_find(&f->diag, t, (const float[]){6, 8}, 2, &first));
  assert_int_equal(first, value(f, "d"));
  assert_ok(&f->diag, alb_onnx_trace_find(&f->diag, t, (const float[]){6, 9}, 2, &first));
  assert_int_equal(first, ALB_ONNX_NONE);
  assert_ok(&f->diag, alb_onnx_trace_f32(&f->diag, &f->trace, value(f, "y"), &numbers));
  assert_true(numbers[0] == 9 && numbers[1] == 11);
}

/* Only what is wanted stays; a constant is computed again, what depends on an input is not. */
static void test_wanted(void **state) {
  fixture *f = *state;
  bool wanted[32] = {false};
  const float *numbers;
  make_chain(f);
  assert_true(f->model.values.count < 32);
  wanted[value(f, "y")] = true;
  assert_ok(&f->diag, run(f, &(alb_onnx_trace_options){.wanted = wanted}));
  assert_ok(&f->diag, alb_onnx_trace_f32(&f->diag, &f->trace, value(f, "y"), &numbers));
  assert_true(numbers[1] == 11);
  assert_null(f->trace.tensors[value(f, "e")].data);
  assert_ok(&f->diag, alb_onnx_trace_f32(&f->diag, &f->trace, value(f, "e"), &numbers));
  assert_true(numbers[0] == 3);
  assert_refused(&f->diag, alb_onnx_trace_f32(&f->diag, &f->trace, value(f, "d"), &numbers), ALB_LIMIT, "constant");
}

static void test_bounds(void **state) {
  fixture *f = *state;
  make_chain(f);
  assert_refused(&f->diag, run(f, &(alb_onnx_trace_options){.work = 8}), ALB_LIMIT, "");
  alb_onnx_trace_free(&f->trace);
  assert_refused(&f->diag, run(f, &(alb_onnx_trace_options){.bytes = 12}), ALB_LIMIT, "");
}

static void test_not_fed(void **state) {
  fixture *f = *state;
  make_chain(f);
  assert_refused(&f->diag,
                 alb_onnx_trace_run(&f->diag, &f->model, NULL, 0, &(alb_onnx_trace_options){.work = 0}, &f->trace),
                 ALB_MISSING, "\"x\"");
}

static void check_roles(fixture *f, const char *const names[], size_t count, const char *ids, const char *mask,
                        const char *types) {
  alb_onnx_inputs inputs;
  for (size_t i = 0; i < count; i++) onnx_value(&f->graph, 11, names[i]);
  onnx_node(&f->graph, "Identity", names[0], "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
  assert_ok(&f->diag, alb_onnx_inputs_find(&f->diag, &f->model, &inputs));
  assert_int_equal(inputs.values[ALB_ONNX_INPUT_IDS], value(f, ids));
  assert_int_equal(inputs.values[ALB_ONNX_INPUT_MASK], value(f, mask));
  assert_int_equal(inputs.values[ALB_ONNX_INPUT_TYPES], value(f, types));
  assert_int_equal(inputs.values[ALB_ONNX_INPUT_POSITIONS], ALB_ONNX_NONE);
}

static void test_roles(void **state) {
  static const char *const names[] = {"input_mask", "segment_ids", "input_ids"};
  check_roles(*state, names, 3, "input_ids", "input_mask", "segment_ids");
}

static void test_roles_other_case(void **state) {
  static const char *const names[] = {"Input-IDs", "Token_Type_IDs", "Attention_Mask"};
  check_roles(*state, names, 3, "Input-IDs", "Attention_Mask", "Token_Type_IDs");
}

static void test_same_role_twice(void **state) {
  fixture *f = *state;
  alb_onnx_inputs inputs;
  onnx_value(&f->graph, 11, "input_ids");
  onnx_value(&f->graph, 11, "decoder_input_ids");
  onnx_node(&f->graph, "Add", "input_ids decoder_input_ids", "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
  assert_refused(&f->diag, alb_onnx_inputs_find(&f->diag, &f->model, &inputs), ALB_UNSUPPORTED, "mean the same");
}

static void test_no_ids(void **state) {
  fixture *f = *state;
  alb_onnx_inputs inputs;
  onnx_value(&f->graph, 11, "attention_mask");
  onnx_node(&f->graph, "Identity", "attention_mask", "y");
  onnx_value(&f->graph, 12, "y");
  load(f);
  assert_refused(&f->diag, alb_onnx_inputs_find(&f->diag, &f->model, &inputs), ALB_UNSUPPORTED,
                 "no input of token ids");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wanted, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
      cmocka_unit_test_setup_teardown(test_not_fed, setup, teardown),
      cmocka_unit_test_setup_teardown(test_roles, setup, teardown),
      cmocka_unit_test_setup_teardown(test_roles_other_case, setup, teardown),
      cmocka_unit_test_setup_teardown(test_same_role_twice, setup, teardown),
      cmocka_unit_test_setup_teardown(test_no_ids, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
