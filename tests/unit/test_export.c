/* Graphs as ONNX: which nodes and weights come out, that every name is defined before its use, and that files
 * have the size that was said. The numbers are checked by tests/onnx. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "converter/onnx/export.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tests/support/tiny_model.h"

#define HEAD                                                                                                       \
  "blob 0 f32 80\nblob 1 f32 8\nblob 2 f32 64\nblob 3 f32 8\nblob 4 f32 64\nblob 5 f32 8\nblob 6 f32 64\n"         \
  "tensor 0 \"word\" f32[10,8] blob 0\ntensor 1 \"gamma\" f32[8] blob 1\ntensor 2 \"layer.0.w\" f32[8,8] blob 2\n" \
  "tensor 3 \"layer.0.b\" f32[8] blob 3\ntensor 4 \"layer.1.w\" f32[8,8] blob 4\n"                                 \
  "tensor 5 \"input_ids\" f32[8] blob 5\ntensor 6 \"two words\" f32[8,8] blob 6\n"

#define LAYER                                                      \
  "function layer f32[tokens,8] $w $b {\n  %1 = linear %0 $w $b\n" \
  "  %2 = linear %0 $w $b\n  %3 = attention %1 %2 %0 heads=2\n  return %3\n}\n"

#define ENCODER                                                                                 \
  "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"         \
  "  %4 = layer_norm %3 @gamma @input_ids eps=0.5\n  %5 = call %4 callee=layer set=0 layer=0\n" \
  "  %6 = call %5 callee=layer set=1 layer=1\n  %7 = call %6 callee=layer set=0 layer=2\n  return %7\n}\n"

static const char model_text[] =
    HEAD "set 0 \"layer.0\" 2 3\nset 1 \"layer.1\" 4 3\n" LAYER ENCODER
         "function embed f32[tokens,8] {\n  %1 = pool %0 pooling=mean\n  %2 = normalize %1\n  return %2\n}\n"
         "function mlm f32[rows,8] {\n  %1 = linear %0 @word\n  return %1\n}\n";

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  graph_text text;
  alb_encoder_config config;
  Alb__Embedding embedding;
  alb_package package;
  alb_export model;
} fixture;

static fixture *open_fixture(const char *text) {
  fixture *f = calloc(1, sizeof *f);
  graph_text_open(&f->text, text);
  f->config.architecture = "bert";
  alb__embedding__init(&f->embedding);
  f->embedding.stated = true;
  f->embedding.pooling = (char *)(uintptr_t) "mean";
  f->package = (alb_package){.config = &f->config,
                             .graph = &f->text.graph,
                             .task = "embed",
                             .dtype = "f32",
                             .share = "exact",
                             .embedding = &f->embedding};
  return f;
}

static void close_fixture(fixture *f) {
  alb_export_free(&f->model);
  graph_text_close(&f->text);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
}

static alb_status build(fixture *f, alb_onnx_options options) {
  alb_export_free(&f->model);
  f->model = (alb_export){0};
  return alb_export_build(&f->diag, &f->arena, &f->package, &options, &f->model);
}

static size_t count(const alb_out_block *block, const char *op) {
  size_t found = 0;
  for (size_t i = 0; i < block->nodes.count; i++) found += strcmp(block->nodes.items[i].op, op) == 0;
  return found;
}

static const alb_out_node *find(const alb_out_block *block, const char *op) {
  for (size_t i = 0; i < block->nodes.count; i++) {
    if (strcmp(block->nodes.items[i].op, op) == 0) return &block->nodes.items[i];
  }
  fail_msg("no %s", op);
  return NULL;
}

static int64_t int_of(const alb_out_node *node, const char *attr) {
  for (size_t i = 0; i < node->attr_count; i++) {
    if (strcmp(node->attrs[i].name, attr) == 0) return node->attrs[i].i;
  }
  fail_msg("%s has no %s", node->op, attr);
  return 0;
}

static void define(alb_strmap *names, const char *name) {
  size_t index;
  bool inserted;
  assert_true(alb_strmap_add(names, alb_str_of(name), &index, &inserted));
  if (!inserted) fail_msg("%s is defined twice", name);
}

static void check_nodes(const alb_out_block *block, alb_strmap *names) {
  for (size_t i = 0; i < block->nodes.count; i++) {
    const alb_out_node *node = &block->nodes.items[i];
    for (size_t k = 0; k < node->input_count; k++) {
      if (alb_strmap_find(names, alb_str_of(node->inputs[k])) == ALB_STRMAP_NONE) {
        fail_msg("node %zu, %s: %s is not defined", i, node->op, node->inputs[k]);
      }
    }
    for (size_t k = 0; k < node->output_count; k++) define(names, node->outputs[k]);
  }
}

/* Every name is defined once and before its use; no weight is there twice. */
static void check_model(const fixture *f) {
  const alb_export *m = &f->model;
  alb_strmap names = {0};
  for (size_t i = 0; i < m->inputs.count; i++) define(&names, m->inputs.items[i].name);
  for (size_t i = 0; i < m->initializers.count; i++) {
    define(&names, m->initializers.items[i].name);
    for (size_t k = 0; k < i; k++) assert_int_not_equal(m->initializers.items[i].blob, m->initializers.items[k].blob);
  }
  check_nodes(&m->graph, &names);
  for (size_t i = 0; i < m->outputs.count; i++) {
    assert_int_not_equal(alb_strmap_find(&names, alb_str_of(m->outputs.items[i].name)), ALB_STRMAP_NONE);
  }
  alb_strmap_free(&names);
  for (size_t i = 0; i < m->functions.count; i++) {
    const alb_out_function *function = m->functions.items[i];
    alb_strmap inner = {0};
    for (size_t k = 0; k < function->input_count; k++) define(&inner, function->inputs[k]);
    check_nodes(&function->body, &inner);
    alb_strmap_free(&inner);
  }
}

