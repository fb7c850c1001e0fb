/* Training: the loss's slope, AdamW's steps, batches, and a student that comes nearer, whatever interrupts it. */
#include "tune/train.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parallel.h"
#include "tests/support/check.h"
#include "tests/support/random_spec.h"
#include "tests/support/tiny_encoder.h"
#include "tune/checkpoint.h"

enum { TEXTS = 40, STATES = SPEC_LAYERS + 1 };

typedef struct fixture {
  random_spec teacher_model, student_model;
  alb_tune_encoder teacher, student;
  uint32_t lengths[TEXTS];
  int32_t ids[TEXTS * 8], types[TEXTS * 8], positions[TEXTS * 8];
  alb_sequences texts;
} fixture;

static void make_texts(fixture *f) {
  size_t n = 0;
  for (size_t i = 0; i < TEXTS; i++) {
    f->lengths[i] = 1 + (uint32_t)(i * 5 % 8);
    for (uint32_t t = 0; t < f->lengths[i]; t++, n++) {
      f->ids[n] = (int32_t)((i * 7 + t * 3) % SPEC_VOCAB);
      f->positions[n] = (int32_t)t;
    }
  }
  f->texts = (alb_sequences){TEXTS, n, f->lengths, f->ids, f->types, f->positions};
}

static void load(random_spec *model, uint32_t seed, bool shared, alb_tune_encoder *out) {
  model->seed = seed;
  random_spec_make(model, SPEC_HIDDEN, shared, ALB_ACT_GELU);
  assert_ok(&model->diag, alb_tune_encoder_load(&model->diag, &model->spec, true, out));
}

static int setup(void **state) {
  fixture *f = *state = calloc(1, sizeof *f);
  load(&f->teacher_model, 1, false, &f->teacher);
  load(&f->student_model, 2, true, &f->student);
  make_texts(f);
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_tune_encoder_free(&f->teacher);
  alb_tune_encoder_free(&f->student);
  random_spec_free(&f->teacher_model);
  random_spec_free(&f->student_model);
  free(f);
  return 0;
}

/* ---- loss ---- */

static void check_slope(fixture *f, alb_pooling pooling, const alb_tune_head *head) {
  const alb_sequences batch = random_spec_batch(&f->teacher_model, 4);
  alb_tune_goal goal = {.pooling = pooling, .head = head};
  static float room[4 * SPEC_TOKENS * SPEC_HIDDEN];
  alb_tune_run teacher, student;
  static float d[STATES][SPEC_TOKENS * SPEC_HIDDEN];
  float *dstate[STATES];
  for (int l = 0; l < STATES; l++) dstate[l] = d[l];
  alb_tune_goal_add(&goal, &batch);
  assert_ok(NULL, alb_tune_run_new(NULL, &f->teacher, SPEC_TOKENS, true, &teacher));
  assert_ok(NULL, alb_tune_run_new(NULL, &f->student, SPEC_TOKENS, true, &student));
  assert_ok(NULL, alb_tune_forward(NULL, &f->teacher, &batch, &teacher));
  assert_ok(NULL, alb_tune_forward(NULL, &f->student, &batch, &student));
  (void)alb_tune_loss_of(&f->student, &batch, &goal, &student, &teacher, dstate, room);
  for (int l = 1; l < STATES; l++) {
    for (size_t i = 0; i < batch.tokens * SPEC_HIDDEN; i += 29) {
      float *x = (l < SPEC_LAYERS ? student.layer[l].input : student.hidden) + i;
      const float kept = *x, h = 1.0f / 64;
      *x = kept + h;
      alb_tune_loss loss = alb_tune_loss_of(&f->student, &batch, &goal, &student, &teacher, NULL, room);
      double slope = alb_tune_loss_value(&loss);
      *x = kept - h;
      loss = alb_tune_loss_of(&f->student, &batch, &goal, &student, &teacher, NULL, room);
      slope = (slope - alb_tune_loss_value(&loss)) / (double)(2 * h);
      *x = kept;
      if (!(fabs(slope - (double)d[l][i]) < 2e-6 + 1e-3 * fabs(slope)))
        fail_msg("state %d, number %zu: %g by differences, %g", l, i, slope, (double)d[l][i]);
    }
  }
  alb_tune_run_free(&teacher);
  alb_tune_run_free(&student);
}

static void test_loss(void **state) {
  check_slope(*state, ALB_POOL_MEAN, NULL);
  check_slope(*state, ALB_POOL_CLS, NULL);
  check_slope(*state, ALB_POOL_LAST, NULL);
  check_slope(*state, ALB_POOL_MAX, NULL);
}

