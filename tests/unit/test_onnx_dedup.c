/* Equal constants stored once: which go, which have to stay, and that everything else keeps its bytes. */
#include <stdio.h>

#include "base/file.h"
#include "converter/onnx/onnx_dedup.h"
#include "converter/onnx/onnx_graph.h"
#include "converter/onnx/proto_out.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  char *folder;
  const char *in, *out;
  alb_proto graph, tail; /* the graph's fields; the model's behind it */
  int64_t ir_version;
  alb_onnx_dedup_report report;
  alb_file result;
} fixture;

static fixture *open_fixture(void) {
  fixture *f = calloc(1, sizeof *f);
  f->folder = tiny_folder();
  f->in = tiny_path(&f->arena, f->folder, "in.onnx");
  f->out = tiny_path(&f->arena, f->folder, "out.onnx");
  f->ir_version = 8;
  return f;
}

static void close_fixture(fixture *f) {
  alb_file_unmap(&f->result);
  alb_proto_free(&f->graph);
  alb_proto_free(&f->tail);
  tiny_remove_folder(f->folder);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
}

/* ---- a model in the making ---- */

/* A float vector; `typed`: as float_data instead of raw_data. */
static void put_tensor(alb_proto *p, unsigned field, const char *name, const float *values, size_t count, bool typed) {
  const size_t begin = alb_proto_begin(p, field);
  alb_proto_int(p, 1, (int64_t)count);
  alb_proto_int(p, 2, ALB_ONNX_FLOAT);
  for (size_t i = 0; typed && i < count; i++) alb_proto_float(p, 4, values[i]);
  if (name) alb_proto_text(p, 8, name);
  if (!typed) alb_proto_bytes(p, 9, values, count * sizeof *values);
  alb_proto_end(p, begin);
}

static void initializer(fixture *f, const char *name, float value) {
  put_tensor(&f->graph, 5, name, (const float[]){value, 2, 3}, 3, false);
}

static void node(fixture *f, const char *op, const char *a, const char *b, const char *out) {
  const size_t begin = alb_proto_begin(&f->graph, 1);
  alb_proto_text(&f->graph, 1, a);
  alb_proto_text(&f->graph, 1, b);
  alb_proto_text(&f->graph, 2, out);
  alb_proto_text(&f->graph, 4, op);
  alb_proto_end(&f->graph, begin);
}

static void constant_node(fixture *f, const char *out, float value) {
  const size_t begin = alb_proto_begin(&f->graph, 1);
  alb_proto_text(&f->graph, 2, out);
  alb_proto_text(&f->graph, 4, "Constant");
  const size_t attribute = alb_proto_begin(&f->graph, 5);
  alb_proto_text(&f->graph, 1, "value");
  put_tensor(&f->graph, 5, NULL, (const float[]){value, 2, 3}, 3, false);
  alb_proto_int(&f->graph, 20, 4);
  alb_proto_end(&f->graph, attribute);
  alb_proto_end(&f->graph, begin);
}

/* A float vector of 3 as an input (11), an output (12) or a note (13). */
static void port(fixture *f, unsigned field, const char *name) {
  const size_t value = alb_proto_begin(&f->graph, field);
  alb_proto_text(&f->graph, 1, name);
  const size_t type = alb_proto_begin(&f->graph, 2), tensor = alb_proto_begin(&f->graph, 1);
  alb_proto_int(&f->graph, 1, ALB_ONNX_FLOAT);
  const size_t shape = alb_proto_begin(&f->graph, 2), dim = alb_proto_begin(&f->graph, 1);
  alb_proto_int(&f->graph, 1, 3);
  alb_proto_end(&f->graph, dim);
  alb_proto_end(&f->graph, shape);
  alb_proto_end(&f->graph, tensor);
  alb_proto_end(&f->graph, type);
  alb_proto_end(&f->graph, value);
}

