/* ONNX files to graphs in memory, and changing such graphs. Bad files are made by tests/hostile/gen_onnx.py. */
#include <math.h>

#include "converter/onnx/onnx_graph.h"
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

static const float two[] = {1, 2};

static void load(fixture *f) {
  onnx_model(&f->file, &f->graph);
  assert_ok(&f->diag, alb_onnx_read(&f->diag, onnx_span(&f->file), NULL, &f->model));
}

static const alb_onnx_node *node(const fixture *f, size_t i) {
  assert_true(i < f->model.graphs.items[0].nodes.count);
  return &f->model.graphs.items[0].nodes.items[i];
}

static void assert_op(const fixture *f, size_t i, alb_onnx_op op) {
  assert_int_equal(node(f, i)->op, op);
}

static uint32_t value_named(const fixture *f, const char *name) {
  for (uint32_t i = 0; i < f->model.values.count; i++) {
    if (alb_str_is(f->model.values.items[i].name, name)) return i;
  }
  fail_msg("no value %s", name);
  return ALB_ONNX_NONE;
}

/* x -> Neg -> y -> Add w -> z, and a dead node. */
static void build(fixture *f) {
  onnx_floats(&f->graph, "w", 2, two);
  onnx_value(&f->graph, 11, "x");
  onnx_node(&f->graph, "Add", "y w", "z");
  onnx_node(&f->graph, "Neg", "x", "y");
  onnx_node(&f->graph, "Exp", "y", "dead");
  onnx_value(&f->graph, 12, "z");
  load(f);
}

static void test_graph(void **state) {
  fixture *f = *state;
  build(f);
  const alb_onnx_graph *g = &f->model.graphs.items[0];
  assert_int_equal(g->nodes.count, 2); /* sorted, without the dead one */
  assert_op(f, 0, ALB_ONNX_OP_Neg);
  assert_op(f, 1, ALB_ONNX_OP_Add);
  assert_int_equal(g->input_count, 1);
  assert_int_equal(g->output_count, 1);
  assert_int_equal(node(f, 1)->opset, 17);
  const uint32_t y = value_named(f, "y"), w = value_named(f, "w");
  assert_ptr_equal(alb_onnx_producer(&f->model, y), node(f, 0));
  assert_null(alb_onnx_producer(&f->model, w));
  assert_int_equal(f->model.values.items[y].uses, 1);
  assert_null(alb_onnx_constant(&f->model, y));
  assert_int_equal(alb_onnx_constant(&f->model, w)->count, 2);
}

/* The bytes of a tensor are those of the file, at any alignment. */
static void test_borrowed(void **state) {
  fixture *f = *state;
  build(f);
  const alb_onnx_tensor *w = alb_onnx_constant(&f->model, value_named(f, "w"));
  assert_null(w->owned);
  assert_true(w->data > f->file.p && w->data < f->file.p + f->file.n);
  assert_true(alb_onnx_get_f64(w, 1) == 2);
}

static void test_constant_nodes(void **state) {
  static const int64_t expected[] = {5, -1};
  fixture *f = *state;
  onnx_bytes *attribute = calloc(1, sizeof *attribute), *constant = calloc(1, sizeof *constant);
  onnx_text(attribute, 1, "value_ints");
  onnx_number(attribute, 8, (uint64_t)expected[0]);
  onnx_number(attribute, 8, (uint64_t)expected[1]);
  onnx_number(attribute, 20, ALB_ONNX_ATTR_INTS);
  onnx_text(constant, 2, "c");
  onnx_text(constant, 4, "Constant");
  onnx_message(constant, 5, attribute);
  onnx_message(&f->graph, 1, constant);
  onnx_value(&f->graph, 12, "c");
  free(attribute);
  free(constant);
  load(f);
  assert_int_equal(f->model.graphs.items[0].nodes.count, 0);
  const alb_onnx_tensor *c = alb_onnx_constant(&f->model, f->model.graphs.items[0].outputs[0]);
  assert_non_null(c);
  assert_int_equal(c->type, ALB_ONNX_INT64);
  for (size_t i = 0; i < 2; i++) assert_int_equal(alb_onnx_get_i64(c, i), expected[i]);
}

static void test_forward(void **state) {
  fixture *f = *state;
  build(f);
  alb_onnx_forward(&f->model, value_named(f, "y"), value_named(f, "x")); /* Neg falls out */
  assert_ok(&f->diag, alb_onnx_settle(&f->diag, &f->model));
  assert_int_equal(f->model.graphs.items[0].nodes.count, 1);
  assert_op(f, 0, ALB_ONNX_OP_Add);
  assert_int_equal(node(f, 0)->inputs[0], value_named(f, "x"));
  assert_ok(&f->diag, alb_onnx_settle(&f->diag, &f->model)); /* nothing more to do */
  assert_int_equal(f->model.graphs.items[0].nodes.count, 1);
}