static void test_interface(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  check_model(f);
  static const char *const inputs[] = {"input_ids", "attention_mask"}; /* no table of types: no token_type_ids */
  static const char *const outputs[] = {"last_hidden_state", "sentence_embedding", "logits"};
  assert_int_equal(f->model.inputs.count, 2);
  assert_int_equal(f->model.outputs.count, 3);
  for (size_t i = 0; i < 2; i++) assert_string_equal(f->model.inputs.items[i].name, inputs[i]);
  for (size_t i = 0; i < 3; i++) assert_string_equal(f->model.outputs.items[i].name, outputs[i]);
  assert_int_equal(f->model.outputs.items[1].rank, 2);
  assert_int_equal(f->model.outputs.items[2].dims[2], 10);
  close_fixture(f);
}

/* Question answering: a column for each end of the answer. */
static void test_two_outputs(void **state) {
  (void)state;
  for (int columns = 2; columns <= 3; columns++) {
    char text[1500];
    (void)snprintf(
        text, sizeof text,
        HEAD
        "blob 7 f32 %d\ntensor 7 \"span\" f32[%d,8] blob 7\n"
        "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %%3 = embedding %%0 @word\n  return %%3\n}\n"
        "function qa f32[tokens,8] {\n  %%1 = linear %%0 @span\n  return %%1\n}\n",
        8 * columns, columns);
    fixture *f = open_fixture(text);
    if (columns == 3) {
      assert_refused(&f->diag, build(f, (alb_onnx_options){0}), ALB_UNSUPPORTED, "3 columns");
    } else {
      assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
      check_model(f);
      assert_int_equal(f->model.outputs.count, 3);
      assert_string_equal(f->model.outputs.items[1].name, "start_logits");
      assert_string_equal(f->model.outputs.items[2].name, "end_logits");
      assert_int_equal(f->model.outputs.items[2].rank, 2);
    }
    close_fixture(f);
  }
}

/* Unstated pooling is nobody's wish. */
static void test_embedding_only_if_stated(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  f->embedding.stated = false;
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  assert_int_equal(f->model.outputs.count, 2);
  close_fixture(f);
}

