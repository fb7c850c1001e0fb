/* Forward through the encoder, step by step on the calling thread. */
#include "tune/forward.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tune/panels.h"
#include "tune/rows.h"

/* Arrays that a layer has besides its input, of either width. */
enum { HIDDEN_ARRAYS = 7, FFN_ARRAYS = 2 };

/* Positions bound what a text may have, and so the scores of one head. */
static size_t longest_text(const alb_tune_encoder *e, size_t tokens) {
  return tokens < e->config.max_positions ? tokens : e->config.max_positions;
}

/* Both sides of the largest product of either way; see alb_grids_room. */
static uint64_t scratch_floats(const alb_tune_encoder *e, uint64_t tokens, uint64_t longest) {
  const uint64_t hidden = e->config.hidden, inner = e->config.intermediate, embedding = e->config.embedding;
  uint64_t wide = inner > hidden ? inner : hidden;
  if (embedding > wide) wide = embedding;
  if (longest > wide) wide = longest;
  return tokens * (2 * wide + ALB_PANEL) + hidden * (longest + ALB_PANEL);
}

static bool count_floats(const alb_tune_encoder *e, size_t tokens, bool keep, size_t *floats) {
  const uint64_t hidden = e->config.hidden, sets = keep ? e->config.layers : 1;
  const uint64_t layer = HIDDEN_ARRAYS * hidden + FFN_ARRAYS * (uint64_t)e->config.intermediate;
  const uint64_t states = (keep ? (uint64_t)e->config.layers + 1 : 1) * hidden;
  const uint64_t longest = longest_text(e, tokens);
  uint64_t row, all;
  if (tokens > INT_MAX) return false;
  if (__builtin_mul_overflow(sets, layer, &row)) return false;
  if (__builtin_add_overflow(row, states + 2 * (uint64_t)e->config.embedding + longest, &row)) return false;
  if (__builtin_mul_overflow(row, (uint64_t)tokens, &all)) return false;
  if (__builtin_add_overflow(all, scratch_floats(e, tokens, longest), &all) || all > SIZE_MAX / sizeof(float))
    return false;
  *floats = (size_t)all;
  return true;
}

static float *take(float **next, size_t tokens, size_t width) {
  float *at = *next;
  *next += tokens * width;
  return at;
}

static void place_layer(float **next, size_t tokens, const alb_encoder_config *config, alb_tune_layer *layer) {
  float **const hidden[HIDDEN_ARRAYS] = {
      &layer->q, &layer->k, &layer->v, &layer->context, &layer->attention_sum, &layer->attention_norm, &layer->ffn_sum};
  for (int i = 0; i < HIDDEN_ARRAYS; i++) *hidden[i] = take(next, tokens, config->hidden);
  layer->up = take(next, tokens, config->intermediate);
  layer->active = take(next, tokens, config->intermediate);
}

static void place(const alb_encoder_config *config, alb_tune_run *run) {
  float *next = run->block;
  run->scores = take(&next, run->longest, run->longest);
  run->embed_sum = take(&next, run->most_tokens, config->embedding);
  run->embed_norm = take(&next, run->most_tokens, config->embedding);
  run->hidden = take(&next, run->most_tokens, config->hidden);
  for (uint32_t l = 0; l < config->layers; l++) {
    run->layer[l] = run->layer[0];
    run->layer[l].input = run->keep ? take(&next, run->most_tokens, config->hidden) : run->hidden;
    if (l == 0 || run->keep) place_layer(&next, run->most_tokens, config, &run->layer[l]);
  }
  run->scratch = next;
}

alb_status alb_tune_run_new(alb_diag *diag, const alb_tune_encoder *encoder, size_t most_tokens, bool keep,
                            alb_tune_run *out) {
  size_t floats;
  *out = (alb_tune_run){.most_tokens = most_tokens, .longest = longest_text(encoder, most_tokens), .keep = keep};
  if (!count_floats(encoder, most_tokens, keep, &floats))
    return alb_fail(diag, ALB_OVERFLOW, "a batch of %zu tokens is too large", most_tokens);
  out->layer = calloc(encoder->config.layers, sizeof *out->layer);
  out->block = malloc(floats * sizeof *out->block);
  if (!out->layer || !out->block) return alb_fail_memory(diag, floats * sizeof(float), "what layers compute");
  place(&encoder->config, out);
  return ALB_OK;
}

void alb_tune_run_free(alb_tune_run *run) {
  if (!run) return;
  free(run->layer);
  free(run->block);
  *run = (alb_tune_run){0};
}

static void norm(const float *x, size_t rows, size_t n, const float *gamma, const float *beta, float eps, float *out) {
  const alb_fast *fast = alb_fast_best();
  for (size_t r = 0; r < rows; r++) fast->norm(x + r * n, n, gamma, beta, eps, out + r * n);
}

/* One of the encoder's products. */
static void multiply(const alb_tune_encoder *e, const alb_tune_run *run, alb_role weight, alb_role bias, uint32_t l,
                     const float *x, float *out) {
  const alb_tune_array *array = alb_tune_array_of(e, weight, l);
  alb_rows_multiply(x, run->tokens, (size_t)array->columns, e->panels + array->forward, alb_tune_value(e, bias, l),
                    (size_t)array->rows, run->scratch, out);
}

static void attend(const alb_encoder_config *config, const alb_sequences *batch, const alb_tune_run *run,
                   const alb_tune_layer *layer) {
  const size_t width = config->hidden / config->heads;
  size_t start = 0;
  for (size_t s = 0; s < batch->sequences; s++) {
    for (uint32_t h = 0; h < config->heads; h++) {
      const size_t at = start * config->hidden + h * width;
      const alb_head_shape shape = {batch->lengths[s], width, config->hidden};
      alb_head_attend(&shape, layer->q + at, layer->k + at, layer->v + at, run->scratch, run->scores,
                      layer->context + at);
    }
    start += batch->lengths[s];
  }
}

