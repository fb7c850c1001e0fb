/* Loss and gradients against PyTorch's autograd: tests/tune/gradients, made by tests/tune/make_gradients.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "converter/model_load.h"
#include "tests/support/check.h"
#include "tune/backward.h"
#include "tune/loss.h"

enum { TEXTS = 3, TOKENS = 20, ROOM = 1 << 14 };

static const uint32_t lengths[TEXTS] = {7, 1, 12};

typedef struct fixture {
  alb_diag diag;
  alb_loaded loaded;
  alb_tune_encoder encoder;
  alb_tune_run student, teacher;
  alb_tune_back back;
  alb_tune_head head;
  alb_pooling pooling;
  int32_t ids[TOKENS], types[TOKENS], positions[TOKENS];
  float **dstate, *states, *gradients;
} fixture;

static alb_sequences batch_of(fixture *f) {
  const alb_encoder_config *config = &f->loaded.spec.config;
  int32_t at = 0;
  for (int s = 0; s < TEXTS; s++)
    for (int32_t i = 0; i < (int32_t)lengths[s]; i++, at++) {
      f->ids[at] = (at * 7 + 3) % (int32_t)config->vocab;
      f->types[at] = (at % 3 == 0) % (int32_t)config->type_vocab;
      f->positions[at] = i;
    }
  return (alb_sequences){TEXTS, TOKENS, lengths, f->ids, f->types, f->positions};
}

/* As made_up of the script. */
static void make_up(uint32_t state, size_t count, float *out) {
  for (size_t i = 0; i < count; i++)
    out[i] = (float)(((uint32_t)(i + 1000003u * state + 1) * 2654435761u) >> 8) / 8388608.0f - 1.0f;
}

static void open_model(fixture *f, const char *model, const char *pooling, const char *head) {
  char path[128];
  bool found = true;
  (void)snprintf(path, sizeof path, "tests/e2e/models/%s", model);
  assert_ok(&f->diag, alb_model_load(&f->diag, path, &f->loaded));
  assert_ok(&f->diag, alb_tune_encoder_load(&f->diag, &f->loaded.spec, true, &f->encoder));
  f->pooling = alb_pooling_by_name(alb_str_of(pooling));
  const bool independent = strcmp(head, "independent") == 0;
  const alb_head kind = alb_head_by_function(independent ? ALB_FN_CLASSIFY : head);
  if (kind != ALB_HEAD_COUNT)
    assert_ok(&f->diag, alb_tune_head_load(&f->diag, &f->loaded.spec, kind, independent, &f->head, &found));
  assert_true(found);
}

static void make_runs(fixture *f) {
  const uint32_t layers = f->encoder.config.layers;
  const size_t state = TOKENS * (size_t)f->encoder.config.hidden;
  assert_ok(&f->diag, alb_tune_run_new(&f->diag, &f->encoder, TOKENS, true, &f->student));
  assert_ok(&f->diag, alb_tune_run_new(&f->diag, &f->encoder, TOKENS, true, &f->teacher));
  assert_ok(&f->diag, alb_tune_back_new(&f->diag, &f->encoder, &f->student, &f->back));
  f->dstate = calloc(layers + 1, sizeof *f->dstate);
  f->states = calloc(layers * state, sizeof *f->states);
  f->gradients = calloc(f->encoder.total, sizeof *f->gradients);
  assert_true(f->dstate && f->states && f->gradients);
  for (uint32_t l = 1; l <= layers; l++) {
    f->dstate[l] = f->states + (l - 1) * state;
    make_up(l, state, l < layers ? f->teacher.layer[l].input : f->teacher.hidden);
  }
}

static double find_gradients(fixture *f) {
  const alb_sequences batch = batch_of(f);
  const alb_tune_head *head = f->head.block ? &f->head : NULL;
  alb_tune_goal goal = {.pooling = f->pooling, .head = head};
  static float room[ROOM];
  assert_true(!head || alb_tune_head_room(head, TOKENS) <= ROOM);
  alb_tune_goal_add(&goal, &batch);
  assert_ok(&f->diag, alb_tune_forward(&f->diag, &f->encoder, &batch, &f->student));
  const alb_tune_loss loss = alb_tune_loss_of(&f->encoder, &batch, &goal, &f->student, &f->teacher, f->dstate, room);
  alb_tune_backward(&f->encoder, &batch, &f->student, (const float *const *)f->dstate, true, &f->back, f->gradients);
  return alb_tune_loss_value(&loss);
}

