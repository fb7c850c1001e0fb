/* How far a student's states are from its teacher's, and in which direction they are to go. */
#ifndef ALB_TUNE_LOSS_H
#define ALB_TUNE_LOSS_H

#include "tune/forward.h"
#include "tune/head_loss.h"

/* What is looked at, and what sums are divided by: counts of the whole batch, of which a run may be a part. */
typedef struct alb_tune_goal {
  alb_pooling pooling;
  const alb_tune_head *head; /* NULL: none */
  size_t tokens, texts;
  size_t answers; /* distributions of the head; alb_tune_goal_add counts all three */
} alb_tune_goal;

typedef struct alb_tune_loss {
  double states;  /* |student - teacher|^2 / |teacher|^2, mean over layers, sum over tokens / goal's tokens */
  double cosines; /* of pooled texts, sum / goal's texts */
  double answers; /* of the head, distances' sum / goal's answers; 0 without a head */
  double same;    /* of the head, answers that are the teacher's / goal's answers; 0 without a head */
} alb_tune_loss;

void alb_tune_goal_add(alb_tune_goal *goal, const alb_sequences *batch);

/* sum += part. */
void alb_tune_loss_add(alb_tune_loss *sum, const alb_tune_loss *part);

/* states + 3 (1 - cosine) + answers, for the sums of all parts. */
double alb_tune_loss_value(const alb_tune_loss *loss);

/* Of two runs of one batch that keep everything. dstate[1 .. layers], each [tokens, hidden], get the gradient by
 * the student's states; dstate NULL: not asked for. room: numbers as alb_tune_head_room says, for the longest text. */
alb_tune_loss alb_tune_loss_of(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_goal *goal,
                               const alb_tune_run *student, const alb_tune_run *teacher, float *const *dstate,
                               float *room);

#endif
