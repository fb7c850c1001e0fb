/* Choosing by measured damage: partitions against all partitions, choices against all choices, of a model whose bytes
 * and damages are known. */
#include "tune/choose.h"

#include <math.h>

#include "base/random.h"
#include "tests/support/check.h"
#include "tune/choose_groups.h"

enum { LAYERS = 6, SPLITS = 1 << (LAYERS - 1) };

static double part(uint64_t *state) {
  return (double)(alb_random_next(state) >> 11) / 9007199254740992.0;
}

/* Bit l - 1 of `splits`: a group begins at layer l. */
static size_t starts_of(unsigned splits, size_t layers, size_t *first) {
  size_t count = 0;
  for (size_t l = 0; l < layers; l++) {
    if (!l || (splits >> (l - 1) & 1)) first[count++] = l;
  }
  return count;
}

static double sum_of(const double *cost, size_t layers, const size_t *first, size_t count) {
  double sum = 0;
  for (size_t g = 0; g < count; g++) {
    const size_t last = (g + 1 < count ? first[g + 1] : layers) - 1;
    sum += cost[first[g] * layers + last];
  }
  return sum;
}

/* Costs of single layers are 0; of longer ranges anything. */
static void fill_cost(uint64_t *state, double *cost, size_t layers) {
  for (size_t i = 0; i < layers * layers; i++) cost[i] = i % layers > i / layers ? part(state) : 0;
}

static void test_partitions(void **state) {
  (void)state;
  uint64_t random = 7;
  for (size_t n = 1; n <= 8; n++) {
    double cost[64], damage[8], least[8];
    size_t first[64], starts[8];
    fill_cost(&random, cost, n);
    assert_true(alb_partitions_best(cost, n, damage, first));
    for (size_t k = 0; k < n; k++) least[k] = INFINITY;
    for (unsigned splits = 0; splits < 1u << (n - 1); splits++) {
      const size_t count = starts_of(splits, n, starts);
      least[count - 1] = fmin(least[count - 1], sum_of(cost, n, starts, count));
    }
    for (size_t k = 1; k <= n; k++) {
      assert_true(fabs(damage[k - 1] - least[k - 1]) < 1e-12);
      assert_true(fabs(sum_of(cost, n, first + (k - 1) * n, k) - damage[k - 1]) < 1e-12);
      assert_int_equal(first[(k - 1) * n], 0);
    }
  }
}

static void test_text(void **state) {
  (void)state;
  alb_arena arena = {0};
  assert_string_equal(alb_groups_text(&arena, (const size_t[]){0, 1, 3, 4}, 4, 6), "0,1-2,3,4-5");
  assert_string_equal(alb_groups_text(&arena, (const size_t[]){0}, 1, 12), "0-11");
  assert_string_equal(alb_groups_text(&arena, (const size_t[]){0, 9}, 2, 11), "0-8,9-10");
  alb_arena_free(&arena);
}

/* ---- a model that is known ---- */

typedef struct known {
  double cost[2][LAYERS * LAYERS];
  uint32_t map[2][LAYERS];
  double beyond; /* damage of two things together, for each of both */
  size_t made;
  alb_status status;
} known;

/* Bits of an element and damage. */
static const struct {
  alb_dtype type;
  double bits, matrices, tables;
} types[] = {{ALB_F32, 32, 0, 0},       {ALB_F16, 16, 1e-7, 1e-8}, {ALB_I8, 8.25, 1e-4, 2e-5},
             {ALB_I6, 6.5, 2e-3, 1e-4}, {ALB_I5, 5.5, 7e-3, 4e-4}, {ALB_I4, 4.5, 3e-2, 2e-3}};

static size_t type_of(alb_dtype type) {
  size_t i = 0;
  while (types[i].type != type) i++;
  return i;
}

