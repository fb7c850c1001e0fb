/* Runs node tests in the form of the ONNX project on the reference interpreter: run_node_tests FOLDER ... [-v].
 * FOLDER/NAME/model.onnx with FOLDER/NAME/test_data_set_0/input_0.pb, output_0.pb ... Prints a table: operator, run,
 * passed, skipped with the reasons. Exit 1 when a test that could be run failed. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strmap.h"
#include "converter/onnx/onnx_eval.h"

enum { MAX_TENSORS = 64 };

#define RTOL 1e-3 /* those of the ONNX project's own runner */
#define ATOL 1e-7

typedef enum result { PASSED, FAILED, SKIPPED } result;

/* One line of the table. */
typedef struct line {
  size_t run, passed, skipped;
} line;

typedef struct table {
  alb_arena arena;
  alb_strmap operators, reasons;
  ALB_VEC(line) lines;
  ALB_VEC(size_t) reason_counts;
  size_t tests, passed, failed, skipped, others;
  bool verbose;
} table;

static void die(const char *what) {
  (void)fprintf(stderr, "run_node_tests: %s\n", what);
  exit(2);
}

/* ---- one test ---- */

typedef struct test {
  const char *folder, *name;
  alb_diag diag;
  alb_file files[2 * MAX_TENSORS + 1];
  size_t file_count;
  alb_onnx_model model;
  alb_onnx_tensor inputs[MAX_TENSORS], expected[MAX_TENSORS], outputs[MAX_TENSORS];
  char op[128];
  char reason[400];
} test;

static alb_status map(test *t, const char *file, alb_span *bytes) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/%s/%s", t->folder, t->name, file);
  ALB_TRY(alb_file_map(&t->diag, path, &t->files[t->file_count]));
  *bytes = t->files[t->file_count++].bytes;
  return ALB_OK;
}

/* The place of a tensor of data among the graph's: by its name, or else by its number. */
static size_t place_of(const test *t, const uint32_t *ids, size_t count, alb_str name, size_t number) {
  for (size_t i = 0; name.n && i < count; i++) {
    if (alb_str_equal(t->model.values.items[ids[i]].name, name)) return i;
  }
  return number;
}

static alb_status load_tensors(test *t, const char *kind, const uint32_t *ids, size_t count, alb_onnx_tensor *out) {
  for (size_t i = 0; i < count; i++) {
    char file[64];
    alb_span bytes;
    (void)snprintf(file, sizeof file, "test_data_set_0/%s_%zu.pb", kind, i);
    ALB_TRY(map(t, file, &bytes));
    alb_onnx_tensor tensor;
    alb_str name;
    ALB_TRY(alb_onnx_tensor_parse(&t->diag, bytes, &name, &tensor));
    const size_t at = place_of(t, ids, count, name, i);
    alb_onnx_tensor_free(&out[at]);
    out[at] = tensor;
  }
  return ALB_OK;
}

static bool near(const alb_onnx_tensor *x, const alb_onnx_tensor *y, size_t i) {
  if (!alb_onnx_type_is_float(x->type)) return alb_onnx_get_i64(x, i) == alb_onnx_get_i64(y, i);
  const double a = alb_onnx_get_f64(x, i), b = alb_onnx_get_f64(y, i);
  if (isnan(b) || isinf(b)) return isnan(b) ? isnan(a) : a == b;
  return fabs(a - b) <= ATOL + RTOL * fabs(b);
}

static bool equal(test *t, size_t k) {
  const alb_onnx_tensor *x = &t->outputs[k], *y = &t->expected[k];
  bool same = x->type == y->type && x->rank == y->rank && x->count == y->count;
  for (size_t i = 0; same && i < x->rank; i++) same = x->dims[i] == y->dims[i];
  if (!same) {
    (void)snprintf(t->reason, sizeof t->reason, "output %zu: %s of rank %zu with %zu elements, expected %s, %zu, %zu",
                   k, alb_onnx_type_name(x->type), x->rank, x->count, alb_onnx_type_name(y->type), y->rank, y->count);
    return false;
  }
  for (size_t i = 0; i < x->count; i++) {
    if (near(x, y, i)) continue;
    (void)snprintf(t->reason, sizeof t->reason, "output %zu, element %zu: %.9g, expected %.9g", k, i,
                   alb_onnx_get_f64(x, i), alb_onnx_get_f64(y, i));
    return false;
  }
  return true;
}

