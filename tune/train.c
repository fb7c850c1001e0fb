/* The training loop. A batch is cut into shards, whose gradients are summed in their order, whoever computed them. */
#include "tune/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/parallel.h"
#include "tune/backward.h"
#include "tune/checkpoint.h"

/* Measured every MEASURE steps; the end comes after PATIENCE measurements without a better one. The last of LAST_PARTS
 * parts sees rounded matrices, whose scales are looked for in each step: that takes about a thirtieth of the step's
 * time where layers share a set of matrices, so none are kept from step to step. */
enum { MEASURE = 50, PATIENCE = 10, LAST_PARTS = 5, SAVE_SECONDS = 120, RUN_VALUES = 1 << 14 };

static const double decay = 0.01, longest_gradient = 1.0;

/* What one thread computes with. */
typedef struct worker {
  alb_tune_run student, teacher;
  alb_tune_back back;
  float **dstate; /* [layers + 1] */
  float *block;   /* what they lie in */
  float *answers; /* room for the head; NULL: there is none */
} worker;

typedef struct trainer {
  alb_diag *diag;
  const alb_tune_encoder *teacher;
  alb_tune_encoder *student;
  const alb_train_options *options;
  alb_train_report *report;
  alb_train_state *state;
  alb_tune_batches batches;
  alb_tune_goal goal; /* of the batch in the shards */
  alb_adamw adam;
  float *best;
  float *gradients[ALB_TUNE_SHARDS]; /* [layer_values] each */
  float *rates;                      /* decay of each value's array, [arrays] */
  double rate, scale;                /* of the step in hand */
  alb_tune_loss loss[ALB_TUNE_SHARDS];
  bool measuring;
  worker workers[ALB_PARALLEL_MAX];
  alb_diag diags[ALB_PARALLEL_MAX];
  alb_status status[ALB_PARALLEL_MAX];
  alb_train_figures held; /* of the last measurement */
  double started, saved;  /* by the clock */
  alb_hash128 key;
} trainer;

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- memory ---- */

/* Made by the thread that is the first to need it. */
static alb_status worker_open(alb_diag *diag, const trainer *t, worker *w) {
  const uint32_t layers = t->student->config.layers;
  const size_t room = t->batches.room, state = room * t->student->config.hidden;
  if (w->block) return ALB_OK;
  ALB_TRY(alb_tune_run_new(diag, t->student, room, true, &w->student));
  ALB_TRY(alb_tune_run_new(diag, t->teacher, room, true, &w->teacher));
  ALB_TRY(alb_tune_back_new(diag, t->student, &w->student, &w->back));
  w->dstate = calloc((size_t)layers + 1, sizeof *w->dstate);
  w->block = malloc(layers * state * sizeof *w->block);
  if (!w->dstate || !w->block) return alb_fail_memory(diag, layers * state * sizeof *w->block, "gradients of states");
  for (uint32_t l = 1; l <= layers; l++) w->dstate[l] = w->block + (l - 1) * state;
  if (!t->options->head) return ALB_OK;
  const size_t floats = alb_tune_head_room(t->options->head, w->student.longest);
  w->answers = malloc(floats * sizeof *w->answers);
  return w->answers ? ALB_OK : alb_fail_memory(diag, floats * sizeof *w->answers, "answers of a head");
}

static void worker_close(worker *w) {
  alb_tune_run_free(&w->student);
  alb_tune_run_free(&w->teacher);
  alb_tune_back_free(&w->back);
  free(w->dstate);
  free(w->block);
  free(w->answers);
}

static alb_status trainer_open(trainer *t) {
  const size_t n = t->student->layer_values, bytes = n * sizeof(float);
  t->adam = (alb_adamw){.n = n, .first = calloc(n + 1, sizeof(float)), .second = calloc(n + 1, sizeof(float))};
  t->best = malloc(bytes + 1);
  t->rates = calloc(t->student->count + 1, sizeof *t->rates);
  bool memory = t->adam.first && t->adam.second && t->best && t->rates;
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) {
    t->gradients[s] = malloc(bytes + 1);
    memory = memory && t->gradients[s];
  }
  if (!memory) return alb_fail_memory(t->diag, (3 + ALB_TUNE_SHARDS) * bytes, "a training");
  memcpy(t->best, t->student->values, bytes);
  return alb_tune_batches_new(t->diag, t->options->texts, t->options->eval, t->options->seed, &t->batches);
}