static void test_forward_circle(void **state) {
  fixture *f = *state;
  build(f);
  const uint32_t x = value_named(f, "x"), y = value_named(f, "y");
  alb_onnx_forward(&f->model, x, y);
  alb_onnx_forward(&f->model, y, x);
  assert_refused(&f->diag, alb_onnx_settle(&f->diag, &f->model), ALB_INTERNAL, "stand for one another");
}

static void test_new_node(void **state) {
  fixture *f = *state;
  build(f);
  const uint32_t made = alb_onnx_add_value(&f->model, ALB_STR("made"), 0);
  alb_onnx_node *n = alb_onnx_add_node(&f->model, 0, ALB_ONNX_OP_Sub, 2, 1, 0);
  assert_non_null(n);
  n->inputs[0] = value_named(f, "x");
  n->inputs[1] = value_named(f, "w");
  n->outputs[0] = made;
  alb_onnx_forward(&f->model, value_named(f, "y"), made);
  assert_ok(&f->diag, alb_onnx_settle(&f->diag, &f->model));
  assert_int_equal(f->model.graphs.items[0].nodes.count, 2);
  assert_op(f, 0, ALB_ONNX_OP_Sub); /* stands before its user now */
  assert_int_equal(f->model.values.items[value_named(f, "w")].uses, 2);
}

static void test_new_constant(void **state) {
  fixture *f = *state;
  build(f);
  alb_onnx_tensor t = {0};
  assert_ok(&f->diag, alb_onnx_tensor_new(&f->diag, ALB_ONNX_FLOAT, 1, (const int64_t[]){2}, &t));
  assert_true(alb_onnx_make_constant(&f->model, value_named(f, "y"), &t));
  assert_null(t.owned); /* the model's now */
  assert_ok(&f->diag, alb_onnx_settle(&f->diag, &f->model));
  assert_int_equal(f->model.graphs.items[0].nodes.count, 1);
  assert_op(f, 0, ALB_ONNX_OP_Add);
}

static void test_probe(void **state) {
  fixture *f = *state;
  build(f);
  assert_true(alb_looks_like_onnx(onnx_span(&f->file)));
  for (size_t n = 4; n < f->file.n; n++) assert_true(alb_looks_like_onnx((alb_span){f->file.p, n}));
  static const char *const others[] = {"", "PK\3\4", "{\"a\":1}", "GGUF\3", "\x80\x02}q", "\x08", "\x0a\x01x"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(alb_looks_like_onnx((alb_span){(const uint8_t *)others[i], strlen(others[i])}));
  }
}

/* Every prefix of a file is refused without a look beyond its end. */
static void test_prefixes(void **state) {
  fixture *f = *state;
  build(f);
  for (size_t n = 0; n < f->file.n; n++) {
    alb_onnx_model part = {0};
    uint8_t *copy = malloc(n + 1);
    if (n) memcpy(copy, f->file.p, n);
    const alb_status status = alb_onnx_read(&f->diag, (alb_span){copy, n}, NULL, &part);
    assert_int_not_equal(status, ALB_OK);
    assert_non_null(f->diag.text);
    alb_diag_free(&f->diag);
    free(copy);
  }
}

static void test_elements(void **state) {
  fixture *f = *state;
  static const struct {
    alb_onnx_type type;
    double in, out;
  } cases[] = {
      {ALB_ONNX_UINT8, 300, 255},          {ALB_ONNX_INT8, -300, -128}, {ALB_ONNX_INT32, 1e30, 2147483647},
      {ALB_ONNX_FLOAT16, 65520, INFINITY}, {ALB_ONNX_BFLOAT16, 1, 1},   {ALB_ONNX_BOOL, 0.5, 1},
      {ALB_ONNX_DOUBLE, 0.1, 0.1},         {ALB_ONNX_UINT64, -1, 0},    {ALB_ONNX_INT64, -1.9, -1},
      {ALB_ONNX_UINT16, 65535.5, 65535},   {ALB_ONNX_UINT32, 4e9, 4e9}, {ALB_ONNX_INT16, -40000, -32768},
      {ALB_ONNX_FLOAT, 0.5, 0.5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    alb_onnx_tensor t = {0};
    assert_ok(&f->diag, alb_onnx_tensor_new(&f->diag, cases[i].type, 0, NULL, &t));
    alb_onnx_set_f64(&t, 0, cases[i].in);
    assert_true(alb_onnx_get_f64(&t, 0) == cases[i].out);
    alb_onnx_tensor_free(&t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_graph, setup, teardown),
      cmocka_unit_test_setup_teardown(test_borrowed, setup, teardown),
      cmocka_unit_test_setup_teardown(test_constant_nodes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_forward, setup, teardown),
      cmocka_unit_test_setup_teardown(test_forward_circle, setup, teardown),
      cmocka_unit_test_setup_teardown(test_new_node, setup, teardown),
      cmocka_unit_test_setup_teardown(test_new_constant, setup, teardown),
      cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
      cmocka_unit_test_setup_teardown(test_prefixes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_elements, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