/* What makes a test one that we do not run: types that no encoder uses, randomness. Any other refusal is a failure. */
static result refused(test *t, alb_status status) {
  static const char *const allowed[] = {"type string",  "type float4",  "type float8", "type uint4", "type int4",
                                        "type complex", "not a tensor", "at random",   "opset 1 ",   "opset 6 "};
  const char *text = alb_diag_text(&t->diag, status);
  (void)snprintf(t->reason, sizeof t->reason, "%s", text);
  for (size_t i = 0; status == ALB_UNSUPPORTED && i < sizeof allowed / sizeof allowed[0]; i++) {
    if (strstr(text, allowed[i])) {
      (void)snprintf(t->reason, sizeof t->reason, "%s", allowed[i]);
      return SKIPPED;
    }
  }
  return FAILED;
}

/* The operator that a test is about: its node's; "NAME (expanded)" after the test's name for function bodies. */
static bool name_operator(test *t) {
  const alb_onnx_graph *g = &t->model.graphs.items[0];
  const bool expanded = strstr(t->name, "_expanded") != NULL;
  bool known = true;
  (void)snprintf(t->op, sizeof t->op, "%s", expanded ? "(function bodies)" : "Constant");
  for (size_t i = 0; i < t->model.graphs.count; i++) {
    for (size_t k = 0; k < t->model.graphs.items[i].nodes.count; k++) {
      known = known && t->model.graphs.items[i].nodes.items[k].op != ALB_ONNX_OP_UNKNOWN;
    }
  }
  if (g->nodes.count && !expanded) {
    const alb_onnx_node *n = &g->nodes.items[0];
    (void)snprintf(t->op, sizeof t->op, "%.*s%s%.*s", ALB_STR_ARGS(n->domain), n->domain.n ? "." : "",
                   ALB_STR_ARGS(n->type));
  }
  return known;
}

/* Tests whose expected values are not what the standard says, as other runtimes see it too. */
static const struct {
  const char *name, *why;
} wrong_tests[] = {
    /* Differences of int8 wrap in the script that made them; ONNX Runtime 1.32 saturates, as we do. */
    {"test_qlinearmatmul_2D_int8_float16", "expected values wrapped at int8"},
    {"test_qlinearmatmul_2D_int8_float32", "expected values wrapped at int8"},
    {"test_qlinearmatmul_3D_int8_float16", "expected values wrapped at int8"},
    {"test_qlinearmatmul_3D_int8_float32", "expected values wrapped at int8"},
    /* Cut off where the standard rounds; right in the tests of onnx 1.19. */
    {"test_cast_FLOAT_to_BFLOAT16", "expected values cut off, not rounded"},
    {"test_castlike_FLOAT_to_BFLOAT16", "expected values cut off, not rounded"},
    {"test_castlike_FLOAT_to_BFLOAT16_expanded", "expected values cut off, not rounded"},
};

static result differs(test *t) {
  for (size_t i = 0; i < sizeof wrong_tests / sizeof wrong_tests[0]; i++) {
    if (strcmp(t->name, wrong_tests[i].name) != 0) continue;
    (void)snprintf(t->reason, sizeof t->reason, "%s", wrong_tests[i].why);
    return SKIPPED;
  }
  return FAILED;
}

/* numpy has no bfloat16: the files of data have its bits as uint16. */
static void take_declared_types(const test *t, const uint32_t *ids, size_t count, alb_onnx_tensor *tensors) {
  for (size_t i = 0; i < count; i++) {
    const bool bits = t->model.values.items[ids[i]].type == ALB_ONNX_BFLOAT16 && tensors[i].type == ALB_ONNX_UINT16;
    if (bits) tensors[i].type = ALB_ONNX_BFLOAT16;
  }
}

static result run(test *t, bool *known) {
  alb_span bytes;
  alb_status status = map(t, "model.onnx", &bytes);
  if (status == ALB_OK) status = alb_onnx_read(&t->diag, bytes, NULL, &t->model);
  if (status != ALB_OK) return refused(t, status);
  *known = name_operator(t);
  if (!*known) return SKIPPED;
  const alb_onnx_graph *g = &t->model.graphs.items[0];
  if (g->input_count > MAX_TENSORS || g->output_count > MAX_TENSORS) die("too many tensors");
  status = load_tensors(t, "input", g->inputs, g->input_count, t->inputs);
  if (status == ALB_OK) status = load_tensors(t, "output", g->outputs, g->output_count, t->expected);
  take_declared_types(t, g->inputs, g->input_count, t->inputs);
  take_declared_types(t, g->outputs, g->output_count, t->expected);
  if (status == ALB_OK) status = alb_onnx_run(&t->diag, &t->model, t->inputs, NULL, t->outputs);
  if (status != ALB_OK) return refused(t, status);
  for (size_t i = 0; i < g->output_count; i++) {
    if (!equal(t, i)) return differs(t);
  }
  return PASSED;
}

