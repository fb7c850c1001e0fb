/* Classes of a model's heads: labels, and how logits become scores. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "albert.h"
#include "tests/support/tiny_encoder.h"

enum { CLASSES = 24 }; /* the pooler's width, which stands for a head here */
#define TEXT(text) ((char *)(uintptr_t)(text))

/* A model whose function `from` is called `head`, opened; the file is gone at once. */
static alb_status open_renamed(const char *from, const char *head, size_t labels, const char *class_score,
                               alb_model **model, alb_error *error) {
  char path[] = "/tmp/alb-classes-XXXXXX";
  alb_diag diag = {0};
  enc e = {0};
  enc_make(&e, &enc_small);
  for (size_t i = 0; i < e.manifest->n_functions; i++) {
    if (strcmp(e.manifest->functions[i]->name, from) == 0) e.manifest->functions[i]->name = TEXT(head);
  }
  e.manifest->n_labels = labels;
  e.manifest->labels = ALB_NEW_ARRAY(&e.arena, char *, labels);
  for (size_t i = 0; i < labels; i++) e.manifest->labels[i] = alb_arena_printf(&e.arena, "class %zu", i);
  e.manifest->config->class_score = TEXT(class_score);
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  (void)close(fd);
  (void)unlink(path);
  assert_int_equal(enc_write(&e, &diag, path), ALB_OK);
  const alb_status status = alb_model_open(path, NULL, model, error);
  (void)unlink(path);
  enc_free(&e);
  alb_diag_free(&diag);
  return status;
}

static alb_status open_model(const char *head, size_t labels, const char *class_score, alb_model **model,
                             alb_error *error) {
  return open_renamed("pooler", head, labels, class_score, model, error);
}

static void test_labels(void **state) {
  (void)state;
  alb_model *model = NULL;
  alb_error error;
  assert_int_equal(open_model("classify", CLASSES, "", &model, &error), ALB_OK);
  assert_int_equal(alb_model_classes(model), CLASSES);
  assert_string_equal(alb_model_label(model, 0), "class 0");
  assert_string_equal(alb_model_label(model, CLASSES - 1), "class 23");
  assert_string_equal(alb_model_label(model, CLASSES), "");
  alb_model_free(model);
  assert_int_equal(open_model("pooler", 3, "", &model, &error), ALB_OK); /* labels of a model without classes */
  assert_int_equal(alb_model_classes(model), 0);
  assert_string_equal(alb_model_label(model, 0), "");
  alb_model_free(model);
}

static void test_wrong_labels(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    alb_model *model = NULL;
    alb_error error = {""};
    assert_int_equal(open_model("classify", i ? CLASSES + 1 : 0, "", &model, &error), ALB_SHAPE);
    assert_non_null(strstr(error.text, i ? "25 labels for 24 classes" : "0 labels for 24 classes"));
    assert_null(model);
  }
}