static void test_each_weight_once(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  assert_int_equal(f->model.initializers.count, 6); /* word, gamma, beta, two w, one b */
  assert_int_equal(count(&f->model.graph, "MatMul"), 3 * 2 + 3 * 2);
  /* The decoder is the word table: rows stay rows, and Gemm turns them. */
  assert_int_equal(int_of(find(&f->model.graph, "Gemm"), "transB"), 1);
  for (size_t i = 0; i < f->model.initializers.count; i++) {
    const alb_initializer *item = &f->model.initializers.items[i];
    const alb_blob *blob = &f->text.tensors.blobs.items[item->blob];
    const bool table = strcmp(item->name, "word") == 0;
    if (item->rank == 2) assert_int_equal(blob->kind, table ? ALB_BLOB_BYTES : ALB_BLOB_TRANSPOSE);
    assert_string_not_equal(item->name, "input_ids");
  }
  close_fixture(f);
}

static void test_functions(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  assert_ok(&f->diag, build(f, (alb_onnx_options){.functions = true}));
  check_model(f);
  assert_int_equal(f->model.functions.count, 1);
  assert_int_equal(count(&f->model.graph, "layer"), 3);
  assert_int_equal(find(&f->model.graph, "layer")->input_count, 1 + 1 + 2);
  assert_int_equal(count(&f->model.functions.items[0]->body, "Softmax"), 1);
  assert_int_equal(count(&f->model.graph, "Softmax"), 0);
  close_fixture(f);
}

/* A body with a tensor of its own sees more than its inputs: it is inlined. */
static void test_functions_that_cannot_be(void **state) {
  (void)state;
  fixture *f = open_fixture(HEAD
                            "set 0 \"none\" 2\n"
                            "function layer f32[tokens,8] $w {\n  %1 = linear %0 $w @layer.0.b\n  return %1\n}\n"
                            "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"
                            "  %4 = call %3 callee=layer set=0\n  return %4\n}\n");
  assert_ok(&f->diag, build(f, (alb_onnx_options){.functions = true}));
  check_model(f);
  assert_int_equal(f->model.functions.count, 0);
  assert_int_equal(count(&f->model.graph, "MatMul"), 1);
  close_fixture(f);
}

#define INT8_HEAD                                                                                                  \
  "blob 0 f32 80\nblob 1 int8 80 = quant 0 as 10x8\nblob 2 f32 10 = scale 0 as 10x8\nblob 3 f32 64\n"              \
  "blob 4 int8 64 = quant 3 as 8x8\nblob 5 f32 8 = scale 3 as 8x8\nblob 6 f32 64\n"                                \
  "blob 7 int8 64 = quant 6 as 8x8\nblob 8 f32 8 = scale 6 as 8x8\n"                                               \
  "tensor 0 \"word\" int8[10,8] blob 1 scale 2\ntensor 1 \"shared\" int8[8,8] blob 4 scale 5\n"                    \
  "tensor 2 \"once\" int8[8,8] blob 7 scale 8\n"                                                                   \
  "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"                            \
  "  %4 = linear %3 @shared\n  %5 = linear %3 @shared\n  %6 = add %4 %5\n  %7 = linear %6 @once\n  return %7\n}\n" \
  "function mlm f32[rows,8] {\n  %1 = linear %0 @word\n  return %1\n}\n"

static void test_int8(void **state) {
  (void)state;
  fixture *f = open_fixture(INT8_HEAD);
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  check_model(f);
  assert_int_equal(f->model.initializers.count, 6); /* three weights and their scales */
  assert_int_equal(count(&f->model.graph, "DequantizeLinear"), 3);
  assert_int_equal(count(&f->model.graph, "Transpose"), 1); /* of the shared one */
  assert_int_equal(int_of(find(&f->model.graph, "DequantizeLinear"), "axis"), 0);
  assert_int_equal(count(&f->model.graph, "Gemm"), 1);
  close_fixture(f);
}

