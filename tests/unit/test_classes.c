/* What config.json says of a classifier: labels, and how logits become scores. */
#include "converter/classes.h"

#include "tests/support/check.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  json_t *json;
  alb_classes classes;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  json_decref(f->json);
  free(f);
  return 0;
}

static alb_status read(fixture *f, const char *text, uint32_t classes, bool of_texts) {
  json_decref(f->json);
  f->json = json_loads(text, JSON_ALLOW_NUL, NULL);
  assert_non_null(f->json);
  return alb_classes_read(&f->diag, &f->arena, f->json, classes, of_texts, &f->classes);
}

static void test_labels(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, read(f, "{\"id2label\":{\"1\":\"b\",\"0\":\"a\"},\"num_labels\":2}", 2, true));
  assert_int_equal(f->classes.count, 2);
  assert_string_equal(f->classes.labels[0], "a");
  assert_string_equal(f->classes.labels[1], "b");
  assert_ok(&f->diag, read(f, "{}", 2, false));
  assert_string_equal(f->classes.labels[1], "LABEL_1");
  assert_string_equal(f->classes.class_score, "");
  /* without a classifier nothing is refused */
  assert_ok(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\",\"5\":\"b\"},\"num_labels\":7}", 0, true));
  assert_int_equal(f->classes.count, 0);
}

/* As old checkpoints have it. */
static void test_number_beside_labels(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\",\"1\":\"b\"},\"num_labels\":3}", 3, true));
  assert_int_equal(f->classes.count, 3);
  assert_string_equal(f->classes.labels[0], "LABEL_0");
  assert_ok(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\",\"1\":\"b\"},\"num_labels\":3}", 2, true));
  assert_string_equal(f->classes.labels[0], "a");
}

static void test_wrong_labels(void **state) {
  fixture *f = *state;
  assert_refused(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\",\"1\":\"b\"}}", 3, true), ALB_SHAPE,
                 "\"id2label\" states 2 classes, the classifier has 3");
  assert_refused(&f->diag, read(f, "{\"num_labels\":5}", 3, true), ALB_SHAPE, "\"num_labels\" states 5 classes");
  assert_refused(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\",\"2\":\"b\"}}", 2, true), ALB_MALFORMED,
                 "\"id2label\" has no text for class 1 of 2");
  assert_refused(&f->diag, read(f, "{\"id2label\":{\"0\":\"a\\u0000b\"}}", 1, true), ALB_MALFORMED, "class 0 of 1");
}

static void test_scores(void **state) {
  static const struct {
    const char *json;
    uint32_t classes;
    const char *class_score, *rank_score;
  } cases[] = {
      {"{}", 3, "softmax", "none"},
      {"{}", 1, "sigmoid", "sigmoid"},
      {"{\"problem_type\":null}", 2, "softmax", "none"},
      {"{\"problem_type\":\"multi_label_classification\"}", 3, "sigmoid", "none"},
      {"{\"problem_type\":\"single_label_classification\"}", 1, "sigmoid", "sigmoid"},
      {"{\"problem_type\":\"regression\"}", 1, "none", "sigmoid"},
      {"{\"sentence_transformers\":{\"activation_fn\":\"torch.nn.modules.linear.Identity\"}}", 1, "sigmoid", "none"},
      {"{\"sbert_ce_default_activation_function\":\"torch.nn.modules.activation.Sigmoid\"}", 1, "sigmoid", "sigmoid"},
  };
  fixture *f = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_ok(&f->diag, read(f, cases[i].json, cases[i].classes, true));
    assert_string_equal(f->classes.class_score, cases[i].class_score);
    assert_string_equal(f->classes.rank_score, cases[i].rank_score);
  }
}

static void test_wrong_scores(void **state) {
  fixture *f = *state;
  assert_refused(&f->diag, read(f, "{\"problem_type\":\"guess\"}", 2, true), ALB_MALFORMED,
                 "\"problem_type\" is \"guess\"");
  assert_refused(&f->diag, read(f, "{\"problem_type\":3}", 2, true), ALB_MALFORMED, "\"problem_type\"");
  assert_refused(&f->diag, read(f, "{\"sentence_transformers\":{\"activation_fn\":\"torch.nn.Tanh\"}}", 1, true),
                 ALB_UNSUPPORTED, "\"torch.nn.Tanh\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
      cmocka_unit_test_setup_teardown(test_number_beside_labels, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wrong_labels, setup, teardown),
      cmocka_unit_test_setup_teardown(test_scores, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wrong_scores, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
