/* Running a plan on a batch: steps in order, cut into pieces for the threads.
 *
 * With many rows a thread takes a block of rows through all steps of a segment, so that what the
 * steps hand to each other stays in its cache. With few rows each step is cut by output columns.
 * Kernels compute a row and a column the same way in whatever piece, so the cut never shows. */
#include "runtime/exec.h"

#include <stdlib.h>

#include "base/checked.h"
#include "runtime/exec_ops.h"
#include "runtime/memory_plan.h"

enum {
  BLOCK_ROWS = 96,     /* most rows of a block: their values stay in the second-level cache */
  ROUND_ROWS = 16,     /* room for rows is a multiple of this, for alignment */
  FEW_ROWS = 32,       /* fewer rows than this for each thread: cut by columns */
  PANELS_PER_TASK = 2, /* least work for a task that is cut by columns */
};

/* ---- sizes ---- */

static size_t round_rows(size_t rows) {
  return (rows + ROUND_ROWS - 1) / ROUND_ROWS * ROUND_ROWS;
}

static bool cut_by_columns(const alb_exec *x, alb_rows rows) {
  const size_t threads = alb_pool_threads(x->pool);
  return threads > 1 && x->rows[rows] < threads * FEW_ROWS;
}

/* Rows of a block: equal shares for the threads, none larger than BLOCK_ROWS. */
static size_t block_rows(const alb_exec *x, alb_rows rows) {
  const size_t threads = alb_pool_threads(x->pool), n = x->rows[rows];
  const size_t rounds = (n + threads * BLOCK_ROWS - 1) / (threads * BLOCK_ROWS);
  const size_t blocks = rounds ? threads * rounds : 1;
  return round_rows((n + blocks - 1) / blocks);
}

/* Rows that each worker's local values have room for. All workers' rooms together also hold the rows
 * of a batch that is cut by columns. Never shrinks when the batch grows. */
static size_t local_room(const alb_exec *x) {
  size_t most = 0;
  for (size_t kind = 0; kind < ALB_ROWS_COUNT; kind++) {
    if (x->rows[kind] > most) most = x->rows[kind];
  }
  return most < BLOCK_ROWS ? round_rows(most) : BLOCK_ROWS;
}

static bool grow(alb_workspace *w, size_t bytes, size_t slots) {
  if (slots > w->offset_capacity) {
    size_t *offsets = realloc(w->offsets, slots * sizeof *offsets);
    if (!offsets) return false;
    w->offsets = offsets;
    w->offset_capacity = slots;
  }
  if (bytes <= w->capacity) return true;
  free(w->bytes); /* what it held is not needed between runs */
  w->capacity = 0;
  w->bytes = aligned_alloc(ALB_KERNEL_ALIGN, bytes);
  if (!w->bytes) return false;
  w->capacity = bytes;
  return true;
}

void alb_workspace_free(alb_workspace *workspace) {
  free(workspace->bytes);
  free(workspace->offsets);
  *workspace = (alb_workspace){0};
}

/* Bytes of the three parts of the workspace: slots, then locals and scratch of each worker. */
static bool measure(alb_exec *x, size_t *offsets, size_t *shared, size_t *total) {
  const size_t threads = alb_pool_threads(x->pool);
  size_t locals, scratches;
  x->scratch_bytes = 0;
  if (x->plan->head_width && !alb_attention_scratch(x->longest, x->plan->head_width, &x->scratch_bytes)) return false;
  return alb_memory_plan_layout(x->plan, x->rows, offsets, shared) &&
         alb_mul_ok(local_room(x), x->plan->local_row_bytes, &x->local_bytes) &&
         alb_align_ok(x->local_bytes, ALB_KERNEL_ALIGN, &x->local_bytes) &&
         alb_align_ok(x->scratch_bytes, ALB_KERNEL_ALIGN, &x->scratch_bytes) &&
         alb_mul_ok(x->local_bytes, threads, &locals) && alb_mul_ok(x->scratch_bytes, threads, &scratches) &&
         alb_add_ok(*shared, locals, total) && alb_add_ok(*total, scratches, total) && *total < SIZE_MAX / 2;
}

alb_status alb_exec_reserve(alb_diag *diag, alb_exec *exec) {
  alb_workspace *w = exec->workspace;
  size_t shared, total;
  if (!grow(w, 0, exec->plan->slots.count)) return alb_fail_memory(diag, 0, "a batch");
  if (!measure(exec, w->offsets, &shared, &total)) return alb_fail(diag, ALB_OVERFLOW, "the batch is too large");
  if (!grow(w, total, 0)) return alb_fail_memory(diag, total, "a batch");
  exec->shared = w->bytes;
  exec->local = w->bytes + shared;
  exec->scratch = exec->local + exec->local_bytes * alb_pool_threads(exec->pool);
  return ALB_OK;
}

/* ---- running ---- */

/* A fork: what all its tasks know. */
typedef struct job {
  const alb_exec *x;
  const alb_segment *segment;
  const alb_step *step; /* of the segment, when it is run step by step */
  size_t rows;          /* of a task */
  size_t panels;        /* of a task */
  size_t tasks_across;  /* tasks beside each other in the same rows */
} job;