/* Sets of a block, with the damage of its groups. */
static size_t sets_of(const known *k, const alb_choice *choice, bool ffn, double *damage) {
  const alb_share_facts *facts = alb_share_info(choice->mode);
  const alb_group_options options = {.spec = choice->groups};
  alb_arena arena = {0};
  alb_diag diag = {0};
  alb_groups groups;
  size_t sets = 0;
  for (size_t l = 0; l < LAYERS; l++) sets += k->map[ffn][l] == l || choice->mode == ALB_SHARE_NONE;
  if (!(ffn ? facts->ffn : facts->attention)) return sets;
  assert_ok(&diag, alb_groups_parse(&diag, &arena, &options, LAYERS, &groups));
  for (size_t a = 0, b; a < LAYERS; a = b + 1) {
    for (b = a; b + 1 < LAYERS && groups.group_of[b + 1] == groups.group_of[a];) b++;
    *damage += k->cost[ffn][a * LAYERS + b];
  }
  sets = groups.count;
  alb_arena_free(&arena);
  return sets;
}

static void compute(const known *k, const alb_choice *choice, alb_choice_made *out) {
  const size_t m = type_of(choice->dtype), t = type_of(choice->tables);
  double fold = 0;
  const double sets = (double)sets_of(k, choice, false, &fold) + 2 * (double)sets_of(k, choice, true, &fold);
  const double rounding = types[m].matrices + types[t].tables;
  out->blocks = (uint64_t)(sets * types[m].bits * 1000 / 8);
  out->bytes = out->blocks + (uint64_t)(types[t].bits * 10000 / 8) + 777;
  out->cosine = exp(-(fold + rounding + k->beyond * fold * rounding));
}

static alb_status make(alb_diag *diag, void *context, const alb_choice *choice, alb_choice_depth depth,
                       alb_choice_made *out) {
  known *k = context;
  (void)diag;
  compute(k, choice, out);
  k->made += depth != ALB_CHOICE_BYTES;
  return k->status;
}

/* Layers that have little in common; `equal`: of which the first are one. */
static void fill_known(known *k, uint64_t seed, size_t equal) {
  *k = (known){0};
  for (int b = 0; b < 2; b++) {
    for (size_t a = 0; a < LAYERS; a++) {
      k->map[b][a] = a < equal ? 0 : (uint32_t)a;
      for (size_t l = a + 1; l < LAYERS; l++) {
        k->cost[b][a * LAYERS + l] = l < equal ? 0 : 0.001 * (double)(l - a) * (1 + 20 * part(&seed));
      }
    }
  }
}

static alb_choose_model model_of(known *k) {
  return (alb_choose_model){make, k, LAYERS, k->map[0], k->map[1], ALB_F32, ALB_F32};
}

static void take_better(const known *k, const alb_choice *choice, const alb_choose_goal *goal, alb_choice_made *best,
                        bool *found) {
  alb_choice_made made;
  compute(k, choice, &made);
  if ((goal->budget && made.bytes > goal->budget) || made.cosine < goal->min_cosine) return;
  if (!*found || alb_choose_better(goal, &made, best)) *best = made;
  *found = true;
}

/* Of all choices there are: every mode, every partition, every two types. */
static bool best_of_all(const known *k, bool sharing, const alb_choose_goal *goal, alb_choice_made *best) {
  static const alb_share_mode modes[] = {ALB_SHARE_ATTENTION, ALB_SHARE_FFN, ALB_SHARE_ALL};
  size_t first[LAYERS];
  bool found = false;
  alb_arena arena = {0};
  for (size_t m = 0; m < sizeof types / sizeof *types; m++) {
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
      alb_choice choice = {ALB_SHARE_EXACT, NULL, types[m].type, types[t].type};
      if (!sharing) take_better(k, &choice, goal, best, &found);
      for (unsigned splits = 0; sharing && splits + 1 < SPLITS; splits++) {
        const size_t count = starts_of(splits, LAYERS, first);
        choice.groups = alb_groups_text(&arena, first, count, LAYERS);
        for (size_t i = 0; i < 3; i++) {
          choice.mode = modes[i];
          take_better(k, &choice, goal, best, &found);
        }
      }
    }
  }
  alb_arena_free(&arena);
  return found;
}