static void trainer_close(trainer *t) {
  for (int i = 0; i < ALB_PARALLEL_MAX; i++) {
    worker_close(&t->workers[i]);
    alb_diag_free(&t->diags[i]);
  }
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) free(t->gradients[s]);
  free(t->adam.first);
  free(t->adam.second);
  free(t->best);
  free(t->rates);
  alb_tune_batches_free(&t->batches);
}

/* ---- one batch ---- */

static alb_status run_shard(alb_diag *diag, trainer *t, worker *w, size_t s) {
  const alb_sequences batch = alb_tune_shard_sequences(&t->batches.shard[s]);
  t->loss[s] = (alb_tune_loss){0};
  if (!t->measuring) memset(t->gradients[s], 0, t->adam.n * sizeof(float));
  if (!batch.sequences) return ALB_OK;
  ALB_TRY(worker_open(diag, t, w));
  ALB_TRY(alb_tune_forward(diag, t->teacher, &batch, &w->teacher));
  ALB_TRY(alb_tune_forward(diag, t->student, &batch, &w->student));
  t->loss[s] = alb_tune_loss_of(t->student, &batch, &t->goal, &w->student, &w->teacher, t->measuring ? NULL : w->dstate,
                                w->answers);
  if (!t->measuring)
    alb_tune_backward(t->student, &batch, &w->student, (const float *const *)w->dstate, false, &w->back,
                      t->gradients[s]);
  return ALB_OK;
}

static void run_shards(void *context, size_t index, size_t first, size_t last) {
  trainer *t = context;
  for (size_t s = first; s < last && t->status[index] == ALB_OK; s++)
    t->status[index] = run_shard(&t->diags[index], t, &t->workers[index], s);
}

/* Runs the shards; *loss gets their sums added. */
static alb_status run_batch(trainer *t, bool measuring, alb_tune_loss *loss) {
  t->measuring = measuring;
  alb_parallel(ALB_TUNE_SHARDS, 1, run_shards, t);
  for (int i = 0; i < ALB_PARALLEL_MAX; i++)
    if (t->status[i] != ALB_OK) return alb_fail(t->diag, t->status[i], "%s", alb_diag_text(&t->diags[i], t->status[i]));
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) alb_tune_loss_add(loss, &t->loss[s]);
  return ALB_OK;
}

static alb_tune_goal no_goal(const trainer *t) {
  return (alb_tune_goal){.pooling = t->options->pooling, .head = t->options->head};
}

static void add_shards(trainer *t) {
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) {
    const alb_sequences batch = alb_tune_shard_sequences(&t->batches.shard[s]);
    alb_tune_goal_add(&t->goal, &batch);
  }
}

/* ---- measuring ---- */

static alb_status measure(trainer *t) {
  alb_tune_loss all = {0};
  t->goal = no_goal(t);
  for (size_t at = 0; alb_tune_batches_held(&t->batches, &at);) add_shards(t);
  for (size_t at = 0; alb_tune_batches_held(&t->batches, &at);) ALB_TRY(run_batch(t, true, &all));
  t->held = (alb_train_figures){alb_tune_loss_value(&all), all.cosines, all.answers, all.same};
  return isfinite(t->held.loss) ? ALB_OK : alb_fail(t->diag, ALB_NONFINITE, "the training diverged: lower the rate");
}

static alb_status measure_and_note(trainer *t) {
  ALB_TRY(measure(t));
  alb_train_curve_add(&t->state->curve, &(alb_train_point){(double)t->state->step, t->held.loss, t->held.cosine});
  return ALB_OK;
}

static void keep(trainer *t) {
  t->state->best = t->held;
  t->state->worse = 0;
  memcpy(t->best, t->student->values, t->adam.n * sizeof *t->best);
}

/* Keeps the best. */
static alb_status measure_and_keep(trainer *t) {
  ALB_TRY(measure_and_note(t));
  t->state->worse++;
  if (!t->state->step || t->held.loss < t->state->best.loss) keep(t);
  return ALB_OK;
}

/* Measured as it is, at the start or at a round step or when rounding began. */
static bool was_measured(const alb_train_state *state) {
  return state->step % MEASURE == 0 || (state->rounding && state->rounded_step == state->step);
}

/* ---- steps ---- */

static void sum_some(void *context, size_t index, size_t first, size_t last) {
  const trainer *t = context;
  (void)index;
  for (int s = 1; s < ALB_TUNE_SHARDS; s++)
    for (size_t i = first; i < last; i++) t->gradients[0][i] += t->gradients[s][i];
}

