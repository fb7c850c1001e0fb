/* Roles found again in graphs: as built, after all passes of the runtime's pipeline, and refused where a graph is no
 * encoder. */
#include <stdio.h>

#include "graph/build_encoder.h"
#include "graph/encoder_roles.h"
#include "graph/row_slice.h"
#include "passes/pass.h"
#include "tests/support/check.h"

enum { HIDDEN = 4, LAYERS = 3, MOST = 4096 };

/* A model whose tensors are all filled with other numbers, in memory of the arena. */
typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  alb_tensors tensors;
  alb_graph graph;
  alb_model_spec spec, found;
} fixture;

static void add_role(fixture *f, alb_role role, uint32_t layer, uint32_t *slot) {
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&f->spec.config, role, dims);
  const size_t n = (size_t)(dims[0] * (rank == 2 ? dims[1] : 1));
  float *values = alb_arena_array(&f->arena, n, sizeof *values);
  for (size_t i = 0; i < n; i++) values[i] = (float)(f->tensors.tensors.count * MOST + i);
  const char *name = alb_arena_printf(&f->arena, "layer.%u.%s", layer, alb_role_info(role)->name);
  const alb_span bytes = {(const uint8_t *)values, n * sizeof *values};
  assert_ok(&f->diag, alb_tensors_add(&f->diag, &f->tensors, alb_str_of(name), ALB_F32, rank, dims, bytes, slot));
}

static int setup(void **state) {
  fixture *f = *state = calloc(1, sizeof *f);
  f->spec = (alb_model_spec){
      .config = {.architecture = "albert",
                 .layers = LAYERS,
                 .hidden = HIDDEN,
                 .embedding = 2,
                 .heads = 2,
                 .intermediate = 6,
                 .vocab = 5,
                 .max_positions = 7,
                 .type_vocab = 2,
                 .mlm_width = 2,
                 .activation = ALB_ACT_GELU,
                 .layer_norm_eps = 1e-6f},
      .tensors = &f->tensors,
      .pooling = ALB_POOL_CLS,
      .normalize = true,
  };
  f->spec.layer = alb_arena_array(&f->arena, LAYERS, sizeof *f->spec.layer);
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const bool global = alb_role_info((alb_role)r)->scope == ALB_SCOPE_GLOBAL;
    f->spec.global[r] = ALB_NO_TENSOR;
    if (global) add_role(f, (alb_role)r, 0, &f->spec.global[r]);
    for (uint32_t l = 0; !global && l < LAYERS; l++) add_role(f, (alb_role)r, l, &f->spec.layer[l][r]);
  }
  assert_ok(&f->diag, alb_build_encoder(&f->diag, &f->spec, &f->graph));
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_graph_free(&f->graph);
  alb_tensors_free(&f->tensors);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static alb_status find(fixture *f) {
  return alb_encoder_roles(&f->diag, &f->arena, &f->graph, &f->spec.config, &f->found);
}

/* The same numbers; roles without a tensor in both. */
static void assert_same_values(fixture *f, alb_role role, uint32_t a, uint32_t b) {
  uint64_t dims[2];
  float x[64] = {0}, y[64] = {0};
  const size_t rank = alb_role_shape(&f->spec.config, role, dims);
  assert_true(dims[0] * (rank == 2 ? dims[1] : 1) <= 64);
  assert_int_equal(a == ALB_NO_TENSOR, b == ALB_NO_TENSOR);
  if (a == ALB_NO_TENSOR) return;
  assert_ok(&f->diag, alb_blob_f32(&f->diag, &f->tensors, f->tensors.tensors.items[a].blob, x));
  assert_ok(&f->diag, alb_blob_f32(&f->diag, &f->tensors, f->tensors.tensors.items[b].blob, y));
  if (memcmp(x, y, sizeof x) != 0) fail_msg("%s has other values", alb_role_info(role)->name);
}

