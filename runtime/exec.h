/* Running a plan on a batch: steps in order, cut into pieces for the threads. */
#ifndef ALB_RUNTIME_EXEC_H
#define ALB_RUNTIME_EXEC_H

#include "albert.h"
#include "runtime/kernels/kernels.h"
#include "runtime/plan.h"
#include "runtime/threadpool.h"

/* Memory that plans run in; grows, never shrinks. Start with {0}. */
typedef struct alb_workspace {
  unsigned char *bytes; /* aligned to 64 */
  size_t capacity;
  size_t *offsets; /* of the plan's slots */
  size_t offset_capacity;
  size_t *parts; /* first sequences of the parts of a batch, and what stands behind the last */
  size_t part_capacity;
} alb_workspace;

void alb_workspace_free(alb_workspace *workspace);

/* One batch for one plan. Everything is borrowed for the run. */
typedef struct alb_exec {
  const alb_plan *plan;
  const alb_kernels *kernels;
  alb_pool *pool;
  alb_workspace *workspace;
  size_t rows[ALB_ROWS_COUNT];
  const size_t *starts;  /* [sequences + 1] first token of each sequence, and the end; row 0 is the first's first */
  size_t longest;        /* tokens of the longest sequence */
  const void *inputs[3]; /* int32_t or float, as the plan's inputs say */
  float *output;
  bool together; /* all sequences at the same time, for a tap */
  alb_tap *tap;  /* NULL: none */
  void *tap_user;
  size_t first_token; /* of the caller's batch, for the tap */
  /* set by alb_exec_reserve */
  unsigned char *shared, *local, *scratch;
  size_t local_bytes, scratch_bytes; /* of each worker */
} alb_exec;

/* Makes room for the plan on a batch of these sizes (plan, pool, workspace, rows, longest are set). */
alb_status alb_exec_reserve(alb_diag *diag, alb_exec *exec);

/* Runs; alb_exec_reserve with the same sizes must have succeeded before. Cannot fail. */
void alb_exec_run(alb_exec *exec);

#endif