enum { CLASSES = 3 };

/* A head of random numbers. */
static alb_tune_head head_of(alb_head kind, size_t classes, bool independent, float numbers[]) {
  const size_t square = SPEC_HIDDEN * SPEC_HIDDEN;
  uint32_t seed = 7;
  for (size_t i = 0; i < square + SPEC_HIDDEN + CLASSES * (SPEC_HIDDEN + 1); i++)
    numbers[i] = ((float)enc_random(&seed, 2001) - 1000.0f) / 2500.0f;
  return (alb_tune_head){.kind = kind,
                         .independent = independent,
                         .hidden = SPEC_HIDDEN,
                         .classes = classes,
                         .pooler_w = numbers,
                         .pooler_b = numbers + square,
                         .w = numbers + square + SPEC_HIDDEN,
                         .b = numbers + square + SPEC_HIDDEN + CLASSES * SPEC_HIDDEN};
}

static void test_heads(void **state) {
  static float numbers[SPEC_HIDDEN * SPEC_HIDDEN + SPEC_HIDDEN + CLASSES * (SPEC_HIDDEN + 1)];
  const struct {
    alb_head kind;
    size_t classes;
    bool independent;
  } heads[] = {{ALB_HEAD_CLASSIFY, CLASSES, false},
               {ALB_HEAD_CLASSIFY, CLASSES, true},
               {ALB_HEAD_CLASSIFY, 1, false},
               {ALB_HEAD_NER, CLASSES, false},
               {ALB_HEAD_QA, 2, false}};
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    const alb_tune_head head = head_of(heads[i].kind, heads[i].classes, heads[i].independent, numbers);
    check_slope(*state, ALB_POOL_MEAN, &head);
  }
}

/* By hand: two classes, logits of a student 0 and 0, of a teacher log 3 and 0: p = 3/4, 1/4; q = 1/2, 1/2. */
static void test_distance(void **unused) {
  float pooler[1] = {0}, w[2] = {1, 0}, room[16], d = 0;
  const alb_tune_head head = {.kind = ALB_HEAD_NER, .hidden = 1, .classes = 2, .pooler_w = pooler, .w = w};
  const float s = 0, t = (float)log(3);
  const alb_tune_head_sums sums = alb_tune_head_loss(&head, 1, &s, &t, 2, &d, room);
  (void)unused;
  assert_true(fabs(sums.distance - (0.75 * log(1.5) + 0.25 * log(0.5))) < 1e-6);
  assert_true(sums.same == 1); /* the first of equals */
  assert_true(fabsf(d - 2 * (0.5f - 0.75f)) < 1e-6f);
  assert_int_equal(alb_tune_head_count(&head, 5), 5);
}

/* ---- steps ---- */

/* By hand: after the first step both moments are the gradient's, so that the step is the rate; then decay. */
static void test_adamw(void **unused) {
  float values[3] = {1, -2, 4}, g[3] = {0.5f, -3, 0}, first[3] = {0}, second[3] = {0};
  alb_adamw adam = {3, first, second, 1};
  (void)unused;
  alb_adamw_apply(&adam, values, g, 1, 0.1, 0, 0, 3);
  assert_true(fabsf(values[0] - 0.9f) < 1e-6f && fabsf(values[1] + 1.9f) < 1e-6f && values[2] == 4);
  adam.step = 2;
  alb_adamw_apply(&adam, values, g, 1, 0.1, 0.5, 2, 3);
  assert_true(fabsf(values[2] - 4 * 0.95f) < 1e-6f && fabsf(values[0] - 0.9f) < 1e-6f);
}

static void test_rate(void **unused) {
  (void)unused;
  assert_true(alb_rate_at(2, 0) == 0 && alb_rate_at(2, 1) == 0 && alb_rate_at(2, 7) == 0);
  assert_true(fabs(alb_rate_at(2, 0.025) - 1) < 1e-12 && fabs(alb_rate_at(2, 0.05) - 2) < 1e-12);
  assert_true(fabs(alb_rate_at(2, 0.525) - 1) < 1e-12);
}

/* ---- batches ---- */

