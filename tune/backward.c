/* Backward through the encoder; each function is the reverse of one in forward.c. */
#include "tune/backward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune/panels.h"
#include "tune/rows.h"

enum { BACK_HIDDEN = 5 };

/* A way back: everything that its steps look at. */
typedef struct way {
  const alb_tune_encoder *encoder;
  const alb_sequences *batch;
  const alb_tune_run *run;
  alb_tune_back *back;
  float *gradients;
} way;

alb_status alb_tune_back_new(alb_diag *diag, const alb_tune_encoder *encoder, const alb_tune_run *run,
                             alb_tune_back *out) {
  /* less than the run itself has, whose size was checked */
  const size_t wide = run->most_tokens * encoder->config.hidden;
  const size_t inner = run->most_tokens * encoder->config.intermediate;
  const size_t floats = BACK_HIDDEN * wide + inner + run->longest * run->longest;
  *out = (alb_tune_back){.most_tokens = run->most_tokens};
  out->block = malloc(floats * sizeof *out->block);
  if (!out->block) return alb_fail_memory(diag, floats * sizeof(float), "gradients of what layers compute");
  float **const arrays[BACK_HIDDEN] = {&out->dx, &out->dy, &out->dq, &out->dk, &out->dv};
  for (size_t i = 0; i < BACK_HIDDEN; i++) *arrays[i] = out->block + i * wide;
  out->dup = out->block + BACK_HIDDEN * wide;
  out->dscores = out->dup + inner;
  return ALB_OK;
}

void alb_tune_back_free(alb_tune_back *back) {
  if (!back) return;
  free(back->block);
  *back = (alb_tune_back){0};
}

/* Where the gradient of a parameter is; NULL: there is none. */
static float *gradient(const way *w, alb_role role, uint32_t layer) {
  const float *value = alb_tune_value(w->encoder, role, layer);
  return value ? w->gradients + (value - w->encoder->values) : NULL;
}

static void add(float *to, const float *from, size_t n) {
  alb_rows_add(to, from, n, to);
}

/* out = x weight^T + bias: dweight += dout^T x, dbias += columns of dout; dx = (or +=, when `more`) dout weight. */
static void multiply_back(const way *w, size_t rows, size_t columns, alb_role weight, alb_role bias, uint32_t layer,
                          const float *x, const float *dout, bool more, float *dx) {
  const size_t tokens = w->run->tokens;
  float *dbias = gradient(w, bias, layer);
  alb_grids_multiply((alb_grid){dout, 1, rows}, (alb_grid){x, columns, 1}, rows, tokens, columns, true, w->run->scratch,
                     gradient(w, weight, layer), columns);
  for (size_t t = 0; dbias && t < tokens; t++) add(dbias, dout + t * rows, rows);
  alb_panels_multiply((alb_grid){dout, rows, 1}, tokens, rows,
                      w->encoder->panels + alb_tune_array_of(w->encoder, weight, layer)->backward, columns, more,
                      w->run->scratch, dx, columns);
}

static void norm_back(const way *w, alb_role gamma, alb_role beta, uint32_t layer, const float *x, size_t n, float *d) {
  const alb_fast *fast = alb_fast_best();
  for (size_t t = 0; t < w->run->tokens; t++)
    fast->norm_back(x + t * n, n, alb_tune_value(w->encoder, gamma, layer), w->encoder->config.layer_norm_eps,
                    gradient(w, gamma, layer), gradient(w, beta, layer), d + t * n);
}

/* dx: by the layer's output, then by attention_norm. */
static void ffn_back(const way *w, uint32_t l) {
  const alb_tune_layer *layer = &w->run->layer[l];
  const size_t hidden = w->encoder->config.hidden, inner = w->encoder->config.intermediate;
  alb_tune_back *back = w->back;
  norm_back(w, ALB_ROLE_FFN_GAMMA, ALB_ROLE_FFN_BETA, l, layer->ffn_sum, hidden, back->dx);
  multiply_back(w, hidden, inner, ALB_ROLE_DOWN_W, ALB_ROLE_DOWN_B, l, layer->active, back->dx, false, back->dup);
  alb_fast_best()->activate_back(w->encoder->config.activation, layer->up, w->run->tokens * inner, back->dup);
  multiply_back(w, inner, hidden, ALB_ROLE_UP_W, ALB_ROLE_UP_B, l, layer->attention_norm, back->dup, true, back->dx);
}

