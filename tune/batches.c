/* Shuffling and packing. */
#include "tune/batches.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"

enum { HELD_STEP = 20, HELD_TOKENS = 4096 }; /* one text in HELD_STEP, but not more tokens */

/* From the order of the file, so that an epoch's order is a matter of seed and epoch alone. */
static void shuffle(alb_tune_batches *b) {
  uint64_t state = b->seed * 0x2545f4914f6cdd1du + b->epoch;
  memcpy(b->train, b->learned, b->train_count * sizeof *b->train);
  for (size_t i = b->train_count; i > 1; i--) {
    const size_t j = (size_t)(alb_random_next(&state) % i), kept = b->train[i - 1];
    b->train[i - 1] = b->train[j];
    b->train[j] = kept;
  }
}

/* ---- which texts are learned from ---- */

static void hold_out(alb_tune_batches *b) {
  const size_t n = b->texts->sequences, least = b->texts->tokens / HELD_TOKENS + 1;
  size_t step = least > HELD_STEP ? least : HELD_STEP;
  if (step > n) step = n;
  for (size_t i = 0; i < n; i++) {
    if (i % step == step - 1)
      b->held[b->held_count++] = i;
    else
      b->learned[b->train_count++] = i;
  }
}

static alb_hash128 hash_text(const alb_sequences *texts, const size_t *start, size_t text) {
  return alb_hash_bytes(
      (alb_span){(const uint8_t *)(texts->ids + start[text]), texts->lengths[text] * sizeof *texts->ids});
}

static int by_bytes(const void *a, const void *b) {
  return memcmp(a, b, sizeof(alb_hash128));
}

/* All of the others are held; what is one of them is not learned from. */
static alb_status keep_apart(alb_diag *diag, alb_tune_batches *b) {
  const size_t n = b->others->sequences;
  alb_hash128 *hashes = calloc(n + 1, sizeof *hashes);
  if (!hashes) return alb_fail_memory(diag, n * sizeof *hashes, "hashes of texts");
  for (size_t i = 0; i < n; i++) {
    hashes[i] = hash_text(b->others, b->other_start, i);
    b->held[b->held_count++] = i;
  }
  qsort(hashes, n, sizeof *hashes, by_bytes);
  for (size_t i = 0; i < b->texts->sequences; i++) {
    const alb_hash128 hash = hash_text(b->texts, b->start, i);
    if (!bsearch(&hash, hashes, n, sizeof *hashes, by_bytes)) b->learned[b->train_count++] = i;
  }
  free(hashes);
  return ALB_OK;
}

/* ---- memory ---- */

static size_t longest_of(const alb_sequences *texts, size_t longest) {
  for (size_t i = 0; i < texts->sequences; i++)
    if (texts->lengths[i] > longest) longest = texts->lengths[i];
  return longest;
}

/* The least filled of the shards is never above their mean, to which one text is added. */
static size_t room_for(const alb_tune_batches *b) {
  const size_t longest = longest_of(b->others, longest_of(b->texts, 1));
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

/* Where each text begins. */
static size_t *starts_of(const alb_sequences *texts) {
  size_t *start = calloc(texts->sequences + 1, sizeof *start);
  for (size_t i = 1; start && i < texts->sequences; i++) start[i] = start[i - 1] + texts->lengths[i - 1];
  return start;
}

static alb_status allocate(alb_diag *diag, alb_tune_batches *b) {
  const size_t n = b->texts->sequences;
  b->start = starts_of(b->texts);
  b->other_start = starts_of(b->others);
  b->learned = calloc(n + 1, sizeof *b->learned);
  b->train = calloc(n + 1, sizeof *b->train);
  b->held = calloc(b->others->sequences + 1, sizeof *b->held);
  b->block = calloc(ALB_TUNE_SHARDS * 4 * b->room, sizeof(int32_t));
  if (b->start && b->other_start && b->learned && b->train && b->held && b->block) return ALB_OK;
  return alb_fail_memory(diag, n * sizeof *b->start, "batches");
}

alb_status alb_tune_batches_new(alb_diag *diag, const alb_sequences *texts, const alb_sequences *eval, uint64_t seed,
                                alb_tune_batches *out) {
  *out = (alb_tune_batches){.texts = texts, .others = eval ? eval : texts, .seed = seed};
  if (!eval && texts->sequences < 2)
    return alb_fail(diag, ALB_MISSING, "%zu texts are too few: one is held out to measure with", texts->sequences);
  out->room = room_for(out);
  ALB_TRY(allocate(diag, out));
  place(out);
  if (eval)
    ALB_TRY(keep_apart(diag, out));
  else
    hold_out(out);
  if (!out->held_count) return alb_fail(diag, ALB_MISSING, "there is no text to measure with");
  if (!out->train_count) return alb_fail(diag, ALB_MISSING, "every text to learn from is one to measure with, too");
  shuffle(out);
  return ALB_OK;
}

void alb_tune_batches_free(alb_tune_batches *batches) {
  if (!batches) return;
  free(batches->start);
  free(batches->other_start);
  free(batches->learned);
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
static void add(alb_tune_batches *b, const alb_sequences *texts, const size_t *start, size_t text) {
  alb_tune_shard *shard = &b->shard[0];
  const size_t n = texts->lengths[text], from = start[text];
  for (int s = 1; s < ALB_TUNE_SHARDS; s++)
    if (b->shard[s].tokens < shard->tokens) shard = &b->shard[s];
  memcpy(shard->ids + shard->tokens, texts->ids + from, n * sizeof(int32_t));
  memcpy(shard->type_ids + shard->tokens, texts->type_ids + from, n * sizeof(int32_t));
  memcpy(shard->positions + shard->tokens, texts->positions + from, n * sizeof(int32_t));
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
    add(batches, batches->texts, batches->start, text);
  }
}

bool alb_tune_batches_held(alb_tune_batches *batches, size_t *at) {
  clear(batches);
  const size_t first = *at;
  for (size_t tokens = 0; tokens < ALB_TUNE_BATCH_TOKENS && *at < batches->held_count; ++*at) {
    tokens += batches->others->lengths[batches->held[*at]];
    add(batches, batches->others, batches->other_start, batches->held[*at]);
  }
  return *at > first;
}

alb_sequences alb_tune_shard_sequences(const alb_tune_shard *shard) {
  return (alb_sequences){shard->sequences, shard->tokens,   shard->lengths,
                         shard->ids,       shard->type_ids, shard->positions};
}
