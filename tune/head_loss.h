/* The head behind an encoder, which training leaves as it is: how far the logits that it makes of a student's states
 * are from those of its teacher's. */
#ifndef ALB_TUNE_HEAD_LOSS_H
#define ALB_TUNE_HEAD_LOSS_H

#include "graph/heads.h"
#include "graph/model_spec.h"

/* Start with {0}; alb_tune_head_free at the end. */
typedef struct alb_tune_head {
  alb_head kind;    /* ALB_HEAD_CLASSIFY, ALB_HEAD_NER or ALB_HEAD_QA */
  bool independent; /* classes of a text are scored each by itself, not against each other */
  size_t hidden, classes;
  float *pooler_w, *pooler_b; /* [hidden, hidden], [hidden], of ALB_HEAD_CLASSIFY; biases may be NULL */
  float *w, *b;               /* [classes, hidden], [classes] */
  float *block;               /* what they lie in */
} alb_tune_head;

/* Reads a head of the three; *found is false where the source has none of that kind. Errors: ALB_SHAPE,
 * ALB_UNSUPPORTED for quantised weights, ALB_MEMORY; alb_tune_head_free also then. */
alb_status alb_tune_head_load(alb_diag *diag, const alb_model_spec *spec, alb_head kind, bool independent,
                              alb_tune_head *out, bool *found);
void alb_tune_head_free(alb_tune_head *head);

/* Distributions that a text of n tokens has: what losses are averaged over. */
size_t alb_tune_head_count(const alb_tune_head *head, size_t n);

/* Numbers that alb_tune_head_loss needs for texts of at most n tokens. */
size_t alb_tune_head_room(const alb_tune_head *head, size_t n);

typedef struct alb_tune_head_sums {
  double distance; /* Kullback-Leibler, nats; of a head with one class: half of (s - t)^2 / (1 + t^2) */
  double same; /* distributions whose largest is the same; of independent or single classes: with all signs the same */
} alb_tune_head_sums;

/* Sums over one text's distributions, from the last states s of the student and t of the teacher, [n, hidden] each. d,
 * where given, gets `weight` times the gradient by s added. */
alb_tune_head_sums alb_tune_head_loss(const alb_tune_head *head, size_t n, const float *s, const float *t,
                                      double weight, float *d, float *room);

#endif
