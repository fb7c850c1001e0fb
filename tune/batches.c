/* Shuffling and packing. */
#include "tune/batches.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_STEP = 20, HELD_TOKENS = 4096 }; /* one text in HELD_STEP, but not more tokens */

/* splitmix64. */
static uint64_t random_next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* From the order of the file, so that an epoch's order is a matter of seed and epoch alone. */
static void shuffle(alb_tune_batches *b) {
  uint64_t state = b->seed * 0x2545f4914f6cdd1du + b->epoch;
  size_t n = 0;
  for (size_t i = 0, h = 0; i < b->texts->sequences; i++) {
    if (h < b->held_count && b->held[h] == i) {
      h++;
      continue;
    }
    b->train[n++] = i;
  }
  for (size_t i = n; i > 1; i--) {
    const size_t j = (size_t)(random_next(&state) % i), kept = b->train[i - 1];
    b->train[i - 1] = b->train[j];
    b->train[j] = kept;
  }
}

static void hold_out(alb_tune_batches *b) {
  const size_t n = b->texts->sequences, least = b->texts->tokens / HELD_TOKENS + 1;
  size_t step = least > HELD_STEP ? least : HELD_STEP;
  if (step > n) step = n;
  for (size_t i = step - 1; i < n; i += step) b->held[b->held_count++] = i;
  b->train_count = n - b->held_count;
}

/* The least filled of the shards is never above their mean, to which one text is added. */
static size_t room_for(const alb_sequences *texts) {
  size_t longest = 1;
  for (size_t i = 0; i < texts->sequences; i++)
    if (texts->lengths[i] > longest) longest = texts->lengths[i];
  return (ALB_TUNE_BATCH_TOKENS + longest) / ALB_TUNE_SHARDS + longest + 1;
}

static void place(alb_tune_batches *b) {
  int32_t *next = b->block;
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) {
    alb_tune_shard *shard = &b->shard[s];
    int32_t **const arrays[] = {&shard->ids, &shard->type_ids, &shard->positions};
    for (size_t i = 0; i < 3; i++, next += b->room) *arrays[i] = next;
    shard->lengths = (uint32_t *)next;
    next += b->room;
  }
}

alb_status alb_tune_batches_new(alb_diag *diag, const alb_sequences *texts, uint64_t seed, alb_tune_batches *out) {
  const size_t n = texts->sequences;
  *out = (alb_tune_batches){.texts = texts, .seed = seed, .room = room_for(texts)};
  if (n < 2) return alb_fail(diag, ALB_MISSING, "%zu texts are too few: one is held out to measure with", n);
  out->start = calloc(n, sizeof *out->start);
  out->train = calloc(n, sizeof *out->train);
  out->held = calloc(n, sizeof *out->held);
  out->block = calloc(ALB_TUNE_SHARDS * 4 * out->room, sizeof(int32_t));
  if (!out->start || !out->train || !out->held || !out->block)
    return alb_fail_memory(diag, n * sizeof *out->start, "batches");
  for (size_t i = 1; i < n; i++) out->start[i] = out->start[i - 1] + texts->lengths[i - 1];
  place(out);
  hold_out(out);
  shuffle(out);
  return ALB_OK;
}

void alb_tune_batches_free(alb_tune_batches *batches) {
  if (!batches) return;
  free(batches->start);
  free(batches->train);
  free(batches->held);
  free(batches->block);
  *batches = (alb_tune_batches){0};
}

bool alb_tune_batches_seek(alb_tune_batches *batches, uint64_t epoch, uint64_t next) {
  if (next > batches->train_count) return false;
  batches->epoch = epoch;
  batches->next = next;
  shuffle(batches);
  return true;
}

static void clear(alb_tune_batches *b) {
  for (int s = 0; s < ALB_TUNE_SHARDS; s++) b->shard[s].sequences = b->shard[s].tokens = 0;
}

/* Into the least filled shard, the first of several. */
static void add(alb_tune_batches *b, size_t text) {
  alb_tune_shard *shard = &b->shard[0];
  const size_t n = b->texts->lengths[text], from = b->start[text];
  for (int s = 1; s < ALB_TUNE_SHARDS; s++)
    if (b->shard[s].tokens < shard->tokens) shard = &b->shard[s];
  memcpy(shard->ids + shard->tokens, b->texts->ids + from, n * sizeof(int32_t));
  memcpy(shard->type_ids + shard->tokens, b->texts->type_ids + from, n * sizeof(int32_t));
  memcpy(shard->positions + shard->tokens, b->texts->positions + from, n * sizeof(int32_t));
  shard->lengths[shard->sequences++] = (uint32_t)n;
  shard->tokens += n;
}

void alb_tune_batches_next(alb_tune_batches *batches) {
  clear(batches);
  for (size_t tokens = 0; tokens < ALB_TUNE_BATCH_TOKENS; batches->next++) {
    if (batches->next == batches->train_count) {
      batches->epoch++;
      batches->next = 0;
      shuffle(batches);
      if (tokens) return;
    }
    const size_t text = batches->train[batches->next];
    tokens += batches->texts->lengths[text];
    add(batches, text);
  }
}

bool alb_tune_batches_held(alb_tune_batches *batches, size_t *at) {
  clear(batches);
  const size_t first = *at;
  for (size_t tokens = 0; tokens < ALB_TUNE_BATCH_TOKENS && *at < batches->held_count; ++*at) {
    tokens += batches->texts->lengths[batches->held[*at]];
    add(batches, batches->held[*at]);
  }
  return *at > first;
}

alb_sequences alb_tune_shard_sequences(const alb_tune_shard *shard) {
  return (alb_sequences){shard->sequences, shard->tokens,   shard->lengths,
                         shard->ids,       shard->type_ids, shard->positions};
}
