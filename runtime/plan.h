/* A plan: a function of the graph with its calls written out, as a flat list of kernel steps over
 * values whose places in memory are settled for any batch. Immutable once made. */
#ifndef ALB_RUNTIME_PLAN_H
#define ALB_RUNTIME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/vec.h"
#include "base/vocabulary.h"
#include "format/reader.h"
#include "runtime/partition.h"
#include "runtime/weights.h"

/* What a value has a row for. */
typedef enum alb_rows { ALB_ROWS_TOKENS, ALB_ROWS_SEQUENCES, ALB_ROWS_CHOSEN, ALB_ROWS_COUNT } alb_rows;

/* Where a value lives while a plan runs. */
typedef enum alb_place {
  ALB_PLACE_INPUT,  /* the caller's memory; slot: index of the input */
  ALB_PLACE_OUTPUT, /* the caller's memory */
  ALB_PLACE_SHARED, /* a slot with all rows of the batch */
  ALB_PLACE_LOCAL,  /* in the block of rows that a thread works on; slot: bytes a row before it */
} alb_place;

typedef struct alb_plan_value {
  alb_rows rows;
  alb_dtype dtype; /* F32; I32: indices; I8: quantised rows */
  size_t columns;
  size_t row_bytes;    /* of the values */
  size_t range_bytes;  /* of a quantised row's ranges; else 0 */
  uint32_t made, last; /* steps that define it and use it last; inputs are made at step 0 */
  alb_place place;
  size_t slot;
} alb_plan_value;

enum { ALB_STEP_QUANTIZE = ALB_OP_COUNT, ALB_STEP_COUNT }; /* step kinds beyond base/op.def */

typedef struct alb_step {
  uint32_t kind;  /* alb_op or ALB_STEP_QUANTIZE */
  uint32_t in[3]; /* values */
  uint32_t in_count;
  uint32_t out;          /* value */
  size_t column[3];      /* attention: the columns of in[i] where q, k, v begin */
  alb_weight *weight;    /* the matrix */
  alb_weight *tables[3]; /* gathered by in[i] */
  alb_weight *bias, *gamma, *beta;
  alb_activation activation;
  alb_pooling pooling;
  uint32_t heads;
  float eps;
  uint32_t layer; /* 1 + index of the layer; 0: none */
} alb_step;

typedef enum alb_work { ALB_WORK_ROWS, ALB_WORK_COLUMNS, ALB_WORK_HEADS, ALB_WORK_SEQUENCES } alb_work;

/* Steps that a thread can run one after the other on its rows, without waiting for other threads. */
typedef struct alb_segment {
  uint32_t first, count; /* steps */
  alb_work work;         /* ROWS also for segments with COLUMNS steps */
  alb_rows rows;
} alb_segment;

typedef struct alb_slot {
  alb_rows rows;
  size_t row_bytes; /* the widest value that lives here */
  uint32_t last;    /* while planning: the segment after which the slot is free */
} alb_slot;

typedef struct alb_plan {
  const char *name;               /* of the function, borrowed from the reader */
  ALB_VEC(alb_plan_value) values; /* the inputs first */
  ALB_VEC(alb_step) steps;
  ALB_VEC(alb_segment) segments;
  ALB_VEC(alb_slot) slots;
  ALB_VEC(uint32_t) taps; /* value ids: what goes into the first layer, then each layer's result */
  uint32_t input_count, output;
  size_t local_row_bytes; /* of a block's local values */
  alb_cost cost;          /* multiply-adds of a sequence */
  size_t head_width;      /* the widest attention head; 0: no attention */
  size_t index_limit[3];  /* by input: indices must be below this; SIZE_MAX when not gathered with */
} alb_plan;

/* Plans function `id` (one without parameters) and settles its memory. Errors: ALB_SHAPE and
 * ALB_MALFORMED name the function, the node and what was expected. *plan starts as {0} and is to be
 * freed also after a failure. Weights are described, not yet prepared. */
alb_status alb_plan_make(alb_diag *diag, alb_weights *weights, size_t id, alb_plan *plan);

/* Prepares the weights of all steps. */
alb_status alb_plan_prepare(alb_diag *diag, const alb_plan *plan, alb_weights *weights, alb_pool *pool);

void alb_plan_free(alb_plan *plan);

alb_work alb_step_work(uint32_t kind);

#endif