static void write_file(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

/* Writes the model and makes its copy; the copy must be a sound model. */
static alb_status dedup(fixture *f) {
  alb_proto model = {0};
  alb_proto_int(&model, 1, f->ir_version);
  alb_proto_bytes(&model, 7, f->graph.bytes.items, f->graph.bytes.count);
  const size_t opset = alb_proto_begin(&model, 8);
  alb_proto_int(&model, 2, 17);
  alb_proto_end(&model, opset);
  alb_proto_append(&model, f->tail.bytes.items, f->tail.bytes.count);
  assert_false(model.failed);
  write_file(f->in, model.bytes.items, model.bytes.count);
  alb_proto_free(&model);
  const alb_status status = alb_onnx_dedup(&f->diag, f->in, f->out, true, &f->report);
  if (status != ALB_OK) return status;
  alb_onnx_model read = {0};
  alb_file_unmap(&f->result);
  assert_ok(&f->diag, alb_file_map(&f->diag, f->out, &f->result));
  assert_int_equal(f->result.bytes.n, f->report.bytes_after);
  assert_ok(&f->diag, alb_onnx_read(&f->diag, f->result.bytes, NULL, &read));
  alb_onnx_model_free(&read);
  return status;
}

static bool contains(const fixture *f, const char *text) {
  return memmem(f->result.bytes.p, f->result.bytes.n, text, strlen(text)) != NULL;
}

static void check_counts(const fixture *f, size_t before, size_t after) {
  assert_int_equal(f->report.constants_before, before);
  assert_int_equal(f->report.constants_after, after);
}

/* ---- tests ---- */

static void test_initializers(void **state) {
  (void)state;
  fixture *f = open_fixture();
  node(f, "Add", "x", "first", "middle");
  node(f, "Mul", "middle", "second", "sum");
  node(f, "Mul", "sum", "other", "y");
  initializer(f, "first", 1);
  initializer(f, "second", 1);
  initializer(f, "other", 9);
  port(f, 11, "x");
  port(f, 12, "y");
  port(f, 13, "second");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 2);
  assert_true(contains(f, "first"));
  assert_false(contains(f, "second"));
  assert_true(contains(f, "other"));
  close_fixture(f);
}

/* The same numbers in another encoding are the same; another shape is not. */
static void test_encodings_and_shapes(void **state) {
  (void)state;
  fixture *f = open_fixture();
  static const float values[] = {1, 2, 3};
  node(f, "Add", "raw", "typed", "y");
  node(f, "Add", "raw", "turned", "z");
  put_tensor(&f->graph, 5, "raw", values, 3, false);
  put_tensor(&f->graph, 5, "typed", values, 3, true);
  const size_t begin = alb_proto_begin(&f->graph, 5);
  alb_proto_int(&f->graph, 1, 3);
  alb_proto_int(&f->graph, 1, 1);
  alb_proto_int(&f->graph, 2, ALB_ONNX_FLOAT);
  alb_proto_text(&f->graph, 8, "turned");
  alb_proto_bytes(&f->graph, 9, values, sizeof values);
  alb_proto_end(&f->graph, begin);
  port(f, 12, "y");
  port(f, 12, "z");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 2);
  assert_false(contains(f, "typed"));
  assert_true(contains(f, "turned"));
  close_fixture(f);
}

static void test_constant_nodes(void **state) {
  (void)state;
  fixture *f = open_fixture();
  constant_node(f, "a_node", 1);
  constant_node(f, "b_node", 1);
  constant_node(f, "c_node", 5);
  constant_node(f, "d_node", 5);
  node(f, "Add", "a_node", "b_node", "s");
  node(f, "Add", "c_node", "d_node", "t");
  node(f, "Mul", "s", "t", "y");
  initializer(f, "stored", 1);
  port(f, 12, "y");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 5, 2);
  assert_true(contains(f, "stored"));
  assert_false(contains(f, "a_node"));
  assert_false(contains(f, "b_node"));
  assert_true(contains(f, "c_node"));
  assert_false(contains(f, "d_node"));
  close_fixture(f);
}