static void test_int8_integer(void **state) {
  (void)state;
  fixture *f = open_fixture(INT8_HEAD);
  assert_ok(&f->diag, build(f, (alb_onnx_options){.integer = true}));
  check_model(f);
  assert_int_equal(f->model.initializers.count, 6);
  assert_int_equal(count(&f->model.graph, "DequantizeLinear"), 0);
  assert_int_equal(count(&f->model.graph, "MatMulInteger"), 4);
  assert_int_equal(count(&f->model.graph, "DynamicQuantizeLinear"), 3); /* two products take one value */
  close_fixture(f);
}

/* Equal integers of different scales are different weights, stored once. */
static void test_int8_of_two_scales(void **state) {
  (void)state;
  fixture *f = open_fixture(
      "blob 0 f32 64\nblob 1 int8 64 = quant 0 as 8x8\nblob 2 f32 8 = scale 0 as 8x8\nblob 3 f32 8\nblob 4 f32 80\n"
      "tensor 0 \"a\" int8[8,8] blob 1 scale 2\ntensor 1 \"b\" int8[8,8] blob 1 scale 3\n"
      "tensor 2 \"word\" f32[10,8] blob 4\n"
      "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"
      "  %4 = linear %3 @a\n  %5 = linear %4 @b\n  return %5\n}\n");
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  check_model(f);
  assert_int_equal(f->model.initializers.count, 4);
  assert_int_equal(count(&f->model.graph, "DequantizeLinear"), 2);
  close_fixture(f);
}

static void test_half(void **state) {
  (void)state;
  fixture *f = open_fixture(
      "blob 0 f16 80\nblob 1 bf16 64\ntensor 0 \"word\" f16[10,8] blob 0\ntensor 1 \"w\" bf16[8,8] blob 1\n"
      "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"
      "  %4 = linear %3 @w\n  %5 = linear %4 @w\n  return %5\n}\n");
  assert_ok(&f->diag, build(f, (alb_onnx_options){0}));
  check_model(f);
  assert_int_equal(count(&f->model.graph, "Cast"), 3); /* the rows, the matrix once, the mask */
  close_fixture(f);
}

/* All activations and poolings have nodes, in the oldest opset and in the newest. */
static void test_tables(void **state) {
  (void)state;
  for (unsigned opset = ALB_OUT_OPSET_MIN; opset <= ALB_OUT_OPSET_MAX; opset++) {
    for (alb_activation a = ALB_ACT_GELU; a < ALB_ACT_COUNT; a++) {
      for (alb_pooling p = ALB_POOL_MEAN; p < ALB_POOL_COUNT; p++) {
        char text[1000];
        (void)snprintf(text, sizeof text,
                       HEAD
                       "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %%3 = embedding %%0 @word\n"
                       "  %%4 = linear %%3 @layer.0.w activation=%s\n  return %%4\n}\n"
                       "function embed f32[tokens,8] {\n  %%1 = pool %%0 pooling=%s\n  return %%1\n}\n",
                       alb_activation_name(a), alb_pooling_name(p));
        fixture *f = open_fixture(text);
        assert_ok(&f->diag, build(f, (alb_onnx_options){.opset = opset}));
        check_model(f);
        close_fixture(f);
      }
    }
  }
}

static void test_refused(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  assert_refused(&f->diag, build(f, (alb_onnx_options){.opset = 16}), ALB_UNSUPPORTED, "--opset 16");
  assert_refused(&f->diag, build(f, (alb_onnx_options){.opset = 22}), ALB_UNSUPPORTED, "17 to 21");
  close_fixture(f);
  f = open_fixture("function embed f32[tokens,8] {\n  %1 = pool %0 pooling=mean\n  return %1\n}\n");
  assert_refused(&f->diag, build(f, (alb_onnx_options){0}), ALB_UNSUPPORTED, "without an encoder");
  close_fixture(f);
  f = open_fixture("function encoder f32[tokens,8] {\n  %1 = normalize %0\n  return %1\n}\n");
  assert_refused(&f->diag, build(f, (alb_onnx_options){0}), ALB_UNSUPPORTED, "of 1 inputs");
  close_fixture(f);
}

