/* Aligning layers: the assignment is the best there is, hidden copies of a layer are found, what layers compute stays
 * the same, noise has a chance level, and bad numbers are refused. */
#include <math.h>
#include <stdio.h>

#include "base/parallel.h"
#include "converter/model_load.h"
#include "graph/build_encoder.h"
#include "graph/interpret.h"
#include "passes/layer_table.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tune/align.h"
#include "tune/assign.h"
#include "tune/fold_align.h"

static uint64_t state = 1;

static void fill(float *out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = graph_text_random(&state);
}

/* ---- assignment ---- */

/* The best sum for rows from `row` on with the columns that are not used. */
static double best_sum(size_t n, const float *score, size_t row, unsigned used) {
  double best = row == n ? 0 : -INFINITY;
  for (size_t c = 0; row < n && c < n; c++) {
    if (used >> c & 1) continue;
    const double sum = (double)score[row * n + c] + best_sum(n, score, row + 1, used | 1u << c);
    best = sum > best ? sum : best;
  }
  return best;
}

static void test_assign_best(void **unused) {
  (void)unused;
  float score[49];
  uint32_t column_of[7];
  for (size_t round = 0; round < 200; round++) {
    const size_t n = round % 7 + 1;
    fill(score, n * n);
    if (round % 3 == 0) { /* many that are equally good */
      for (size_t i = 0; i < n * n; i++) score[i] = roundf(score[i] * 2);
    }
    assert_ok(NULL, alb_assign(NULL, n, score, column_of));
    double sum = 0;
    unsigned used = 0;
    for (size_t r = 0; r < n; r++) {
      sum += (double)score[r * n + column_of[r]];
      used |= 1u << column_of[r];
    }
    assert_int_equal(used, (1u << n) - 1);
    assert_true(fabs(sum - best_sum(n, score, 0, 0)) < 1e-5);
  }
}

static void test_assign_refused(void **unused) {
  (void)unused;
  alb_diag diag = {0};
  float score[4] = {1, 2, NAN, 4};
  uint32_t column_of[2];
  assert_ok(&diag, alb_assign(&diag, 0, score, column_of));
  assert_refused(&diag, alb_assign(&diag, 2, score, column_of), ALB_UNSUPPORTED, "not finite");
  score[2] = -INFINITY;
  assert_refused(&diag, alb_assign(&diag, 2, score, column_of), ALB_UNSUPPORTED, "not finite");
  assert_refused(&diag, alb_assign(&diag, ALB_ASSIGN_MAX + 1, score, column_of), ALB_LIMIT, "at most 4096");
}

/* ---- layers of numbers ---- */

enum { HIDDEN = 12, HEADS = 3, HEAD = HIDDEN / HEADS, INNER = 20, SQUARE = HIDDEN * HIDDEN, WIDE = HIDDEN * INNER };
static const alb_align_dims dims = {HIDDEN, HEADS, INNER};

typedef struct numbers {
  float square[4][SQUARE], bias[3][HIDDEN], up[WIDE], up_bias[INNER], down[WIDE];
} numbers;

static alb_align_layer layer_of(numbers *n) {
  return (alb_align_layer){.matrix = {n->square[0], n->square[1], n->square[2], n->square[3], n->up, n->down},
                           .bias = {n->bias[0], n->bias[1], n->bias[2], NULL, n->up_bias, NULL}};
}

static void fill_numbers(numbers *n) {
  fill((float *)n, sizeof *n / sizeof(float));
}

