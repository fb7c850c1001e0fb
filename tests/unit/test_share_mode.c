/* Sharing modes by name, and groups of layers: what can be written, what is refused. */
#include "passes/pass.h"
#include "tests/support/check.h"

static void test_names(void **state) {
  (void)state;
  for (unsigned i = 0; i < ALB_SHARE_COUNT; i++) {
    assert_int_equal(alb_share_by_name(alb_str_of(alb_share_info((alb_share_mode)i)->name)), i);
  }
  assert_int_equal(alb_share_by_name(ALB_STR("al")), ALB_SHARE_COUNT);
  assert_int_equal(alb_share_by_name(ALB_STR("")), ALB_SHARE_COUNT);
  const alb_share_facts *ffn = alb_share_info(ALB_SHARE_FFN);
  assert_true(ffn->ffn && !ffn->attention);
  assert_int_equal(ALB_SHARE_EXACT, 0); /* the default of options that are zero */
}

/* expected: one digit a layer, its group. */
static void check_kept(const char *spec, size_t first, size_t last, const char *expected, size_t count) {
  const alb_group_options options = {spec, first, last};
  alb_arena arena = {0};
  alb_diag diag = {0};
  alb_groups groups;
  assert_ok(&diag, alb_groups_parse(&diag, &arena, &options, strlen(expected), &groups));
  assert_int_equal(groups.layers, strlen(expected));
  assert_int_equal(groups.count, count);
  for (size_t l = 0; l < groups.layers; l++) assert_int_equal(groups.group_of[l], expected[l] - '0');
  alb_arena_free(&arena);
}

static void check_groups(const char *spec, const char *expected, size_t count) {
  check_kept(spec, 0, 0, expected, count);
}

static void test_kept(void **state) {
  (void)state;
  check_kept(NULL, 1, 0, "011111", 2);
  check_kept(NULL, 0, 2, "222201", 3);
  check_kept(NULL, 1, 1, "022221", 3);
  check_kept("2", 1, 1, "022331", 4);
  check_kept("1-2,3-4", 1, 1, "022331", 4);
  check_kept(NULL, 2, 3, "015234", 6);
}

static void test_good(void **state) {
  (void)state;
  check_groups(NULL, "000000", 1);
  check_groups("1", "000000", 1);
  check_groups("2", "000111", 2);
  check_groups("3", "001122", 3);
  check_groups("4", "001223", 4);
  check_groups("6", "012345", 6);
  check_groups("0-2,3-5", "000111", 2);
  check_groups("3-5,0-2", "111000", 2);
  check_groups("0,1-3,4,5", "011123", 4);
  check_groups("0-0", "0", 1);
  check_groups("1", "0", 1);
  check_groups(NULL, "", 0);
  check_groups("2", "", 0); /* a graph without layers has nothing to group */
}

static void test_bad(void **state) {
  (void)state;
  static const struct {
    const char *spec, *message;
  } bad[] = {
      {"", "expected a layer number"},
      {"x", "expected a layer number"},
      {"-1", "expected a layer number"},
      {" 2", "expected a layer number"},
      {"0", "0 groups of 6 layers"},
      {"7", "7 groups of 6 layers"},
      {"99999999999999999999", "expected a layer number"},
      {"0-2", "layer 3 stands in no group"},
      {"1-5,", "expected a layer number"},
      {"0-5,", "expected a layer number"},
      {"0-2,2-5", "layer 2 stands in two groups"},
      {"0-2,3-6", "3-6 is not within layers 0-5"},
      {"0-99999999999,3", "expected a layer number"},
      {"5-0", "5-0 is not within layers 0-5"},
      {"0-2 3-5", "cannot read \" 3-5\""},
      {"0-2;3-5", "cannot read \";3-5\""},
      {"0-", "expected a layer number"},
  };
  alb_arena arena = {0};
  alb_diag diag = {0};
  alb_groups groups;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_refused(&diag, alb_groups_parse(&diag, &arena, &(alb_group_options){.spec = bad[i].spec}, 6, &groups),
                   ALB_USAGE, bad[i].message);
  }
  static const struct {
    alb_group_options options;
    const char *message;
  } kept[] = {
      {{NULL, 6, 0}, "no layer of 6 is left"},        {{NULL, 3, 3}, "no layer of 6 is left"},
      {{NULL, SIZE_MAX, 2}, "no layer of 6 is left"}, {{NULL, 2, SIZE_MAX}, "no layer of 6 is left"},
      {{"5", 1, 1}, "5 groups of 4 layers"},          {{"0-4", 1, 1}, "layer 0 stands in two groups, or is kept"},
      {{"1-3", 1, 1}, "layer 4 stands in no group"},
  };
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
    assert_refused(&diag, alb_groups_parse(&diag, &arena, &kept[i].options, 6, &groups), ALB_USAGE, kept[i].message);
  }
  alb_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_good),
      cmocka_unit_test(test_kept),
      cmocka_unit_test(test_bad),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