static void test_batches(void **state) {
  fixture *f = *state;
  alb_tune_batches b;
  assert_ok(NULL, alb_tune_batches_new(NULL, &f->texts, NULL, 3, &b));
  assert_int_equal(b.held_count, 2);
  assert_int_equal(b.train_count, TEXTS - 2);
  size_t tokens = 0, at = 0, held = 0;
  alb_tune_batches_next(&b);
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) tokens += b.shard[s].tokens;
  assert_int_equal(b.epoch, 1); /* all fit into one batch */
  while (alb_tune_batches_held(&b, &at))
    for (int s = 0; s < ALB_TUNE_SHARDS; s++) held += b.shard[s].tokens;
  assert_int_equal(tokens + held, f->texts.tokens);
  assert_int_equal(at, 2);
  for (size_t i = 0; i < b.train_count; i++) assert_true(b.train[i] != b.held[0] && b.train[i] != b.held[1]);
  assert_false(alb_tune_batches_seek(&b, 0, TEXTS));
  alb_tune_batches_free(&b);
  f->texts.sequences = 1;
  assert_int_equal(alb_tune_batches_new(NULL, &f->texts, NULL, 3, &b), ALB_MISSING);
  alb_tune_batches_free(&b);
}

/* Of the first ten texts, three are measured with: those and texts equal to them are not learned from. */
static void test_eval(void **state) {
  fixture *f = *state;
  alb_tune_batches b;
  size_t at = 0, tokens = 0;
  const alb_sequences eval = {3,           f->lengths[0] + f->lengths[1] + f->lengths[2], f->lengths, f->ids, f->types,
                              f->positions};
  f->ids[f->texts.tokens - f->lengths[TEXTS - 1]] = f->ids[0]; /* the last text is the first, of one token, again */
  f->texts.tokens -= f->lengths[TEXTS - 1] - 1;
  f->lengths[TEXTS - 1] = 1;
  assert_int_equal(f->lengths[0], 1);
  assert_ok(NULL, alb_tune_batches_new(NULL, &f->texts, &eval, 3, &b));
  assert_int_equal(b.held_count, 3);
  for (size_t i = 0; i < b.train_count; i++) assert_true(b.train[i] >= 3 && b.train[i] != TEXTS - 1);
  assert_true(b.train_count <= TEXTS - 4 && b.train_count > TEXTS / 2);
  while (alb_tune_batches_held(&b, &at))
    for (int s = 0; s < ALB_TUNE_SHARDS; s++) tokens += b.shard[s].tokens;
  assert_int_equal(tokens, eval.tokens);
  alb_tune_batches_free(&b);
  assert_int_equal(alb_tune_batches_new(NULL, &eval, &f->texts, 3, &b), ALB_MISSING);
  alb_tune_batches_free(&b);
}

/* ---- training ---- */

static alb_train_options options_of(const fixture *f) {
  return (alb_train_options){
      .texts = &f->texts, .texts_hash = "of texts", .pooling = ALB_POOL_MEAN, .steps = 120, .rate = 0.005, .seed = 1};
}

static void test_train(void **state) {
  fixture *f = *state;
  const alb_train_options options = options_of(f);
  alb_train_report report;
  float *start = malloc(f->student.total * sizeof *start), *one = malloc(f->student.total * sizeof *one);
  const size_t bytes = f->student.total * sizeof *start;
  memcpy(start, f->student.values, bytes);
  alb_parallel_limit(1);
  assert_ok(NULL, alb_train(NULL, &f->teacher, &f->student, &options, &report));
  assert_true(report.trained && report.state.best.loss < 0.5 * report.state.first.loss);
  assert_int_equal(report.rounding, ALB_DTYPE_NONE);
  assert_true(report.state.best.cosine > report.state.first.cosine);
  const size_t layers = f->student.layer_values * sizeof *start;
  assert_memory_equal((char *)f->student.values + layers, (char *)start + layers, bytes - layers);
  memcpy(one, f->student.values, bytes);
  memcpy(f->student.values, start, bytes);
  alb_parallel_limit(5);
  assert_ok(NULL, alb_train(NULL, &f->teacher, &f->student, &options, &report));
  alb_parallel_limit(0);
  assert_memory_equal(f->student.values, one, bytes);
  free(start);
  free(one);
}

/* ---- the last part, rounded ---- */

static void load_student_again(fixture *f) {
  alb_tune_encoder_free(&f->student);
  random_spec_free(&f->student_model);
  f->student_model = (random_spec){0};
  load(&f->student_model, 2, true, &f->student);
}