static uint64_t size_of(const char *path) {
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  return (uint64_t)st.st_size;
}

/* The text's weights are small, so a table of 300 rows is what goes outside. */
static const char large_text[] =
    "blob 0 f32 2400\nblob 1 f32 64\ntensor 0 \"word\" f32[300,8] blob 0\ntensor 1 \"w\" f32[8,8] blob 1\n"
    "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"
    "  %4 = linear %3 @w\n  return %4\n}\n";

static void test_files(void **state) {
  (void)state;
  char *folder = tiny_folder();
  for (int external = 0; external < 2; external++) {
    fixture *f = open_fixture(large_text);
    alb_export_size size;
    const char *path = tiny_path(&f->arena, folder, external ? "b.onnx" : "a.onnx");
    const char *data = alb_arena_printf(&f->arena, "%s.data", path);
    assert_ok(&f->diag, build(f, (alb_onnx_options){.external_above = external ? 5000 : 0}));
    assert_ok(&f->diag, alb_export_measure(&f->model, path, &size));
    assert_ok(&f->diag, alb_export_write(&f->model, path, false));
    assert_int_equal(size_of(path), size.file);
    assert_int_equal(size.weights, 4 * (2400 + 64));
    assert_int_equal(size.data, external ? 4 * 2400 : 0);
    assert_int_equal(alb_path_exists(data), external);
    if (external) assert_int_equal(size_of(data), size.data);
    assert_refused(&f->diag, alb_export_write(&f->model, path, false), ALB_EXISTS, "exists already");
    assert_ok(&f->diag, alb_export_write(&f->model, path, true));
    close_fixture(f);
  }
  tiny_remove_folder(folder);
}

/* Data of that name is in the way: nothing is written, and the message says which file. */
static void test_data_in_the_way(void **state) {
  (void)state;
  char *folder = tiny_folder();
  fixture *f = open_fixture(large_text);
  const char *path = tiny_path(&f->arena, folder, "m.onnx"), *data = tiny_path(&f->arena, folder, "m.onnx.data");
  FILE *file = fopen(data, "w");
  assert_non_null(file);
  assert_int_equal(fclose(file), 0);
  assert_ok(&f->diag, build(f, (alb_onnx_options){.external_above = 5000}));
  assert_refused(&f->diag, alb_export_write(&f->model, path, false), ALB_EXISTS, "m.onnx.data");
  assert_false(alb_path_exists(path));
  assert_int_equal(size_of(data), 0);
  close_fixture(f);
  tiny_remove_folder(folder);
}

static void test_names(void **state) {
  (void)state;
  fixture *f = open_fixture(model_text);
  alb_out_block block = {0};
  alb_export *m = &f->model;
  m->arena = &f->arena;
  static const char *const given[] = {"a", "a", "a_2", "", "", "b c", "b\x01\xff"};
  static const char *const expected[] = {"a", "a_1", "a_2", "_", "__4", "b_c", "b__"};
  for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
    assert_string_equal(alb_export_name(m, &block, alb_str_of(given[i])), expected[i]);
  }
  assert_false(m->failed);
  alb_strmap_free(&block.names);
  close_fixture(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_interface),
      cmocka_unit_test(test_two_outputs),
      cmocka_unit_test(test_embedding_only_if_stated),
      cmocka_unit_test(test_each_weight_once),
      cmocka_unit_test(test_functions),
      cmocka_unit_test(test_functions_that_cannot_be),
      cmocka_unit_test(test_int8),
      cmocka_unit_test(test_int8_integer),
      cmocka_unit_test(test_int8_of_two_scales),
      cmocka_unit_test(test_half),
      cmocka_unit_test(test_tables),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_files),
      cmocka_unit_test(test_data_in_the_way),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