static void apply_some(void *context, size_t index, size_t first, size_t last) {
  const trainer *t = context;
  (void)index;
  for (size_t a = 0; a < t->student->count; a++) {
    const alb_tune_array *array = &t->student->arrays[a];
    const size_t end = array->first + array->elements;
    const size_t from = array->first > first ? array->first : first, to = end < last ? end : last;
    if (from < to)
      alb_adamw_apply(&t->adam, t->student->values, t->gradients[0], t->scale, t->rate, (double)t->rates[a], from, to);
  }
}

/* What makes the gradient at most as long as is allowed. */
static double clip(const trainer *t) {
  double square = 0;
  for (size_t i = 0; i < t->adam.n; i++) square += (double)t->gradients[0][i] * (double)t->gradients[0][i];
  const double length = sqrt(square);
  return length > longest_gradient ? longest_gradient / length : 1;
}

/* How far the training is, in steps or seconds. */
static double place(const trainer *t) {
  return (t->options->steps ? (double)t->state->step : t->state->seconds) + t->state->left_out;
}

static double whole(const trainer *t) {
  return t->options->steps ? (double)t->options->steps : t->options->seconds;
}

/* How much of the training is done, looked at in the middle of the next step. */
static double part_done(const trainer *t) {
  return (place(t) + (t->options->steps ? 0.5 : 0)) / whole(t);
}

static alb_status step(trainer *t, double *loss) {
  alb_tune_loss sums = {0};
  alb_tune_batches_next(&t->batches);
  t->goal = no_goal(t);
  add_shards(t);
  ALB_TRY(run_batch(t, false, &sums));
  *loss = alb_tune_loss_value(&sums);
  if (!isfinite(*loss)) return alb_fail(t->diag, ALB_NONFINITE, "the training diverged: lower the rate");
  alb_parallel(t->adam.n, RUN_VALUES, sum_some, t);
  t->scale = clip(t);
  t->rate = alb_rate_at(t->options->rate, part_done(t));
  t->adam.step = ++t->state->step;
  alb_parallel(t->adam.n, RUN_VALUES, apply_some, t);
  alb_tune_encoder_changed(t->student);
  t->state->tokens += t->goal.tokens;
  t->state->epoch = t->batches.epoch;
  t->state->next = t->batches.next;
  return ALB_OK;
}

/* ---- checkpoints ---- */

static alb_checkpoint checkpoint_of(trainer *t) {
  return (alb_checkpoint){.key = t->key,
                          .n = t->adam.n,
                          .state = t->state,
                          .arrays = {t->student->values, t->adam.first, t->adam.second, t->best}};
}

static alb_span span_of(const char *text) {
  return (alb_span){(const uint8_t *)text, text ? strlen(text) : 0};
}

/* Of everything that decides what the training makes. */
static void make_key(trainer *t) {
  const alb_train_options *o = t->options;
  const double numbers[] = {(double)o->steps,     o->steps ? 0 : o->seconds, o->rate,
                            (double)o->seed,      (double)o->pooling,        o->head ? (double)o->head->kind : -1,
                            o->rounding.matrices, o->rounding.words,         o->rounding.places};
  const alb_span pieces[] = {{(const uint8_t *)t->teacher->values, t->teacher->total * sizeof(float)},
                             {(const uint8_t *)t->student->values, t->student->total * sizeof(float)},
                             {(const uint8_t *)numbers, sizeof numbers},
                             span_of(o->texts_hash),
                             span_of(o->eval_hash)};
  t->key = alb_hash_pieces(pieces, sizeof pieces / sizeof pieces[0]);
}

static alb_status resume(trainer *t) {
  const alb_checkpoint checkpoint = checkpoint_of(t);
  ALB_TRY(alb_checkpoint_load(t->diag, t->options->checkpoint, &checkpoint));
  if (t->state->curve.count > ALB_TRAIN_POINTS)
    return alb_fail(t->diag, ALB_MALFORMED, "%s: too many measurements", t->options->checkpoint);
  t->adam.step = t->state->step;
  t->report->resumed = true;
  t->held = t->state->best;
  if (t->state->rounding) ALB_TRY(alb_tune_encoder_round(t->diag, t->student, &t->options->rounding));
  alb_tune_encoder_changed(t->student);
  if (alb_tune_batches_seek(&t->batches, t->state->epoch, t->state->next)) return ALB_OK;
  return alb_fail(t->diag, ALB_MALFORMED, "%s: there is no such text", t->options->checkpoint);
}