static void assert_found(fixture *f) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const alb_role role = (alb_role)r;
    if (alb_role_info(role)->scope == ALB_SCOPE_GLOBAL) {
      assert_same_values(f, role, f->spec.global[r], f->found.global[r]);
      continue;
    }
    for (uint32_t l = 0; l < LAYERS; l++) assert_same_values(f, role, f->spec.layer[l][r], f->found.layer[l][r]);
  }
  assert_int_equal(f->found.pooling, ALB_POOL_CLS);
  assert_true(f->found.normalize);
}

static void run_passes(fixture *f, alb_pipeline_kind kind, alb_share_mode mode) {
  const alb_pass_options options = {.mode = mode, .dtype = ALB_F32};
  assert_ok(&f->diag, alb_passes_run(&f->diag, &f->graph, alb_pipeline(kind, mode), &options, NULL));
}

static void test_as_built(void **state) {
  assert_ok(&((fixture *)*state)->diag, find(*state));
  assert_found(*state);
}

static void test_after_passes(void **state) {
  run_passes(*state, ALB_PIPELINE_RUN, ALB_SHARE_EXACT);
  assert_ok(&((fixture *)*state)->diag, find(*state));
  assert_found(*state);
}

static void test_after_plain_passes(void **state) {
  run_passes(*state, ALB_PIPELINE_PLAIN, ALB_SHARE_EXACT);
  assert_ok(&((fixture *)*state)->diag, find(*state));
  assert_found(*state);
}

/* The nodes of the encoder, which begins with three embeddings, two sums and a norm; the projection comes next. */
static alb_node *node_at(fixture *f, size_t i) {
  return &f->graph.functions.items[alb_graph_find(&f->graph, ALB_FN_ENCODER)].nodes.items[i];
}

static alb_node *first_of(fixture *f, alb_op op) {
  size_t i = 0;
  while (node_at(f, i)->op != op) i++;
  return node_at(f, i);
}

static void assert_no_encoder(fixture *f, const char *word) {
  assert_int_equal(find(f), ALB_UNSUPPORTED);
  if (!strstr(alb_diag_text(&f->diag, ALB_OK), word)) fail_msg("%s", alb_diag_text(&f->diag, ALB_OK));
}

static void test_other_heads(void **state) {
  first_of(*state, ALB_OP_ATTENTION)->heads = 4;
  assert_no_encoder(*state, "heads");
}

static void test_other_eps(void **state) {
  first_of(*state, ALB_OP_LAYER_NORM)->eps = 1e-3f;
  assert_no_encoder(*state, "epsilon");
}

static void test_other_activation(void **state) {
  first_of(*state, ALB_OP_ACTIVATION)->activation = ALB_ACT_RELU;
  assert_no_encoder(*state, "activation");
}

/* A residual that goes around the wrong thing. */
static void test_other_residual(void **state) {
  fixture *f = *state;
  size_t i = 0;
  while (node_at(f, i)->op != ALB_OP_ATTENTION) i++;
  while (node_at(f, i)->op != ALB_OP_ADD) i++;
  alb_node_operands(node_at(f, i))[1] = node_at(f, i)->operands[0];
  assert_no_encoder(f, "residual");
}

static void test_swapped_tables(void **state) {
  fixture *f = *state;
  alb_node_operands(node_at(f, 0))[0] = alb_value(1);
  assert_no_encoder(f, "embedding");
}

static void test_unknown_function(void **state) {
  fixture *f = *state;
  const alb_type hidden = {.dtype = ALB_F32, .rank = 2, .dims = {ALB_DIM_TOKENS, HIDDEN}};
  uint32_t id;
  assert_ok(&f->diag, alb_graph_add_function(&f->diag, &f->graph, "translate", &hidden, 1, &id));
  assert_no_encoder(f, "translate");
}

/* ---- slices ---- */