static void attention_block(const alb_tune_encoder *e, uint32_t l, const alb_sequences *batch,
                            const alb_tune_run *run) {
  const alb_tune_layer *layer = &run->layer[l];
  const size_t tokens = run->tokens, hidden = e->config.hidden;
  multiply(e, run, ALB_ROLE_QUERY_W, ALB_ROLE_QUERY_B, l, layer->input, layer->q);
  multiply(e, run, ALB_ROLE_KEY_W, ALB_ROLE_KEY_B, l, layer->input, layer->k);
  multiply(e, run, ALB_ROLE_VALUE_W, ALB_ROLE_VALUE_B, l, layer->input, layer->v);
  attend(&e->config, batch, run, layer);
  multiply(e, run, ALB_ROLE_OUTPUT_W, ALB_ROLE_OUTPUT_B, l, layer->context, layer->attention_sum);
  alb_rows_add(layer->attention_sum, layer->input, tokens * hidden, layer->attention_sum);
  norm(layer->attention_sum, tokens, hidden, alb_tune_value(e, ALB_ROLE_ATTENTION_GAMMA, l),
       alb_tune_value(e, ALB_ROLE_ATTENTION_BETA, l), e->config.layer_norm_eps, layer->attention_norm);
}

static void ffn_block(const alb_tune_encoder *e, uint32_t l, const alb_tune_run *run, float *out) {
  const alb_tune_layer *layer = &run->layer[l];
  const size_t tokens = run->tokens, hidden = e->config.hidden, inner = e->config.intermediate;
  multiply(e, run, ALB_ROLE_UP_W, ALB_ROLE_UP_B, l, layer->attention_norm, layer->up);
  alb_fast_best()->activate(e->config.activation, layer->up, tokens * inner, layer->active);
  multiply(e, run, ALB_ROLE_DOWN_W, ALB_ROLE_DOWN_B, l, layer->active, layer->ffn_sum);
  alb_rows_add(layer->ffn_sum, layer->attention_norm, tokens * hidden, layer->ffn_sum);
  norm(layer->ffn_sum, tokens, hidden, alb_tune_value(e, ALB_ROLE_FFN_GAMMA, l),
       alb_tune_value(e, ALB_ROLE_FFN_BETA, l), e->config.layer_norm_eps, out);
}

/* Adds rows of a table; ids outside of it are refused. */
static alb_status look_up(alb_diag *diag, const float *table, uint32_t rows, const int32_t *ids, size_t tokens,
                          size_t width, float *sum) {
  for (size_t t = 0; t < tokens; t++) {
    if (ids[t] < 0 || (uint32_t)ids[t] >= rows)
      return alb_fail(diag, ALB_ARGUMENT, "token %zu has the id %d, the table has %u rows", t, (int)ids[t], rows);
    alb_rows_add(sum + t * width, table + (size_t)ids[t] * width, width, sum + t * width);
  }
  return ALB_OK;
}

static alb_status embed(alb_diag *diag, const alb_tune_encoder *e, const alb_sequences *batch, alb_tune_run *run) {
  const alb_encoder_config *config = &e->config;
  const size_t tokens = run->tokens, width = config->embedding;
  const float *types = alb_tune_value(e, ALB_ROLE_TYPE, 0);
  float *out = run->layer[0].input;
  memset(run->embed_sum, 0, tokens * width * sizeof(float));
  ALB_TRY(look_up(diag, alb_tune_value(e, ALB_ROLE_WORD, 0), config->vocab, batch->ids, tokens, width, run->embed_sum));
  ALB_TRY(look_up(diag, alb_tune_value(e, ALB_ROLE_POSITION, 0), config->max_positions, batch->positions, tokens, width,
                  run->embed_sum));
  if (types) ALB_TRY(look_up(diag, types, config->type_vocab, batch->type_ids, tokens, width, run->embed_sum));
  norm(run->embed_sum, tokens, width, alb_tune_value(e, ALB_ROLE_EMBED_GAMMA, 0),
       alb_tune_value(e, ALB_ROLE_EMBED_BETA, 0), config->layer_norm_eps, run->embed_norm);
  if (alb_tune_value(e, ALB_ROLE_PROJECTION_W, 0))
    multiply(e, run, ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B, 0, run->embed_norm, out);
  else
    memcpy(out, run->embed_norm, tokens * width * sizeof(float));
  return ALB_OK;
}

alb_status alb_tune_forward(alb_diag *diag, const alb_tune_encoder *encoder, const alb_sequences *batch,
                            alb_tune_run *run) {
  const uint32_t layers = encoder->config.layers;
  if (batch->tokens > run->most_tokens)
    return alb_fail(diag, ALB_LIMIT, "%zu tokens in a batch, at most %zu", batch->tokens, run->most_tokens);
  for (size_t s = 0; s < batch->sequences; s++)
    if (batch->lengths[s] > run->longest)
      return alb_fail(diag, ALB_LIMIT, "text %zu has %u tokens, at most %zu", s, batch->lengths[s], run->longest);
  run->tokens = batch->tokens;
  ALB_TRY(embed(diag, encoder, batch, run));
  for (uint32_t l = 0; l < layers; l++) {
    attention_block(encoder, l, batch, run);
    ffn_block(encoder, l, run, l + 1 < layers ? run->layer[l + 1].input : run->hidden);
  }
  return ALB_OK;
}
