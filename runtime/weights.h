/* Weights made ready for the kernels: each blob once for each use, however many layers share it. */
#ifndef ALB_RUNTIME_WEIGHTS_H
#define ALB_RUNTIME_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/dtype.h"
#include "base/status.h"
#include "base/vec.h"
#include "format/reader.h"
#include "runtime/threadpool.h"

typedef enum alb_weight_use {
  ALB_USE_MATRIX, /* packed for the product kernels */
  ALB_USE_VECTOR, /* f32: biases, norms */
  ALB_USE_TABLE,  /* rows are gathered where they lie */
  ALB_USE_COUNT
} alb_weight_use;

/* One tensor for one use. The shape is known at once, the bytes when `ready`. */
typedef struct alb_weight {
  alb_weight_use use;
  alb_dtype dtype;           /* as stored, f32 with factors; matrices of every float type are packed as f32 */
  alb_dtype base;            /* as stored */
  size_t rows, columns;      /* a vector has one row */
  uint32_t blob, scale_blob; /* scale_blob as in the manifest: 1 + id, or 0 */
  uint32_t left, right;      /* factors, as in the manifest */
  const char *name;          /* of the tensor, borrowed from the reader */
  bool ready, counted;       /* counted: alb_weights_count has added its bytes */
  const void *data;          /* packed matrix (int4 to int6: with its scales), f32 vector, or the table's rows */
  const void *scales;        /* int8: f32 [rows]; int4 to int6 tables: f16 [rows][groups] */
  void *owned;               /* its own copy, packed or widened, or NULL; lies in a room */
  struct alb_weight *next;   /* another shape or scale of the same blob and use */
} alb_weight;

/* Start with {.reader = ...}; alb_weights_free at the end. */
typedef struct alb_weights {
  const alb_reader *reader;
  alb_arena arena;
  alb_weight **by_blob;  /* [blob * ALB_USE_COUNT + use]: chains; with factors: the left one's */
  size_t prepared_bytes; /* memory taken by packed copies */
  ALB_VEC(void *) rooms; /* memory for copies, to be freed */
  unsigned char *room;   /* in the last of them: the place of the next copy */
  size_t room_left;
} alb_weights;

/* The weight of a tensor for a use; the same blob and use give the same weight. *out lives as long
 * as the table. Errors: ALB_SHAPE, ALB_UNSUPPORTED (dtype for the use), ALB_MEMORY. */
alb_status alb_weights_get(alb_diag *diag, alb_weights *weights, uint32_t tensor, alb_weight_use use, alb_weight **out);

/* Adds the memory that preparing a weight will take, once for each weight. */
alb_status alb_weights_count(alb_diag *diag, alb_weight *weight, size_t *bytes);

/* Makes room for copies of so many bytes in one piece, so that they can lie in large pages. */
alb_status alb_weights_reserve(alb_diag *diag, alb_weights *weights, size_t bytes);

/* Makes a weight ready if it is not yet. One thread at a time. */
alb_status alb_weights_prepare(alb_diag *diag, alb_weights *weights, alb_weight *weight, alb_pool *pool);

void alb_weights_free(alb_weights *weights);

#endif