static void test_slices_share(void **state) {
  fixture *f = *state;
  uint32_t a, b, word = f->spec.global[ALB_ROLE_WORD];
  assert_ok(&f->diag, alb_tensors_slice(&f->diag, &f->tensors, ALB_STR("a"), word, 1, 3, &a));
  assert_ok(&f->diag, alb_tensors_slice(&f->diag, &f->tensors, ALB_STR("b"), word, 1, 3, &b));
  assert_int_equal(f->tensors.tensors.items[a].blob, f->tensors.tensors.items[b].blob);
  assert_int_equal(f->tensors.tensors.items[a].dims[0], 3);
  float all[10], part[6];
  assert_ok(&f->diag, alb_blob_f32(&f->diag, &f->tensors, f->tensors.tensors.items[word].blob, all));
  assert_ok(&f->diag, alb_blob_f32(&f->diag, &f->tensors, f->tensors.tensors.items[a].blob, part));
  assert_memory_equal(part, all + 2, sizeof part);
}

static void test_slice_of_int8(void **state) {
  fixture *f = *state;
  uint32_t word = f->spec.global[ALB_ROLE_WORD], part;
  const uint32_t blob = f->tensors.tensors.items[word].blob;
  alb_blob recipe = {.kind = ALB_BLOB_QUANT,
                     .dtype = ALB_I8,
                     .elements = 10,
                     .rows = 5,
                     .columns = 2,
                     .inputs = &blob,
                     .input_count = 1};
  alb_tensor *t = &f->tensors.tensors.items[word];
  t->dtype = ALB_I8;
  assert_ok(&f->diag, alb_tensors_recipe(&f->diag, &f->tensors, &recipe, &t->blob));
  recipe.kind = ALB_BLOB_SCALE;
  recipe.dtype = ALB_F32;
  recipe.elements = 5;
  assert_ok(&f->diag, alb_tensors_recipe(&f->diag, &f->tensors, &recipe, &f->tensors.tensors.items[word].scale_blob));
  assert_ok(&f->diag, alb_tensors_slice(&f->diag, &f->tensors, ALB_STR("part"), word, 2, 3, &part));
  int8_t all[10], some[6];
  float scales[5], few[3];
  const alb_tensor whole = f->tensors.tensors.items[word], cut = f->tensors.tensors.items[part];
  assert_ok(&f->diag, alb_blob_materialize(&f->diag, &f->tensors, whole.blob, all));
  assert_ok(&f->diag, alb_blob_materialize(&f->diag, &f->tensors, cut.blob, some));
  assert_ok(&f->diag, alb_blob_materialize(&f->diag, &f->tensors, whole.scale_blob, scales));
  assert_ok(&f->diag, alb_blob_materialize(&f->diag, &f->tensors, cut.scale_blob, few));
  assert_memory_equal(some, all + 4, sizeof some);
  assert_memory_equal(few, scales + 2, sizeof few);
}

static void test_slice_too_far(void **state) {
  fixture *f = *state;
  uint32_t id;
  assert_int_equal(alb_tensors_slice(NULL, &f->tensors, ALB_STR("a"), f->spec.global[ALB_ROLE_WORD], 4, 2, &id),
                   ALB_INTERNAL);
  assert_int_equal(
      alb_tensors_slice(NULL, &f->tensors, ALB_STR("a"), f->spec.global[ALB_ROLE_WORD], UINT64_MAX, 2, &id),
      ALB_INTERNAL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_as_built, setup, teardown),
      cmocka_unit_test_setup_teardown(test_after_passes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_after_plain_passes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_heads, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_eps, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_activation, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_residual, setup, teardown),
      cmocka_unit_test_setup_teardown(test_swapped_tables, setup, teardown),
      cmocka_unit_test_setup_teardown(test_unknown_function, setup, teardown),
      cmocka_unit_test_setup_teardown(test_slices_share, setup, teardown),
      cmocka_unit_test_setup_teardown(test_slice_of_int8, setup, teardown),
      cmocka_unit_test_setup_teardown(test_slice_too_far, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
