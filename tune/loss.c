/* Distance of hidden states after each layer, of the pooled vector of each text, and of what a head makes of it. */
#include "tune/loss.h"

#include <math.h>

/* How much a pooled vector's direction counts beside the states. */
static const double pooled_weight = 3;

double alb_tune_loss_value(const alb_tune_loss *loss) {
  return loss->states + pooled_weight * (1 - loss->cosines) + loss->answers;
}

void alb_tune_goal_add(alb_tune_goal *goal, const alb_sequences *batch) {
  goal->tokens += batch->tokens;
  goal->texts += batch->sequences;
  for (size_t i = 0; goal->head && i < batch->sequences; i++)
    goal->answers += alb_tune_head_count(goal->head, batch->lengths[i]);
}

void alb_tune_loss_add(alb_tune_loss *sum, const alb_tune_loss *part) {
  sum->states += part->states;
  sum->cosines += part->cosines;
  sum->answers += part->answers;
  sum->same += part->same;
}

/* The state behind layer l >= 1. */
static const float *state_of(const alb_tune_encoder *encoder, const alb_tune_run *run, uint32_t l) {
  return l < encoder->config.layers ? run->layer[l].input : run->hidden;
}

/* One token's |s - t|^2 / |t|^2; d: `weight` times its gradient. */
static double token_loss(const float *s, const float *t, size_t n, double weight, float *d) {
  double distance = 0, energy = 1e-12;
  for (size_t i = 0; i < n; i++) {
    distance += (double)(s[i] - t[i]) * (double)(s[i] - t[i]);
    energy += (double)t[i] * (double)t[i];
  }
  for (size_t i = 0; d && i < n; i++) d[i] = (float)(2 * weight * (double)(s[i] - t[i]) / energy);
  return distance / energy;
}

/* Which tokens of a text of n are pooled: first .. last - 1. */
typedef struct pooled_tokens {
  bool largest; /* the largest number of each column; otherwise their mean */
  size_t first, last, width;
} pooled_tokens;

static pooled_tokens tokens_of(alb_pooling pooling, size_t n, size_t width) {
  return (pooled_tokens){.largest = pooling == ALB_POOL_MAX,
                         .first = pooling == ALB_POOL_LAST ? n - 1 : 0,
                         .last = pooling == ALB_POOL_CLS ? 1 : n,
                         .width = width};
}

/* The token that has the largest number of a column, the first of several. */
static size_t largest(const pooled_tokens *p, const float *rows, size_t i) {
  size_t best = p->first;
  for (size_t t = p->first + 1; t < p->last; t++)
    if (rows[t * p->width + i] > rows[best * p->width + i]) best = t;
  return best;
}

static double pooled(const pooled_tokens *p, const float *rows, size_t i) {
  double sum = 0;
  if (p->largest) return (double)rows[largest(p, rows, i) * p->width + i];
  for (size_t t = p->first; t < p->last; t++) sum += (double)rows[t * p->width + i];
  return sum / (double)(p->last - p->first);
}

/* The reverse: d of the rows gets what a column's gradient gives each of them. */
static void pooled_back(const pooled_tokens *p, const float *rows, size_t i, double gradient, float *d) {
  if (p->largest) d[largest(p, rows, i) * p->width + i] += (float)gradient;
  const float share = (float)(gradient / (double)(p->last - p->first));
  for (size_t t = p->first; !p->largest && t < p->last; t++) d[t * p->width + i] += share;
}

/* One text's cosine; d, where given, gets `weight` times the gradient of 1 - cosine added. */
static double text_cosine(const pooled_tokens *p, const float *s, const float *t, double weight, float *d) {
  double dot = 0, ss = 1e-24, tt = 1e-24;
  for (size_t i = 0; i < p->width; i++) {
    const double a = pooled(p, s, i), b = pooled(p, t, i);
    dot += a * b;
    ss += a * a;
    tt += b * b;
  }
  const double both = sqrt(ss * tt), cosine = dot / both;
  for (size_t i = 0; d && i < p->width; i++)
    pooled_back(p, s, i, weight * (cosine * pooled(p, s, i) / ss - pooled(p, t, i) / both), d);
  return cosine;
}

/* Of one text, whose states are given; d as in text_cosine. */
static void text_loss(const alb_tune_goal *goal, size_t n, size_t width, const float *s, const float *t, float *d,
                      float *room, alb_tune_loss *loss) {
  const double per_text = 1.0 / (double)goal->texts;
  const pooled_tokens tokens = tokens_of(goal->pooling, n, width);
  loss->cosines += per_text * text_cosine(&tokens, s, t, pooled_weight * per_text, d);
  if (!goal->head) return;
  const double per_answer = 1.0 / (double)goal->answers;
  const alb_tune_head_sums sums = alb_tune_head_loss(goal->head, n, s, t, per_answer, d, room);
  loss->answers += per_answer * sums.distance;
  loss->same += per_answer * sums.same;
}

alb_tune_loss alb_tune_loss_of(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_goal *goal,
                               const alb_tune_run *student, const alb_tune_run *teacher, float *const *dstate,
                               float *room) {
  const uint32_t layers = encoder->config.layers;
  const size_t width = encoder->config.hidden;
  const double per_token = 1.0 / ((double)goal->tokens * layers);
  alb_tune_loss loss = {0};
  for (uint32_t l = 1; l <= layers; l++) {
    const float *s = state_of(encoder, student, l), *t = state_of(encoder, teacher, l);
    for (size_t i = 0; i < batch->tokens; i++)
      loss.states +=
          per_token * token_loss(s + i * width, t + i * width, width, per_token, dstate ? dstate[l] + i * width : NULL);
  }
  for (size_t text = 0, at = 0; text < batch->sequences; at += batch->lengths[text++] * width)
    text_loss(goal, batch->lengths[text], width, student->hidden + at, teacher->hidden + at,
              dstate ? dstate[layers] + at : NULL, room, &loss);
  return loss;
}