/* A function that gives other rows than its name says would be read, or written, past its end. */
static void test_wrong_rows(void **state) {
  static const struct {
    const char *from, *to, *message;
  } cases[] = {{"pooler", "ner", "\"ner\" does not give a row for each token"},
               {"pooler", "qa", "\"qa\" does not give a row for each token"},
               {"mlm", "classify", "\"classify\" does not give a row for each text"},
               {"mlm", "embed2", NULL},
               {"mlm", "ner", "\"ner\" does not give a row for each token"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    alb_model *model = NULL;
    alb_error error = {""};
    const alb_status status = open_renamed(cases[i].from, cases[i].to, CLASSES, "", &model, &error);
    assert_int_equal(status, cases[i].message ? ALB_SHAPE : ALB_OK);
    if (cases[i].message) assert_non_null(strstr(error.text, cases[i].message));
    alb_model_free(model);
  }
}

/* Logits of the masked-language head are of chosen tokens: there is no room for those of all. */
static void test_wrong_inputs(void **state) {
  (void)state;
  char path[] = "/tmp/alb-classes-XXXXXX";
  alb_diag diag = {0};
  alb_model *model = NULL;
  alb_error error = {""};
  enc e = {0};
  enc_make(&e, &enc_small);
  for (size_t i = 0; i < e.manifest->n_functions; i++) {
    if (strcmp(e.manifest->functions[i]->name, "mlm") == 0)
      e.manifest->functions[i]->inputs[0]->dims[0] = ALB_DIM_TOKENS;
  }
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  (void)close(fd);
  (void)unlink(path);
  assert_int_equal(enc_write(&e, &diag, path), ALB_OK);
  assert_int_equal(alb_model_open(path, NULL, &model, &error), ALB_SHAPE);
  assert_non_null(strstr(error.text, "\"mlm\" does not give a row for each chosen token"));
  (void)unlink(path);
  enc_free(&e);
  alb_diag_free(&diag);
}

static void check_scores(const char *stated, const char *said, const float *logits, const float *expected) {
  alb_model *model = NULL;
  alb_error error;
  alb_model_info info = {.size = sizeof info};
  float scores[CLASSES];
  assert_int_equal(open_model("classify", CLASSES, stated, &model, &error), ALB_OK);
  assert_int_equal(alb_model_get_info(model, &info), ALB_OK);
  assert_string_equal(info.class_score, said);
  assert_string_equal(info.rank_score, "none");
  assert_int_equal(alb_scores(model, "classify", logits, scores), ALB_OK);
  for (size_t i = 0; i < CLASSES; i++) assert_true(fabsf(scores[i] - expected[i]) <= 1e-6f);
  assert_int_equal(alb_scores(model, NULL, logits, scores), ALB_ARGUMENT);
  alb_model_free(model);
}

static void test_scores(void **state) {
  (void)state;
  float logits[CLASSES], soft[CLASSES], sigmoid[CLASSES];
  double total = 0;
  for (size_t i = 0; i < CLASSES; i++) {
    logits[i] = (float)i / 3 - 4;
    total += exp((double)logits[i]);
  }
  for (size_t i = 0; i < CLASSES; i++) {
    soft[i] = (float)(exp((double)logits[i]) / total);
    sigmoid[i] = (float)(1 / (1 + exp(-(double)logits[i])));
  }
  check_scores("", "softmax", logits, soft);
  check_scores("softmax", "softmax", logits, soft);
  check_scores("sigmoid", "sigmoid", logits, sigmoid);
  check_scores("none", "none", logits, logits);
}

/* Large logits give probabilities all the same. */
static void test_large_logits(void **state) {
  (void)state;
  float logits[CLASSES] = {1e30f}, expected[CLASSES] = {1};
  check_scores("softmax", "softmax", logits, expected);
  for (size_t i = 0; i < CLASSES; i++) {
    logits[i] = i % 2 ? 1e30f : -1e30f;
    expected[i] = (float)(i % 2);
  }
  check_scores("sigmoid", "sigmoid", logits, expected);
}

static void test_heads_that_are_not_there(void **state) {
  (void)state;
  alb_model *model = NULL;
  alb_session *session = NULL;
  alb_error error;
  alb_entities entities;
  alb_answer answer;
  const alb_text text = {.text = "a", .length = 1}, pair = {"a", 1, "b", 1};
  assert_int_equal(open_model("pooler", 0, "", &model, &error), ALB_OK);
  assert_int_equal(alb_session_new(model, NULL, &session, &error), ALB_OK);
  assert_int_equal(alb_find_entities(session, &text, &entities, &error), ALB_UNSUPPORTED);
  assert_non_null(strstr(error.text, "no token classification head"));
  assert_int_equal(alb_find_entities(session, &pair, &entities, &error), ALB_ARGUMENT);
  assert_int_equal(alb_answer_question(session, &pair, &answer, &error), ALB_UNSUPPORTED);
  assert_non_null(strstr(error.text, "no question answering head"));
  assert_int_equal(alb_answer_question(session, &text, &answer, &error), ALB_ARGUMENT);
  assert_int_equal(alb_answer_question(NULL, &pair, &answer, NULL), ALB_ARGUMENT);
  alb_session_free(session);
  alb_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_wrong_labels),
      cmocka_unit_test(test_wrong_rows),
      cmocka_unit_test(test_wrong_inputs),
      cmocka_unit_test(test_scores),
      cmocka_unit_test(test_large_logits),
      cmocka_unit_test(test_heads_that_are_not_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