/* The same function in other coordinates: heads and neurons in another order, two numbers of each head turned. */
static void hide(const numbers *from, numbers *to) {
  const double cosine = 0.6, sine = 0.8;
  for (size_t head = 0; head < HEADS; head++) {
    const size_t at = (head + 1) % HEADS;
    for (size_t k = 0; k < HEAD; k++) {
      const size_t r = head * HEAD + k, other = k < 2 ? head * HEAD + 1 - k : r;
      const double a = k < 2 ? cosine : 1, b = k == 0 ? -sine : k == 1 ? sine : 0;
      for (size_t c = 0; c < HIDDEN; c++) {
        for (size_t m = 0; m < 3; m++) {
          to->square[m][(at * HEAD + k) * HIDDEN + c] =
              (float)(a * (double)from->square[m][r * HIDDEN + c] + b * (double)from->square[m][other * HIDDEN + c]);
        }
        to->square[3][c * HIDDEN + at * HEAD + k] =
            (float)(a * (double)from->square[3][c * HIDDEN + r] + b * (double)from->square[3][c * HIDDEN + other]);
      }
      for (size_t m = 0; m < 3; m++) {
        to->bias[m][at * HEAD + k] = (float)(a * (double)from->bias[m][r] + b * (double)from->bias[m][other]);
      }
    }
  }
  for (size_t i = 0; i < INNER; i++) {
    const size_t at = (i * 7 + 3) % INNER;
    to->up_bias[at] = from->up_bias[i];
    for (size_t c = 0; c < HIDDEN; c++) {
      to->up[at * HIDDEN + c] = from->up[i * HIDDEN + c];
      to->down[c * INNER + at] = from->down[c * INNER + i];
    }
  }
}

static double distance(const numbers *a, const numbers *b) {
  const float *x = (const float *)a, *y = (const float *)b;
  double most = 0;
  for (size_t i = 0; i < sizeof *a / sizeof *x; i++) most = fmax(most, fabs((double)x[i] - (double)y[i]));
  return most;
}

static void test_finds_hidden_copy(void **unused) {
  (void)unused;
  static numbers a, b;
  fill_numbers(&a);
  hide(&a, &b);
  assert_true(distance(&a, &b) > 0.5);
  const alb_align_layer layers[] = {layer_of(&a), layer_of(&b)};
  double rho[ALB_ALIGN_MATRICES];
  alb_align_rho(&dims, layers, 2, rho);
  for (size_t m = 0; m < ALB_ALIGN_MATRICES; m++) assert_true(rho[m] < 0.9);
  assert_ok(NULL, alb_align_layers(NULL, &dims, ALB_ALIGN_ATTENTION | ALB_ALIGN_FFN, layers, 2, 0));
  assert_true(distance(&a, &b) < 1e-5);
  alb_align_rho(&dims, layers, 2, rho);
  for (size_t m = 0; m < ALB_ALIGN_MATRICES; m++) assert_true(rho[m] > 0.999999 && rho[m] < 1.000001);
}

/* Only the blocks that were asked for are looked at. */
static void test_blocks(void **unused) {
  (void)unused;
  static numbers a, b, before;
  fill_numbers(&a);
  fill_numbers(&b);
  before = b;
  alb_align_layer layers[] = {layer_of(&a), layer_of(&b)};
  for (size_t m = 0; m < ALB_ALIGN_UP; m++) layers[0].matrix[m] = layers[1].matrix[m] = NULL;
  assert_ok(NULL, alb_align_layers(NULL, &dims, ALB_ALIGN_FFN, layers, 2, 0));
  assert_memory_equal(b.square, before.square, sizeof b.square);
  assert_memory_not_equal(b.up, before.up, sizeof b.up);
}

static void test_null(void **unused) {
  (void)unused;
  enum { LAYERS = 4 };
  static numbers all[LAYERS];
  alb_align_layer layers[LAYERS];
  double first[ALB_ALIGN_MATRICES], again[ALB_ALIGN_MATRICES], other[ALB_ALIGN_MATRICES];
  for (size_t l = 0; l < LAYERS; l++) {
    fill_numbers(&all[l]);
    layers[l] = layer_of(&all[l]);
  }
  assert_ok(NULL, alb_align_null(NULL, &dims, layers, LAYERS, 2, 7, first));
  alb_parallel_limit(1);
  assert_ok(NULL, alb_align_null(NULL, &dims, layers, LAYERS, 2, 7, again));
  alb_parallel_limit(0);
  assert_ok(NULL, alb_align_null(NULL, &dims, layers, LAYERS, 2, 8, other));
  assert_memory_equal(first, again, sizeof first); /* at any number of threads */
  assert_memory_not_equal(first, other, sizeof first);
  for (size_t m = 0; m < ALB_ALIGN_MATRICES; m++) assert_true(first[m] > 1.05 / LAYERS && first[m] < 0.9);
}

/* ---- layers of models ---- */

