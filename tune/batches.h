/* Texts in an order that a seed decides, packed into batches, and those cut into shards. */
#ifndef ALB_TUNE_BATCHES_H
#define ALB_TUNE_BATCHES_H

#include "graph/interpret.h"

/* Shards of a batch: a number that does not depend on the threads, so that sums do not either. */
enum { ALB_TUNE_SHARDS = 8, ALB_TUNE_BATCH_TOKENS = 1024 };

/* Copies of some texts, packed. */
typedef struct alb_tune_shard {
  size_t sequences, tokens;
  uint32_t *lengths;                   /* room for as many as tokens */
  int32_t *ids, *type_ids, *positions; /* [room] */
} alb_tune_shard;

/* Start with {0}; alb_tune_batches_free at the end. */
typedef struct alb_tune_batches {
  const alb_sequences *texts;  /* to learn from, borrowed */
  const alb_sequences *others; /* that those to measure with are of, borrowed; may be `texts` */
  uint64_t seed;
  size_t *start, *other_start; /* [texts], [others]: first token */
  size_t *learned;             /* texts to learn from, in the order of the file */
  size_t *train, train_count;  /* the same, in the epoch's order */
  size_t *held, held_count;    /* of others: texts to measure with, never learned from */
  uint64_t epoch, next;        /* where the next batch begins */
  size_t room;                 /* tokens that a shard may have */
  alb_tune_shard shard[ALB_TUNE_SHARDS];
  void *block; /* what the shards lie in */
} alb_tune_batches;

/* With eval, all of its texts are measured with, and those of `texts` that are there too are not learned from; without
 * (NULL), every n-th text is held out. Errors: ALB_MISSING when there is no text to learn from or to measure with,
 * ALB_MEMORY. */
alb_status alb_tune_batches_new(alb_diag *diag, const alb_sequences *texts, const alb_sequences *eval, uint64_t seed,
                                alb_tune_batches *out);
void alb_tune_batches_free(alb_tune_batches *batches);

/* Goes to a place that epoch and next were at before; false when there is no such place. */
bool alb_tune_batches_seek(alb_tune_batches *batches, uint64_t epoch, uint64_t next);

/* Fills the shards with the next batch, some of which may stay empty. */
void alb_tune_batches_next(alb_tune_batches *batches);

/* Fills the shards with held-out texts from *at on, and moves it; false when none was left. */
bool alb_tune_batches_held(alb_tune_batches *batches, size_t *at);

alb_sequences alb_tune_shard_sequences(const alb_tune_shard *shard);

#endif