static void check_goal(known *k, alb_chooser *chooser, bool sharing, uint64_t budget, double min_cosine) {
  const alb_choose_goal goal = {budget, min_cosine};
  alb_diag diag = {0};
  alb_choice_made best = {0};
  alb_chosen chosen;
  assert_ok(&diag, alb_choose(&diag, chooser, sharing, &goal, &chosen));
  assert_int_equal(chosen.found, best_of_all(k, sharing, &goal, &best));
  assert_true(chosen.any);
  if (!chosen.found) return;
  assert_int_equal(chosen.made.bytes, best.bytes);
  assert_true(fabs(chosen.made.cosine - best.cosine) < 1e-12);
}

/* Where damages add up, as predicted, the search finds what trying everything finds. */
static void test_additive(void **state) {
  (void)state;
  static const uint64_t budgets[] = {7000, 9000, 12000, 16000, 20000, 30000, 45000, 60000, 100000, 200000};
  static const double cosines[] = {0.5, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 0.9999, 1};
  for (uint64_t seed = 1; seed <= 8; seed++) {
    known k;
    alb_diag diag = {0};
    alb_chooser *chooser = NULL;
    fill_known(&k, seed, 0);
    const alb_choose_model model = model_of(&k);
    assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
    assert_in_range(k.made, 1, 2 * LAYERS * (LAYERS - 1) / 2 + 10);
    for (int sharing = 0; sharing < 2; sharing++) {
      for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) check_goal(&k, chooser, sharing, budgets[i], -1);
      for (size_t i = 0; i < sizeof cosines / sizeof *cosines; i++) check_goal(&k, chooser, sharing, 0, cosines[i]);
      check_goal(&k, chooser, sharing, 12000, 0.95);
      check_goal(&k, chooser, sharing, 12000, 0.999);
    }
    alb_chooser_free(chooser);
  }
}

/* Where they do not, what is chosen was measured, and meets the goal. */
static void test_measured(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++) {
    known k;
    alb_diag diag = {0};
    alb_chooser *chooser = NULL;
    alb_chosen chosen;
    alb_choice_made made;
    fill_known(&k, seed, 0);
    k.beyond = 50;
    const alb_choose_model model = model_of(&k);
    const alb_choose_goal goal = {0, 0.95};
    assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
    const size_t guides = k.made;
    assert_ok(&diag, alb_choose(&diag, chooser, true, &goal, &chosen));
    assert_true(chosen.found && chosen.made.cosine >= 0.95);
    compute(&k, &chosen.choice, &made);
    assert_int_equal(made.bytes, chosen.made.bytes);
    assert_in_range(k.made - guides, 1, 16);
    assert_ok(&diag, alb_choose(&diag, chooser, true, &goal, &chosen)); /* knows more now */
    assert_true(chosen.found && chosen.made.cosine >= 0.95 && chosen.made.bytes <= made.bytes);
    alb_chooser_free(chooser);
  }
}

/* Ranges that hold a hopeless one are not measured. */
static void test_hopeless(void **state) {
  (void)state;
  known k;
  alb_diag diag = {0};
  alb_chooser *chooser = NULL;
  fill_known(&k, 1, 0);
  for (size_t l = 0; l + 1 < LAYERS; l++) k.cost[0][l * LAYERS + l + 1] = k.cost[1][l * LAYERS + l + 1] = 2;
  const alb_choose_model model = model_of(&k);
  assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
  assert_int_equal(k.made, 10 + 2 * (LAYERS - 1)); /* number types, and pairs of layers */
  alb_chooser_free(chooser);
}