static alb_piece piece_for(const alb_exec *x, size_t worker) {
  return (alb_piece){.panel1 = SIZE_MAX / ALB_PANEL,
                     .local = x->local + worker * x->local_bytes,
                     .scratch = x->scratch + worker * x->scratch_bytes};
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* One block of rows through all steps of the segment. */
static void run_block(void *context, size_t task, size_t worker) {
  const job *j = context;
  alb_piece piece = piece_for(j->x, worker);
  piece.row0 = piece.local0 = task * j->rows;
  piece.row1 = least(piece.row0 + j->rows, j->x->rows[j->segment->rows]);
  piece.local_rows = j->rows;
  for (uint32_t i = 0; i < j->segment->count; i++) {
    alb_exec_step(j->x, &j->x->plan->steps.items[j->segment->first + i], &piece);
  }
}

/* One step on some rows and panels; local values lie where worker 0 keeps its own. */
static void run_piece(void *context, size_t task, size_t worker) {
  const job *j = context;
  (void)worker;
  alb_piece piece = piece_for(j->x, 0);
  const size_t down = task / j->tasks_across, across = task % j->tasks_across;
  piece.row0 = down * j->rows;
  piece.row1 = least(piece.row0 + j->rows, j->x->rows[j->segment->rows]);
  piece.panel0 = across * j->panels;
  if (j->tasks_across > 1) piece.panel1 = piece.panel0 + j->panels;
  piece.local_rows = round_rows(j->x->rows[j->segment->rows]);
  alb_exec_step(j->x, j->step, &piece);
}

static void run_head(void *context, size_t task, size_t worker) {
  const job *j = context;
  alb_piece piece = piece_for(j->x, worker);
  piece.row0 = task / j->step->heads;
  piece.row1 = piece.row0 + 1;
  piece.head = task % j->step->heads;
  alb_exec_step(j->x, j->step, &piece);
}

/* All rows, panels shared out: several tasks a thread, so that a slow one holds nobody up. */
static void cut_columns(const alb_exec *x, job *j) {
  const size_t panels = (j->step->weight->rows + ALB_PANEL - 1) / ALB_PANEL;
  const size_t tasks = 2 * alb_pool_threads(x->pool);
  j->rows = x->rows[j->segment->rows];
  j->panels = (panels + tasks - 1) / tasks;
  if (j->panels < PANELS_PER_TASK) j->panels = PANELS_PER_TASK;
  j->tasks_across = (panels + j->panels - 1) / j->panels;
}

static void cut_rows(const alb_exec *x, job *j) {
  const size_t threads = alb_pool_threads(x->pool), n = x->rows[j->segment->rows];
  j->rows = (n + threads - 1) / threads;
  j->tasks_across = 1;
}

static void run_step(const alb_exec *x, const alb_segment *segment, const alb_step *step) {
  job j = {.x = x, .segment = segment, .step = step};
  if (alb_step_work(step->kind) == ALB_WORK_COLUMNS)
    cut_columns(x, &j);
  else
    cut_rows(x, &j);
  const size_t n = x->rows[segment->rows];
  alb_pool_run(x->pool, run_piece, &j, (n + j.rows - 1) / j.rows * j.tasks_across);
}

static void run_rows(const alb_exec *x, const alb_segment *segment) {
  const size_t n = x->rows[segment->rows];
  if (cut_by_columns(x, segment->rows)) {
    for (uint32_t i = 0; i < segment->count; i++) run_step(x, segment, &x->plan->steps.items[segment->first + i]);
    return;
  }
  job j = {.x = x, .segment = segment, .rows = block_rows(x, segment->rows)};
  alb_pool_run(x->pool, run_block, &j, (n + j.rows - 1) / j.rows);
}

static void run_segment(const alb_exec *x, const alb_segment *segment) {
  const alb_step *step = &x->plan->steps.items[segment->first];
  job j = {.x = x, .segment = segment, .step = step, .rows = 1, .tasks_across = 1};
  if (x->rows[segment->rows] == 0) return;
  switch (segment->work) {
    case ALB_WORK_HEADS:
      alb_pool_run(x->pool, run_head, &j, x->rows[ALB_ROWS_SEQUENCES] * step->heads);
      break;
    case ALB_WORK_SEQUENCES:
      alb_pool_run(x->pool, run_piece, &j, x->rows[ALB_ROWS_SEQUENCES]);
      break;
    default:
      run_rows(x, segment);
      break;
  }
}

/* Tapped values keep their place until the segment that makes them is done. */
static void call_taps(const alb_exec *x, const alb_segment *segment) {
  const alb_plan *plan = x->plan;
  for (size_t i = 0; x->tap && i < plan->taps.count; i++) {
    const alb_plan_value *v = &plan->values.items[plan->taps.items[i]];
    if (v->made < segment->first || v->made >= segment->first + segment->count) continue;
    const void *at = v->place == ALB_PLACE_OUTPUT ? (const void *)x->output
                                                  : (const void *)(x->shared + x->workspace->offsets[v->slot]);
    x->tap(x->tap_user, i, x->first_token, x->rows[ALB_ROWS_TOKENS], at);
  }
}

void alb_exec_run(alb_exec *exec) {
  for (size_t i = 0; i < exec->plan->segments.count; i++) {
    run_segment(exec, &exec->plan->segments.items[i]);
    call_taps(exec, &exec->plan->segments.items[i]);
  }
}
