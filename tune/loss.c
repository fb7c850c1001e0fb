/* Distance of hidden states after each layer, and of the pooled vector of each text. */
#include "tune/loss.h"

#include <math.h>

/* How much a pooled vector's direction counts beside the states. */
static const double pooled_weight = 3;

double alb_tune_loss_value(const alb_tune_loss *loss) {
  return loss->states + pooled_weight * (1 - loss->cosines);
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

/* Which tokens of a text of n are pooled: first .. last - 1. What takes the largest numbers is drawn to the mean too.
 */
static void pooled_tokens(alb_pooling pooling, size_t n, size_t *first, size_t *last) {
  *first = pooling == ALB_POOL_LAST ? n - 1 : 0;
  *last = pooling == ALB_POOL_CLS ? 1 : n;
}

static double pooled(const float *rows, size_t first, size_t last, size_t width, size_t i) {
  double sum = 0;
  for (size_t t = first; t < last; t++) sum += (double)rows[t * width + i];
  return sum / (double)(last - first);
}

/* One text's cosine; d, where given, gets `weight` times the gradient of 1 - cosine added. */
static double text_cosine(const alb_tune_goal *goal, const float *s, const float *t, size_t n, size_t width,
                          double weight, float *d) {
  double dot = 0, ss = 1e-24, tt = 1e-24;
  size_t first, last;
  pooled_tokens(goal->pooling, n, &first, &last);
  for (size_t i = 0; i < width; i++) {
    const double a = pooled(s, first, last, width, i), b = pooled(t, first, last, width, i);
    dot += a * b;
    ss += a * a;
    tt += b * b;
  }
  const double both = sqrt(ss * tt), cosine = dot / both, share = weight / (double)(last - first);
  for (size_t i = 0; d && i < width; i++) {
    const double a = pooled(s, first, last, width, i), b = pooled(t, first, last, width, i);
    const float by = (float)(share * (cosine * a / ss - b / both));
    for (size_t r = first; r < last; r++) d[r * width + i] += by;
  }
  return cosine;
}

alb_tune_loss alb_tune_loss_of(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_goal *goal,
                               const alb_tune_run *student, const alb_tune_run *teacher, float *const *dstate) {
  const uint32_t layers = encoder->config.layers;
  const size_t width = encoder->config.hidden;
  const double per_token = 1.0 / ((double)goal->tokens * layers), per_text = 1.0 / (double)goal->texts;
  alb_tune_loss loss = {0};
  for (uint32_t l = 1; l <= layers; l++) {
    const float *s = state_of(encoder, student, l), *t = state_of(encoder, teacher, l);
    for (size_t i = 0; i < batch->tokens; i++)
      loss.states +=
          per_token * token_loss(s + i * width, t + i * width, width, per_token, dstate ? dstate[l] + i * width : NULL);
  }
  for (size_t text = 0, at = 0; text < batch->sequences; at += batch->lengths[text++] * width)
    loss.cosines += per_text * text_cosine(goal, student->hidden + at, teacher->hidden + at, batch->lengths[text],
                                           width, pooled_weight * per_text, dstate ? dstate[layers] + at : NULL);
  return loss;
}