static void run_model(const alb_graph *graph, alb_array *hidden) {
  static const int32_t ids[] = {2, 7, 9, 11, 3, 5, 2, 30, 31, 3}, types[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                       positions[] = {0, 1, 2, 3, 4, 5, 0, 1, 2, 3};
  static const uint32_t lengths[] = {6, 4};
  const alb_sequences batch = {2, 10, lengths, ids, types, positions};
  assert_ok(NULL, alb_interpret_encoder(NULL, graph, &batch, NULL, hidden));
}

static void check_same(const alb_array *before, const alb_array *after) {
  double most = 0, largest = 0;
  for (size_t i = 0; i < before->rows * before->width; i++) {
    most = fmax(most, fabs((double)before->f32[i] - (double)after->f32[i]));
    largest = fmax(largest, fabs((double)before->f32[i]));
  }
  assert_true(most <= 1e-4 * largest);
}

static uint32_t blob_of(const alb_graph *graph, const alb_layer_table *table, size_t layer, const char *name) {
  for (size_t p = 0; p < table->parameter_count; p++) {
    if (strcmp(table->parameters[p].name, name) == 0) {
      return graph->tensors->tensors.items[*alb_layer_tensor(table, layer, p)].blob;
    }
  }
  return ALB_NO_BLOB;
}

/* Aligns all layers of a model after some passes; `name` is a parameter that has to change, or NULL: none may. */
static void check_model(const char *path, const char *passes, bool attention, bool ffn, const char *name) {
  alb_diag diag = {0};
  alb_loaded loaded = {0};
  alb_tensors tensors = {0};
  alb_graph graph = {0};
  alb_arena arena = {0};
  alb_layer_table table;
  alb_groups groups;
  alb_fold_report report = {0};
  alb_array before, after;
  const alb_pass_options options = {0};
  const alb_group_options one = {0};
  assert_ok(&diag, alb_model_load(&diag, path, &loaded));
  assert_ok(&diag, alb_loaded_clone(&diag, &loaded, &tensors));
  assert_ok(&diag, alb_loaded_graph(&diag, &loaded, &tensors, &graph));
  assert_ok(&diag, alb_passes_run(&diag, &graph, passes, &options, NULL));
  assert_ok(&diag, alb_layer_table_read(&diag, &graph, &arena, &table));
  assert_ok(&diag, alb_groups_parse(&diag, &arena, &one, table.layers, &groups));
  run_model(&graph, &before);
  const uint32_t first = name ? blob_of(&graph, &table, 0, name) : 0;
  const alb_fold_job job = {
      .graph = &graph, .table = &table, .groups = &groups, .attention = attention, .ffn = ffn, .report = &report};
  assert_ok(&diag, alb_fold_align(&diag, NULL, &job));
  assert_ok(&diag, alb_layer_table_write(&diag, &graph, &table));
  assert_ok(&diag, alb_graph_verify(&diag, &graph));
  run_model(&graph, &after);
  assert_int_equal(report.aligned, name != NULL);
  if (name && blob_of(&graph, &table, 0, name) == first) fail_msg("%s: %s stayed after %s", path, name, passes);
  check_same(&before, &after);
  alb_array_free(&before);
  alb_array_free(&after);
  alb_graph_free(&graph);
  alb_tensors_free(&tensors);
  alb_arena_free(&arena);
  alb_model_unload(&loaded);
}

#define ROLLED "dedup-blobs,roll-layers"
#define FUSED ROLLED ",fuse-qkv,fuse-activation,fuse-add-norm"

static void test_models_keep_their_function(void **unused) {
  (void)unused;
  static const char *const models[] = {"bert-gelu", "bert-f16", "bert-odd", "bert-silu", "bert-mixed", "albert-groups"};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    char path[64];
    (void)snprintf(path, sizeof path, "tests/e2e/models/%s", models[i]);
    check_model(path, ROLLED, true, true, "ffn.up.weight");
    check_model(path, ROLLED, true, false, "attention.key.weight");
    check_model(path, ROLLED, false, true, "ffn.down.weight");
    check_model(path, FUSED, true, true, "attention.qkv.weight");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_assign_best),
      cmocka_unit_test(test_assign_refused),
      cmocka_unit_test(test_finds_hidden_copy),
      cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_null),
      cmocka_unit_test(test_models_keep_their_function),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