/* Nothing meets the goal: the smallest, or the truest that fits. */
static void test_none(void **state) {
  (void)state;
  known k;
  alb_diag diag = {0};
  alb_chooser *chooser = NULL;
  alb_chosen chosen;
  fill_known(&k, 3, 0);
  const alb_choose_model model = model_of(&k);
  assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
  assert_ok(&diag, alb_choose(&diag, chooser, false, &(alb_choose_goal){100, -1}, &chosen));
  assert_true(!chosen.found && chosen.any);
  assert_int_equal(chosen.choice.dtype, ALB_I4);
  assert_int_equal(chosen.choice.tables, ALB_I4);
  assert_ok(&diag, alb_choose(&diag, chooser, true, &(alb_choose_goal){100, -1}, &chosen));
  assert_true(!chosen.found && chosen.any);
  assert_string_equal(chosen.choice.groups, "0-5");
  assert_int_equal(chosen.choice.mode, ALB_SHARE_ALL);
  assert_ok(&diag, alb_choose(&diag, chooser, false, &(alb_choose_goal){30000, 0.99999}, &chosen));
  assert_true(!chosen.found && chosen.any && chosen.made.bytes <= 30000 && chosen.made.cosine < 0.99999);
  alb_chooser_free(chooser);
}

/* Layers that are equal share without loss; with sharing forbidden they are as many as they look. */
static void test_equal(void **state) {
  (void)state;
  known k;
  alb_diag diag = {0};
  alb_chooser *chooser = NULL;
  alb_chosen sharing, plain;
  fill_known(&k, 1, LAYERS);
  const alb_choose_model model = model_of(&k);
  const alb_choose_goal goal = {60000, -1};
  assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
  assert_int_equal(k.made, 10); /* number types only */
  assert_ok(&diag, alb_choose(&diag, chooser, true, &goal, &sharing));
  assert_ok(&diag, alb_choose(&diag, chooser, false, &goal, &plain));
  assert_true(sharing.found && plain.found);
  assert_int_equal(sharing.choice.mode, ALB_SHARE_EXACT);
  assert_int_equal(sharing.choice.dtype, ALB_F32);
  assert_int_equal(plain.choice.mode, ALB_SHARE_NONE);
  assert_true(alb_choose_better(&goal, &sharing.made, &plain.made));
  assert_false(alb_choose_better(&goal, &plain.made, &sharing.made));
  alb_chooser_free(chooser);
}

/* No layers that are known: nothing to share, and one row only. */
static void test_no_layers(void **state) {
  (void)state;
  known k;
  alb_diag diag = {0};
  alb_chooser *chooser = NULL;
  alb_chosen chosen;
  fill_known(&k, 1, 0);
  alb_choose_model model = model_of(&k);
  model.layers = 0;
  assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
  assert_ok(&diag, alb_choose(&diag, chooser, true, &(alb_choose_goal){60000, -1}, &chosen));
  assert_false(chosen.any || chosen.found);
  assert_ok(&diag, alb_choose(&diag, chooser, false, &(alb_choose_goal){60000, -1}, &chosen));
  assert_true(chosen.found);
  alb_chooser_free(chooser);
}

static void test_failure(void **state) {
  (void)state;
  known k;
  alb_diag diag = {0};
  alb_chooser *chooser = NULL;
  alb_chosen chosen;
  fill_known(&k, 1, 0);
  const alb_choose_model model = model_of(&k);
  k.status = ALB_IO;
  assert_int_equal(alb_chooser_new(&diag, &model, &chooser), ALB_IO);
  assert_null(chooser);
  k.status = ALB_OK;
  assert_ok(&diag, alb_chooser_new(&diag, &model, &chooser));
  k.status = ALB_IO;
  assert_int_equal(alb_choose(&diag, chooser, true, &(alb_choose_goal){60000, -1}, &chosen), ALB_IO);
  alb_chooser_free(chooser);
  alb_chooser_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_partitions), cmocka_unit_test(test_text),      cmocka_unit_test(test_additive),
      cmocka_unit_test(test_measured),   cmocka_unit_test(test_hopeless),  cmocka_unit_test(test_none),
      cmocka_unit_test(test_equal),      cmocka_unit_test(test_no_layers), cmocka_unit_test(test_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