static void close_model(fixture *f) {
  alb_tune_back_free(&f->back);
  alb_tune_run_free(&f->student);
  alb_tune_run_free(&f->teacher);
  alb_tune_encoder_free(&f->encoder);
  alb_tune_head_free(&f->head);
  alb_model_unload(&f->loaded);
  alb_diag_free(&f->diag);
  free(f->dstate);
  free(f->states);
  free(f->gradients);
  *f = (fixture){0};
}

static alb_role role_by_name(const char *name) {
  int r = 0;
  while (r < ALB_ROLE_COUNT && strcmp(alb_role_info((alb_role)r)->name, name) != 0) r++;
  assert_int_not_equal(r, ALB_ROLE_COUNT);
  return (alb_role)r;
}

/* The largest difference, relative to the largest number of the array, or to a hundredth of the largest of all where
 * an array has nothing but rounding (biases of keys). */
static void compare_array(fixture *f, const char *name, uint32_t layer, const float *expected, size_t count,
                          double largest) {
  const alb_role role = role_by_name(name);
  const float *values = alb_tune_value(&f->encoder, role, layer);
  assert_non_null(values);
  const float *found = f->gradients + (values - f->encoder.values);
  double most = 1e-2 * largest, difference = 0;
  for (size_t i = 0; i < count; i++) {
    most = fmax(most, fabs((double)expected[i]));
    difference = fmax(difference, fabs((double)(found[i] - expected[i])));
  }
  if (!(difference <= 2e-5 * most))
    fail_msg("%s of layer %u differs by %g of its largest number %g", name, layer, difference / most, most);
}

static size_t compare_arrays(fixture *f, FILE *lines, const float *expected, size_t total) {
  char name[64];
  unsigned layer;
  size_t offset, count, arrays = 0;
  double largest = 0;
  for (size_t i = 0; i < total; i++) largest = fmax(largest, fabs((double)expected[i]));
  for (; fscanf(lines, "%63s %u %zu %zu\n", name, &layer, &offset, &count) == 4; arrays++) {
    assert_true(offset + count <= total);
    compare_array(f, name, layer, expected + offset, count, largest);
  }
  return arrays;
}

static void check_case(const char *name) {
  fixture f = {0};
  char path[128], model[64], pooling[16], head[16];
  double loss;
  uint8_t *bytes;
  alb_span all;
  (void)snprintf(path, sizeof path, "tests/tune/gradients/%s.txt", name);
  FILE *lines = fopen(path, "r");
  assert_non_null(lines);
  assert_int_equal(fscanf(lines, "case %63s %15s %15s\nloss %lf\n", model, pooling, head, &loss), 4);
  (void)snprintf(path, sizeof path, "tests/tune/gradients/%s.f32", name);
  assert_ok(NULL, alb_file_read(NULL, path, 1 << 20, &bytes, &all));
  open_model(&f, model, pooling, head);
  make_runs(&f);
  const double found = find_gradients(&f);
  if (!(fabs(found - loss) <= 2e-6 * loss)) fail_msg("the loss is %.9g, expected %.9g", found, loss);
  assert_true(compare_arrays(&f, lines, (const float *)bytes, all.n / sizeof(float)) > 10);
  (void)fclose(lines);
  free(bytes);
  close_model(&f);
}

#define CASE(name)                        \
  static void test_##name(void **state) { \
    (void)state;                          \
    check_case(#name);                    \
  }
CASE(bert)
CASE(albert)
CASE(classify)
CASE(multilabel)
CASE(rerank)
CASE(ner)
CASE(qa)

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bert),     cmocka_unit_test(test_albert),
                                     cmocka_unit_test(test_classify), cmocka_unit_test(test_multilabel),
                                     cmocka_unit_test(test_rerank),   cmocka_unit_test(test_ner),
                                     cmocka_unit_test(test_qa)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
