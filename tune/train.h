/* Training a student encoder to compute what its teacher does, from texts alone. */
#ifndef ALB_TUNE_TRAIN_H
#define ALB_TUNE_TRAIN_H

#include "base/hash.h"
#include "tune/adamw.h"
#include "tune/batches.h"
#include "tune/loss.h"

/* Of texts that are not learned from. */
typedef struct alb_train_figures {
  double loss, cosine;  /* mean over the texts */
  double answers, same; /* of a head, as in alb_tune_loss */
} alb_train_figures;

enum { ALB_TRAIN_POINTS = 128 };

/* A measurement on the texts held out. */
typedef struct alb_train_point {
  double step, loss, cosine;
} alb_train_point;

/* The measurements of a training; when there is no room, every second one goes, and only every second one comes. */
typedef struct alb_train_curve {
  uint64_t count, every, skipped; /* every: 0 is as 1 */
  alb_train_point points[ALB_TRAIN_POINTS];
} alb_train_curve;

void alb_train_curve_add(alb_train_curve *curve, const alb_train_point *point);

/* Where a training is: all that the rest of it depends on. */
typedef struct alb_train_state {
  uint64_t step, epoch, next, tokens, worse; /* worse: measurements since the best one */
  double seconds;
  double left_out;   /* steps or seconds that the part before the rounding was short of, since nothing got better */
  uint64_t rounding; /* 1: the student is rounded, and so are those of `best` */
  uint64_t rounded_step;
  alb_train_figures first, rounded, best; /* of the start; when rounding began; of the best so far */
  alb_train_curve curve;
} alb_train_state;

typedef struct alb_train_progress {
  const alb_train_state *state;
  double loss;            /* of the last batch */
  alb_train_figures held; /* of the last measurement */
  double done;            /* part of the whole */
  double seconds_left;
} alb_train_progress;

typedef struct alb_train_options {
  const alb_sequences *texts;
  const char *texts_hash;    /* of their file */
  const alb_sequences *eval; /* texts to measure with; default NULL: some of `texts` are held out */
  const char *eval_hash;
  alb_pooling pooling;
  const alb_tune_head *head; /* behind the encoder, to give the same answers; default NULL: none is looked at */
  alb_tune_types rounding;   /* quantised matrices: the last part of the training sees the student so; default none */
  size_t steps;              /* default 0: by time */
  double seconds;            /* looked at when steps is 0 */
  double rate;               /* the highest one */
  uint64_t seed;             /* default 0 */
  const char *checkpoint;    /* its path; default NULL: none */
  size_t save_steps;         /* between checkpoints; default 0: every two minutes */
  bool resume;               /* goes on from the checkpoint where there is one; default false */
  void (*progress)(void *context, const alb_train_progress *progress); /* after each step; default NULL */
  void *context;
} alb_train_options;

typedef struct alb_train_report {
  bool trained;              /* false: there was nothing to train */
  bool resumed, early, head; /* head: its answers were trained, too */
  alb_dtype rounding;        /* ALB_DTYPE_NONE: nothing was rounded */
  size_t texts, held;
  alb_train_state state;
} alb_train_report;

/* Changes the layers of the student, which starts as it is and ends as the best that was measured on texts held out.
 * Where the file will hold quantised matrices, the last part of the training rounds the student as the writer will:
 * forward and backward products see the rounded numbers, and the gradients by them change the numbers behind. That part
 * starts from the best so far, measures the rounded student, and has a best of its own.
 * The same for any number of threads; with steps, the same again whether it was interrupted and resumed or not. Errors:
 * ALB_MISSING when there is nothing to learn from or to measure with, ALB_MALFORMED, ALB_CHECKSUM, ALB_DIFFERS for a
 * checkpoint that is none, is damaged, or is of another training, ALB_NONFINITE when the rate is too high, ALB_IO,
 * ALB_MEMORY. */
alb_status alb_train(alb_diag *diag, const alb_tune_encoder *teacher, alb_tune_encoder *student,
                     const alb_train_options *options, alb_train_report *report);

#endif
