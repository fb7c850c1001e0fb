/* How far a student's states are from its teacher's, and in which direction they are to go. */
#ifndef ALB_TUNE_LOSS_H
#define ALB_TUNE_LOSS_H

#include "tune/forward.h"

/* What sums are divided by: tokens and texts of the whole batch, of which a run may be a part. */
typedef struct alb_tune_goal {
  alb_pooling pooling;
  size_t tokens, texts;
} alb_tune_goal;

typedef struct alb_tune_loss {
  double states;  /* |student - teacher|^2 / |teacher|^2, mean over layers, sum over tokens / goal's tokens */
  double cosines; /* of pooled texts, sum / goal's texts */
} alb_tune_loss;

/* states + 3 (1 - cosine), for the sums of all parts. */
double alb_tune_loss_value(const alb_tune_loss *loss);

/* Of two runs of one batch that keep everything. dstate[1 .. layers], each [tokens, hidden], get the gradient by
 * the student's states; dstate NULL: not asked for. */
alb_tune_loss alb_tune_loss_of(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_goal *goal,
                               const alb_tune_run *student, const alb_tune_run *teacher, float *const *dstate);

#endif