/* One head of one text, whose first number in rows of hidden width is `at`; back->dy is by context. */
static void attend_head_back(const way *w, const alb_tune_layer *layer, size_t at, const alb_head_shape *head) {
  const alb_fast *fast = alb_fast_best();
  const size_t n = head->n, width = head->width, stride = head->stride;
  float *p = w->run->scores, *ds = w->back->dscores, *scratch = w->run->scratch;
  const alb_grid dcontext = {w->back->dy + at, stride, 1}, v_turned = {layer->v + at, 1, stride};
  alb_head_probabilities(head, layer->q + at, layer->k + at, scratch, p);
  alb_grids_multiply((alb_grid){p, 1, n}, dcontext, n, n, width, false, scratch, w->back->dv + at, stride);
  alb_grids_multiply(dcontext, v_turned, n, width, n, false, scratch, ds, n);
  for (size_t t = 0; t < n; t++) fast->softmax_back(p + t * n, n, 1.0f / sqrtf((float)width), ds + t * n);
  alb_grids_multiply((alb_grid){ds, n, 1}, (alb_grid){layer->k + at, stride, 1}, n, n, width, false, scratch,
                     w->back->dq + at, stride);
  alb_grids_multiply((alb_grid){ds, 1, n}, (alb_grid){layer->q + at, stride, 1}, n, n, width, false, scratch,
                     w->back->dk + at, stride);
}

static void attend_back(const way *w, const alb_tune_layer *layer) {
  const alb_encoder_config *config = &w->encoder->config;
  const size_t width = config->hidden / config->heads;
  size_t start = 0;
  for (size_t s = 0; s < w->batch->sequences; s++) {
    const alb_head_shape shape = {w->batch->lengths[s], width, config->hidden};
    for (uint32_t h = 0; h < config->heads; h++) attend_head_back(w, layer, start * config->hidden + h * width, &shape);
    start += w->batch->lengths[s];
  }
}

/* dx: by attention_norm, then by the layer's input. */
static void attention_back(const way *w, uint32_t l) {
  const alb_tune_layer *layer = &w->run->layer[l];
  const size_t hidden = w->encoder->config.hidden;
  alb_tune_back *b = w->back;
  norm_back(w, ALB_ROLE_ATTENTION_GAMMA, ALB_ROLE_ATTENTION_BETA, l, layer->attention_sum, hidden, b->dx);
  multiply_back(w, hidden, hidden, ALB_ROLE_OUTPUT_W, ALB_ROLE_OUTPUT_B, l, layer->context, b->dx, false, b->dy);
  attend_back(w, layer);
  multiply_back(w, hidden, hidden, ALB_ROLE_QUERY_W, ALB_ROLE_QUERY_B, l, layer->input, b->dq, true, b->dx);
  multiply_back(w, hidden, hidden, ALB_ROLE_KEY_W, ALB_ROLE_KEY_B, l, layer->input, b->dk, true, b->dx);
  multiply_back(w, hidden, hidden, ALB_ROLE_VALUE_W, ALB_ROLE_VALUE_B, l, layer->input, b->dv, true, b->dx);
}

static void look_up_back(const way *w, alb_role role, const int32_t *ids, const float *d) {
  const size_t width = w->encoder->config.embedding;
  float *table = gradient(w, role, 0);
  for (size_t t = 0; table && t < w->run->tokens; t++) add(table + (size_t)ids[t] * width, d + t * width, width);
}

static void embed_back(const way *w) {
  const alb_encoder_config *config = &w->encoder->config;
  float *d = w->back->dx;
  if (alb_tune_value(w->encoder, ALB_ROLE_PROJECTION_W, 0)) {
    /* not in dy: embeddings may be wider than the hidden state; embed_norm is not looked at after its product */
    multiply_back(w, config->hidden, config->embedding, ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B, 0,
                  w->run->embed_norm, d, false, w->run->embed_norm);
    d = w->run->embed_norm;
  }
  norm_back(w, ALB_ROLE_EMBED_GAMMA, ALB_ROLE_EMBED_BETA, 0, w->run->embed_sum, config->embedding, d);
  look_up_back(w, ALB_ROLE_WORD, w->batch->ids, d);
  look_up_back(w, ALB_ROLE_POSITION, w->batch->positions, d);
  look_up_back(w, ALB_ROLE_TYPE, w->batch->type_ids, d);
}

void alb_tune_backward(const alb_tune_encoder *encoder, const alb_sequences *batch, const alb_tune_run *run,
                       const float *const *dstate, bool embeddings, alb_tune_back *back, float *gradients) {
  const way w = {encoder, batch, run, back, gradients};
  const size_t n = run->tokens * encoder->config.hidden;
  memset(back->dx, 0, n * sizeof *back->dx);
  for (uint32_t l = encoder->config.layers; l > 0; l--) {
    if (dstate[l]) add(back->dx, dstate[l], n);
    ffn_back(&w, l - 1);
    attention_back(&w, l - 1);
  }
  if (!embeddings) return;
  if (dstate[0]) add(back->dx, dstate[0], n);
  embed_back(&w);
}
