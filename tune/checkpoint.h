/* A training on disk: to go on after whatever stopped it. */
#ifndef ALB_TUNE_CHECKPOINT_H
#define ALB_TUNE_CHECKPOINT_H

#include "base/hash.h"
#include "tune/train.h"

enum { ALB_CHECKPOINT_ARRAYS = 4 };

/* The state, and four arrays of n values each. Bytes: "ALBHEAL2", the key (16), n (8), the state as it lies in memory,
 * the arrays, XXH3-128 of all that. For the machine that wrote it. */
typedef struct alb_checkpoint {
  alb_hash128 key; /* of everything that decides the training */
  size_t n;
  alb_train_state *state;
  float *arrays[ALB_CHECKPOINT_ARRAYS];
} alb_checkpoint;

/* There whole or not at all; replaces an older one. */
alb_status alb_checkpoint_save(alb_diag *diag, const char *path, const alb_checkpoint *checkpoint);

/* Fills state and arrays; nothing of them is changed on failure. Errors: ALB_MALFORMED, ALB_TRUNCATED, ALB_CHECKSUM,
 * ALB_DIFFERS for another key, ALB_IO. */
alb_status alb_checkpoint_load(alb_diag *diag, const char *path, const alb_checkpoint *checkpoint);

#endif