/* The same on any number of threads; much of what rounding costs at once is learned again. */
static void test_rounded(void **state) {
  fixture *f = *state;
  alb_train_options options = options_of(f);
  alb_train_report report, again;
  const size_t bytes = f->student.total * sizeof(float);
  float *one = malloc(bytes);
  options.steps = 400;
  options.rounding = (alb_tune_types){ALB_I4, ALB_I8, ALB_I8};
  for (size_t threads = 1; threads <= 5; threads += 4) {
    load_student_again(f);
    alb_parallel_limit(threads);
    assert_ok(NULL, alb_train(NULL, &f->teacher, &f->student, &options, threads == 1 ? &report : &again));
    if (threads == 1) memcpy(one, f->student.values, bytes);
    assert_memory_equal(f->student.values, one, bytes);
  }
  alb_parallel_limit(0);
  assert_int_equal(report.rounding, ALB_I4);
  assert_int_equal(report.state.rounded_step, 320);
  assert_int_equal(report.state.step, 400);
  assert_false(report.early);
  const alb_train_point *at_once = &report.state.curve.points[8]; /* 0, 50, ..., 300, 320 before and after */
  assert_true(at_once->step == 320 && at_once->loss == report.state.rounded.loss && at_once->loss > at_once[-1].loss);
  assert_true(report.state.best.loss < 0.8 * report.state.rounded.loss);
  free(one);
}

/* With a rate of nothing no measurement is better: ten of them end the first part, ten the last. */
static void test_rounded_early(void **state) {
  fixture *f = *state;
  alb_train_options options = options_of(f);
  alb_train_report report;
  options.steps = 4000;
  options.rate = 0;
  options.rounding = (alb_tune_types){ALB_I8, ALB_I8, ALB_I8};
  assert_ok(NULL, alb_train(NULL, &f->teacher, &f->student, &options, &report));
  assert_true(report.early);
  assert_int_equal(report.state.rounded_step, 500);
  assert_int_equal(report.state.step, 1000);
  assert_true(report.state.left_out == 3200 - 500);
  assert_true(report.state.best.loss == report.state.rounded.loss);
  assert_true(report.state.first.loss != report.state.rounded.loss);
}

/* Too few steps for a last part: what is measured in the end is rounded all the same. */
static void test_rounded_short(void **state) {
  fixture *f = *state;
  alb_train_options options = options_of(f);
  alb_train_report report;
  options.steps = 3;
  options.rounding = (alb_tune_types){ALB_I4, ALB_I4, ALB_F16};
  assert_ok(NULL, alb_train(NULL, &f->teacher, &f->student, &options, &report));
  assert_int_equal(report.state.rounded_step, 3);
  assert_int_equal(report.state.curve.count, 3); /* at the start, in the end, and rounded */
  assert_true(report.state.best.loss == report.state.rounded.loss);
  assert_true(report.state.best.loss == report.state.curve.points[2].loss);
  assert_true(report.state.curve.points[1].loss != report.state.curve.points[2].loss);
}

/* ---- checkpoints ---- */

static const char path[] = "test_train.heal";

static void write_bytes(const uint8_t *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  assert_int_equal(fclose(file), 0);
}

/* Every prefix and every changed byte is refused, and changes nothing. */
static void test_checkpoint(void **unused) {
  alb_train_state state = {.step = 7, .best = {.loss = 0.25}}, back = {0};
  float a[4][3] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}}, b[4][3] = {{0}};
  const alb_checkpoint saved = {{{1, 2}}, 3, &state, {a[0], a[1], a[2], a[3]}};
  alb_checkpoint loaded = {{{1, 2}}, 3, &back, {b[0], b[1], b[2], b[3]}};
  uint8_t *bytes;
  alb_span all;
  (void)unused;
  assert_ok(NULL, alb_checkpoint_save(NULL, path, &saved));
  assert_ok(NULL, alb_file_read(NULL, path, 16, &bytes, &all));
  for (size_t i = 0; i < all.n; i++) {
    write_bytes(all.p, i);
    assert_int_not_equal(alb_checkpoint_load(NULL, path, &loaded), ALB_OK);
    bytes[i] ^= 0x40;
    write_bytes(all.p, all.n);
    assert_int_not_equal(alb_checkpoint_load(NULL, path, &loaded), ALB_OK);
    bytes[i] ^= 0x40;
  }
  assert_true(back.step == 0 && b[3][2] == 0);
  write_bytes(all.p, all.n);
  assert_ok(NULL, alb_checkpoint_load(NULL, path, &loaded));
  assert_true(back.step == 7 && back.best.loss == 0.25);
  assert_memory_equal(a, b, sizeof a);
  loaded.key.bytes[5] = 1;
  assert_int_equal(alb_checkpoint_load(NULL, path, &loaded), ALB_DIFFERS);
  free(bytes);
  (void)unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_loss, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_heads, setup, teardown),
                                     cmocka_unit_test(test_distance),
                                     cmocka_unit_test(test_adamw),
                                     cmocka_unit_test(test_rate),
                                     cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_eval, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_train, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_rounded, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_rounded_early, setup, teardown),
                                     cmocka_unit_test_setup_teardown(test_rounded_short, setup, teardown),
                                     cmocka_unit_test(test_checkpoint)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
