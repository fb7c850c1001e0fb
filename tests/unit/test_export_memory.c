/* Writing ONNX files and finding equal constants without enough memory: an error at every place, and no leak. */
#include "base/file.h"
#include "converter/onnx/export.h"
#include "converter/onnx/onnx_dedup.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/graph_text.h"
#include "tests/support/tiny_model.h"

static const char text[] =
    "blob 0 f32 80\nblob 1 f32 8\nblob 2 f32 64\nblob 3 int8 64 = quant 2 as 8x8\nblob 4 f32 8 = scale 2 as 8x8\n"
    "tensor 0 \"word\" f32[10,8] blob 0\ntensor 1 \"b\" f32[8] blob 1\ntensor 2 \"w\" int8[8,8] blob 3 scale 4\n"
    "set 0 \"layer\" 2 1\n"
    "function layer f32[tokens,8] $w $b {\n  %1 = linear %0 $w $b activation=gelu\n"
    "  %2 = attention %1 %1 %0 heads=2\n  %3 = layer_norm %2 $b $b eps=0.5\n  return %3\n}\n"
    "function encoder i32[tokens] i32[tokens] i32[tokens] {\n  %3 = embedding %0 @word\n"
    "  %4 = call %3 callee=layer set=0 layer=0\n  %5 = call %4 callee=layer set=0 layer=1\n  return %5\n}\n"
    "function mlm f32[rows,8] {\n  %1 = linear %0 @word\n  return %1\n}\n";

static alb_status export_once(const alb_graph *graph, const char *path, const alb_onnx_options *options) {
  static const alb_encoder_config config = {.architecture = "bert"};
  const alb_package package = {.config = &config, .graph = graph, .task = "embed", .dtype = "int8", .share = "exact"};
  alb_arena arena = {0};
  alb_export model = {0};
  alb_status status = alb_export_build(NULL, &arena, &package, options, &model);
  if (status == ALB_OK) status = alb_export_write(&model, path, true);
  alb_export_free(&model);
  alb_arena_free(&arena);
  return status;
}

static alb_file map(const char *path) {
  alb_file file;
  assert_int_equal(alb_file_map(NULL, path, &file), ALB_OK);
  return file;
}

/* Recipes that an attempt has added stay in the table, so a later one may get by with less. */
static void test_export(void **state) {
  (void)state;
  static const alb_onnx_options forms[] = {{0}, {.functions = true}, {.integer = true}, {.external_above = 100}};
  char *folder = tiny_folder();
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    graph_text t;
    alb_arena arena = {0};
    long refused = 0;
    graph_text_open(&t, text);
    const char *whole = tiny_path(&arena, folder, "whole.onnx"), *path = tiny_path(&arena, folder, "model.onnx");
    assert_int_equal(export_once(&t.graph, whole, &forms[i]), ALB_OK);
    for (long k = 1;; k++) {
      atomic_store(&fail_at, atomic_load(&taken) + k);
      const alb_status status = export_once(&t.graph, path, &forms[i]);
      atomic_store(&fail_at, 0);
      if (status == ALB_OK) break;
      assert_int_equal(status, ALB_MEMORY);
      assert_false(alb_path_exists(path));
      refused++;
    }
    assert_true(refused > 20);
    alb_file a = map(whole), b = map(path);
    if (!forms[i].external_above) {
      assert_int_equal(a.bytes.n, b.bytes.n);
      assert_memory_equal(a.bytes.p, b.bytes.p, a.bytes.n);
    }
    alb_file_unmap(&a);
    alb_file_unmap(&b);
    assert_int_equal(remove(path), 0);
    alb_arena_free(&arena);
    graph_text_close(&t);
  }
  tiny_remove_folder(folder);
}

static void test_dedup(void **state) {
  (void)state;
  static const char *const names[] = {"initializers", "constants", "subgraph", "ir3"};
  char *folder = tiny_folder();
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    alb_arena arena = {0};
    alb_onnx_dedup_report report;
    const char *in = alb_arena_printf(&arena, "tests/fuzz/corpus/onnx_dedup/%s.onnx", names[i]);
    const char *out = tiny_path(&arena, folder, names[i]);
    long refused = 0;
    for (long k = 1;; k++) {
      atomic_store(&fail_at, atomic_load(&taken) + k);
      const alb_status status = alb_onnx_dedup(NULL, in, out, false, &report);
      atomic_store(&fail_at, 0);
      if (status == ALB_OK) break;
      assert_int_equal(status, ALB_MEMORY);
      assert_false(alb_path_exists(out));
      refused++;
    }
    assert_true(refused > 5);
    assert_true(report.constants_after < report.constants_before);
    alb_arena_free(&arena);
  }
  tiny_remove_folder(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_export), cmocka_unit_test(test_dedup)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