/* Nothing to do: the same bytes, whatever they are. */
static void test_untouched(void **state) {
  (void)state;
  fixture *f = open_fixture();
  alb_file in;
  node(f, "Add", "x", "w", "y");
  initializer(f, "w", 1);
  port(f, 11, "x");
  port(f, 12, "y");
  alb_proto_text(&f->tail, 99, "a field of the future");
  assert_ok(&f->diag, dedup(f));
  assert_ok(&f->diag, alb_file_map(&f->diag, f->in, &in));
  assert_int_equal(in.bytes.n, f->result.bytes.n);
  assert_memory_equal(in.bytes.p, f->result.bytes.p, in.bytes.n);
  alb_file_unmap(&in);
  close_fixture(f);
}

static void test_outputs_stay(void **state) {
  (void)state;
  fixture *f = open_fixture();
  node(f, "Add", "one", "two", "y");
  node(f, "Add", "y", "three", "z");
  initializer(f, "one", 1);
  initializer(f, "two", 1);
  initializer(f, "three", 1);
  port(f, 12, "z");
  port(f, 12, "two");
  port(f, 12, "three");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 2);
  assert_false(contains(f, "one"));
  close_fixture(f);
}

/* From IR 4 on an input with an initializer may be set by whoever runs the model; before, it had to be there. */
static void test_defaults_of_inputs(void **state) {
  (void)state;
  for (int64_t version = 3; version <= 4; version++) {
    fixture *f = open_fixture();
    f->ir_version = version;
    node(f, "Add", "one", "two", "y");
    initializer(f, "one", 1);
    initializer(f, "two", 1);
    port(f, 11, "one");
    port(f, 11, "two");
    port(f, 12, "y");
    assert_ok(&f->diag, dedup(f));
    check_counts(f, 2, version == 3 ? 1 : 2);
    assert_int_equal(contains(f, "two"), version == 4);
    close_fixture(f);
  }
}

static void test_names_in_subgraphs_stay(void **state) {
  (void)state;
  fixture *f = open_fixture();
  alb_proto inner = {0};
  const size_t inner_node = alb_proto_begin(&inner, 1);
  alb_proto_text(&inner, 1, "two");
  alb_proto_text(&inner, 2, "inside");
  alb_proto_text(&inner, 4, "Identity");
  alb_proto_end(&inner, inner_node);
  const size_t inner_output = alb_proto_begin(&inner, 12);
  alb_proto_text(&inner, 1, "inside");
  alb_proto_end(&inner, inner_output);
  const size_t begin = alb_proto_begin(&f->graph, 1);
  alb_proto_text(&f->graph, 1, "condition");
  alb_proto_text(&f->graph, 2, "y");
  alb_proto_text(&f->graph, 4, "If");
  for (int branch = 0; branch < 2; branch++) {
    const size_t attribute = alb_proto_begin(&f->graph, 5);
    alb_proto_text(&f->graph, 1, branch ? "else_branch" : "then_branch");
    alb_proto_bytes(&f->graph, 6, inner.bytes.items, inner.bytes.count);
    alb_proto_int(&f->graph, 20, 5);
    alb_proto_end(&f->graph, attribute);
  }
  alb_proto_end(&f->graph, begin);
  alb_proto_free(&inner);
  node(f, "Add", "one", "three", "z");
  initializer(f, "one", 1);
  initializer(f, "two", 1);
  initializer(f, "three", 1);
  port(f, 11, "condition");
  port(f, 12, "y");
  port(f, 12, "z");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 1);
  assert_true(contains(f, "two"));
  assert_false(contains(f, "three"));
  close_fixture(f);
}