static alb_status save(trainer *t) {
  const alb_train_options *o = t->options;
  const bool due = o->save_steps ? t->state->step % o->save_steps == 0 : now() - t->saved >= SAVE_SECONDS;
  if (!o->checkpoint || !due) return ALB_OK;
  const alb_checkpoint checkpoint = checkpoint_of(t);
  t->saved = now();
  const alb_status status = alb_checkpoint_save(t->diag, o->checkpoint, &checkpoint);
  if (status != ALB_OK) alb_diag_prefix(t->diag, "%s", o->checkpoint);
  return status;
}

/* ---- the loop ---- */

static bool is_over(trainer *t) {
  t->report->early = t->state->worse >= PATIENCE || t->state->left_out > 0;
  return t->state->worse >= PATIENCE || place(t) >= whole(t);
}

static void tell(const trainer *t, double loss) {
  const double done = part_done(t), speed = t->state->seconds / (double)t->state->step;
  const double left = (whole(t) - place(t)) * (t->options->steps ? speed : 1);
  const alb_train_progress progress = {t->state, loss, t->held, done, left > 0 ? left : 0};
  if (t->options->progress) t->options->progress(t->options->context, &progress);
}

static alb_status begin(trainer *t) {
  for (size_t a = 0; a < t->student->count; a++) t->rates[a] = 0;
  for (uint32_t l = 0; l < t->student->config.layers; l++)
    for (int r = 0; r < ALB_ROLE_COUNT; r++)
      if (t->student->layer[l][r] != ALB_NO_ARRAY && alb_role_info((alb_role)r)->part == ALB_PART_MATRIX)
        t->rates[t->student->layer[l][r]] = (float)decay;
  make_key(t);
  alb_tune_encoder_changed(t->student);
  if (t->options->resume && t->options->checkpoint && alb_path_exists(t->options->checkpoint)) return resume(t);
  ALB_TRY(measure_and_keep(t));
  t->state->first = t->held;
  return ALB_OK;
}

/* Where the last part begins; steps are whole. */
static double last_part(const trainer *t) {
  const size_t steps = t->options->steps;
  return steps ? (double)(steps - steps / LAST_PARTS) : t->options->seconds * (1 - 1.0 / LAST_PARTS);
}

/* The last part begins when it is time or when no more gets better, with the best that there is: what was measured
 * before says nothing about a rounded student. */
static alb_status round_when_due(trainer *t) {
  alb_train_state *state = t->state;
  const double early = last_part(t) - place(t);
  if (!t->options->rounding.matrices || state->rounding || (early > 0 && state->worse < PATIENCE)) return ALB_OK;
  if (!was_measured(state)) ALB_TRY(measure_and_keep(t));
  memcpy(t->student->values, t->best, t->adam.n * sizeof *t->best);
  ALB_TRY(alb_tune_encoder_round(t->diag, t->student, &t->options->rounding));
  ALB_TRY(measure_and_note(t));
  keep(t);
  state->left_out = early > 0 ? early : 0;
  state->rounding = 1;
  state->rounded_step = state->step;
  state->rounded = t->held;
  return ALB_OK;
}

static alb_status loop(trainer *t) {
  const double before = t->state->seconds;
  t->started = t->saved = now();
  for (;;) {
    double loss;
    ALB_TRY(round_when_due(t));
    if (is_over(t)) break;
    ALB_TRY(step(t, &loss));
    t->state->seconds = before + now() - t->started;
    if (t->state->step % MEASURE == 0) ALB_TRY(measure_and_keep(t));
    ALB_TRY(save(t));
    tell(t, loss);
  }
  return was_measured(t->state) ? ALB_OK : measure_and_keep(t);
}

alb_status alb_train(alb_diag *diag, const alb_tune_encoder *teacher, alb_tune_encoder *student,
                     const alb_train_options *options, alb_train_report *report) {
  *report = (alb_train_report){0};
  trainer *t = calloc(1, sizeof *t);
  if (!t) return alb_fail_memory(diag, sizeof *t, "a training");
  t->diag = diag;
  t->teacher = teacher;
  t->student = student;
  t->options = options;
  t->report = report;
  t->state = &report->state;
  alb_status status = trainer_open(t);
  if (status == ALB_OK) status = begin(t);
  if (status == ALB_OK) status = loop(t);
  if (status == ALB_OK) memcpy(student->values, t->best, t->adam.n * sizeof *t->best);
  report->trained = status == ALB_OK;
  report->rounding = t->state->rounding ? options->rounding.matrices : ALB_DTYPE_NONE;
  report->head = options->head != NULL;
  report->texts = t->batches.train_count;
  report->held = t->batches.held_count;
  trainer_close(t);
  free(t);
  return status;
}
