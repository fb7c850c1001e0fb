/* Reference: attention of one head, one query at a time; and the scratch every variant gets. */
#include <math.h>

#include "base/checked.h"
#include "runtime/kernels/variants.h"

/* Rows of scores that a variant may hold at once. */
enum { SCORE_ROWS = 12 };

bool alb_attention_scratch(size_t tokens, size_t width, size_t *bytes) {
  size_t t, d, keys, scores;
  /* packed keys and values, a block of score rows, and the rows' output. */
  return alb_align_ok(tokens, ALB_PANEL, &t) && alb_align_ok(width, ALB_PANEL, &d) && alb_mul_ok(t, d, &keys) &&
         alb_mul_ok(keys, 2, &keys) && alb_add_ok(t, d, &scores) && alb_mul_ok(scores, SCORE_ROWS, &scores) &&
         alb_add_ok(keys, scores, bytes) && alb_mul_ok(*bytes, sizeof(float), bytes);
}

static double dot(const float *a, const float *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
  return sum;
}

/* scores[tokens] = softmax(q k^T * scale) of one query. */
static void attend(const alb_attention *g, const float *q, float *scores) {
  float most = -INFINITY;
  double sum = 0;
  for (size_t j = 0; j < g->tokens; j++) {
    scores[j] = (float)(dot(q, g->k + j * g->stride, g->width) * g->scale);
    if (scores[j] > most) most = scores[j];
  }
  for (size_t j = 0; j < g->tokens; j++) sum += exp((double)scores[j] - most);
  for (size_t j = 0; j < g->tokens; j++) scores[j] = (float)(exp((double)scores[j] - most) / sum);
}

void alb_attention_ref(const alb_attention *g) {
  for (size_t i = 0; i < g->tokens; i++) {
    attend(g, g->q + i * g->stride, g->scratch);
    for (size_t d = 0; d < g->width; d++) {
      double sum = 0;
      for (size_t j = 0; j < g->tokens; j++) sum += (double)g->scratch[j] * g->v[j * g->stride + d];
      g->out[i * g->out_stride + d] = (float)sum;
    }
  }
}