static void free_test(test *t) {
  for (size_t i = 0; i < MAX_TENSORS; i++) {
    alb_onnx_tensor_free(&t->inputs[i]);
    alb_onnx_tensor_free(&t->expected[i]);
    alb_onnx_tensor_free(&t->outputs[i]);
  }
  alb_onnx_model_free(&t->model);
  for (size_t i = 0; i < t->file_count; i++) alb_file_unmap(&t->files[i]);
  alb_diag_free(&t->diag);
}

/* ---- all tests ---- */

static size_t index_in(table *all, alb_strmap *map, const char *key, bool *inserted) {
  size_t index = 0;
  const char *copy = alb_arena_strdup(&all->arena, alb_str_of(key));
  if (!copy || !alb_strmap_add(map, alb_str_of(copy), &index, inserted)) die("out of memory");
  return index;
}

static void count_reason(table *all, const char *op, const char *reason) {
  char key[600];
  bool inserted;
  (void)snprintf(key, sizeof key, "%s: %s", op, reason);
  const size_t at = index_in(all, &all->reasons, key, &inserted);
  if (inserted && !alb_vec_push(&all->reason_counts, 0)) die("out of memory");
  all->reason_counts.items[at]++;
}

static void count(table *all, test *t, result r) {
  bool inserted;
  const size_t at = index_in(all, &all->operators, t->op, &inserted);
  if (inserted && !alb_vec_push(&all->lines, (line){0})) die("out of memory");
  line *l = &all->lines.items[at];
  l->run += r != SKIPPED;
  l->passed += r == PASSED;
  l->skipped += r == SKIPPED;
  all->passed += r == PASSED;
  all->failed += r == FAILED;
  all->skipped += r == SKIPPED;
  if (r == SKIPPED) count_reason(all, t->op, t->reason);
  if (r == FAILED || all->verbose) printf("%s %s: %s\n", r == FAILED ? "FAILED" : "ran", t->name, t->reason);
}

static void run_one(table *all, const char *folder, const char *name) {
  test *t = calloc(1, sizeof *t);
  bool known = true;
  if (!t) die("out of memory");
  t->folder = folder;
  t->name = name;
  (void)snprintf(t->op, sizeof t->op, "(not read)");
  const result r = run(t, &known);
  all->tests++;
  if (known) {
    count(all, t, r);
  } else {
    all->others++;
  }
  free_test(t);
  free(t);
}

static int is_test(const struct dirent *entry) {
  return strncmp(entry->d_name, "test_", 5) == 0;
}

static void run_folder(table *all, const char *folder) {
  struct dirent **entries;
  const int n = scandir(folder, &entries, is_test, alphasort);
  if (n < 0) die("cannot read the folder of tests");
  for (int i = 0; i < n; i++) {
    run_one(all, folder, entries[i]->d_name);
    free(entries[i]);
  }
  free((void *)entries);
}

static void print_table(const table *all) {
  printf("%-40s %5s %7s %8s\n", "operator", "run", "passed", "skipped");
  for (size_t i = 0; i < all->lines.count; i++) {
    const line *l = &all->lines.items[i];
    printf("%-40.*s %5zu %7zu %8zu\n", ALB_STR_ARGS(all->operators.keys[i]), l->run, l->passed, l->skipped);
  }
  for (size_t i = 0; i < all->reason_counts.count; i++) {
    printf("skipped %4zu  %.*s\n", all->reason_counts.items[i], ALB_STR_ARGS(all->reasons.keys[i]));
  }
  printf("%zu tests: %zu passed, %zu failed, %zu skipped, %zu of other operators\n", all->tests, all->passed,
         all->failed, all->skipped, all->others);
}

int main(int argc, char **argv) {
  table all = {0};
  for (int i = 1; i < argc; i++) all.verbose = all.verbose || strcmp(argv[i], "-v") == 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "-v") != 0) run_folder(&all, argv[i]);
  }
  print_table(&all);
  const bool failed = all.failed > 0 || all.passed == 0;
  alb_strmap_free(&all.operators);
  alb_strmap_free(&all.reasons);
  alb_vec_free(&all.lines);
  alb_vec_free(&all.reason_counts);
  alb_arena_free(&all.arena);
  return failed;
}