static void test_annotations_stay(void **state) {
  (void)state;
  fixture *f = open_fixture();
  node(f, "Add", "one", "two", "s");
  node(f, "Add", "s", "three", "y");
  initializer(f, "one", 1);
  initializer(f, "two", 1);
  initializer(f, "three", 1);
  port(f, 12, "y");
  const size_t annotation = alb_proto_begin(&f->graph, 14);
  alb_proto_text(&f->graph, 1, "y");
  const size_t entry = alb_proto_begin(&f->graph, 2);
  alb_proto_text(&f->graph, 1, "SCALE_TENSOR");
  alb_proto_text(&f->graph, 2, "two");
  alb_proto_end(&f->graph, entry);
  alb_proto_end(&f->graph, annotation);
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 1);
  assert_true(contains(f, "two"));
  assert_false(contains(f, "one"));
  close_fixture(f);
}

static void test_refused(void **state) {
  (void)state;
  fixture *f = open_fixture();
  node(f, "Add", "one", "one", "y");
  initializer(f, "one", 1);
  initializer(f, "one", 1);
  port(f, 12, "y");
  assert_refused(&f->diag, dedup(f), ALB_DUPLICATE, "two constants \"one\"");
  close_fixture(f);
  f = open_fixture();
  const size_t begin = alb_proto_begin(&f->graph, 5);
  alb_proto_text(&f->graph, 8, "far");
  alb_proto_int(&f->graph, 14, 1);
  alb_proto_end(&f->graph, begin);
  assert_refused(&f->diag, dedup(f), ALB_UNSUPPORTED, "\"far\"");
  close_fixture(f);
  f = open_fixture();
  put_tensor(&f->graph, 5, "short", (const float[]){1}, 1, false);
  f->graph.bytes.items[2 + 1] = 2; /* says two elements */
  assert_refused(&f->diag, dedup(f), ALB_SHAPE, "short");
  close_fixture(f);
  f = open_fixture();
  alb_proto_text(&f->tail, 20, "");
  assert_refused(&f->diag, dedup(f), ALB_UNSUPPORTED, "training");
  close_fixture(f);
  f = open_fixture();
  alb_proto_text(&f->tail, 7, "");
  assert_refused(&f->diag, dedup(f), ALB_MALFORMED, "found 2");
  close_fixture(f);
}

/* Every way of cutting a file is an error or a smaller file, never more than that. */
static void test_truncated(void **state) {
  (void)state;
  fixture *f = open_fixture();
  alb_file whole;
  constant_node(f, "c", 1);
  node(f, "Add", "one", "two", "s");
  node(f, "Add", "s", "c", "y");
  initializer(f, "one", 1);
  initializer(f, "two", 1);
  port(f, 12, "y");
  assert_ok(&f->diag, dedup(f));
  check_counts(f, 3, 1);
  assert_ok(&f->diag, alb_file_map(&f->diag, f->in, &whole));
  for (size_t n = 0; n < whole.bytes.n; n++) {
    write_file(f->out, whole.bytes.p, n);
    const alb_status status = alb_onnx_dedup(&f->diag, f->out, NULL, true, &f->report);
    if (status != ALB_OK) assert_true(status == ALB_TRUNCATED || status == ALB_MALFORMED);
    alb_diag_free(&f->diag);
  }
  alb_file_unmap(&whole);
  close_fixture(f);
}

static void test_existing_output(void **state) {
  (void)state;
  fixture *f = open_fixture();
  node(f, "Add", "one", "one", "y");
  initializer(f, "one", 1);
  port(f, 12, "y");
  assert_ok(&f->diag, dedup(f));
  assert_refused(&f->diag, alb_onnx_dedup(&f->diag, f->in, f->out, false, &f->report), ALB_EXISTS, "exists");
  assert_refused(&f->diag, alb_onnx_dedup(&f->diag, "/nowhere/x", f->out, true, &f->report), ALB_IO, "");
  close_fixture(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_initializers),
      cmocka_unit_test(test_encodings_and_shapes),
      cmocka_unit_test(test_constant_nodes),
      cmocka_unit_test(test_untouched),
      cmocka_unit_test(test_outputs_stay),
      cmocka_unit_test(test_defaults_of_inputs),
      cmocka_unit_test(test_names_in_subgraphs_stay),
      cmocka_unit_test(test_annotations_stay),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_truncated),
      cmocka_unit_test(test_existing_output),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
