/* Running a plan on a batch: steps in order, cut into pieces for the threads.
 *
 * With many sequences each thread takes some of them through the whole plan, apart from the other
 * threads. Otherwise the threads work together, segment by segment: with many rows a thread takes a
 * block of rows through all steps of a segment, with few rows each step is cut by output columns.
 * What steps hand to each other stays in a thread's cache as far as can be. Kernels compute a row and
 * a column the same way in whatever piece, so the cut never shows. */
#include "runtime/exec.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/pages.h"
#include "runtime/exec_ops.h"
#include "runtime/memory_plan.h"
#include "runtime/partition.h"

enum {
  PART_TOKENS = 128,   /* most tokens that a thread takes through the whole plan, unless a sequence has more */
  PARTS_EACH = 8,      /* with so many parts for each thread they surely finish together */
  BLOCK_ROWS = 96,     /* most rows of a block: their values stay in the second-level cache */
  ROUND_ROWS = 16,     /* room for rows is a multiple of this, for alignment */
  FEW_ROWS = 32,       /* fewer rows than this for each thread: cut by columns */
  PANELS_PER_TASK = 2, /* least work for a task that is cut by columns */
  FORK_NUMBERS = 8192, /* a step on fewer numbers, row by row, takes no longer than sharing it out */
};

static const double TOGETHER_BALANCE = 0.94; /* when parts keep threads less busy than this, they work together */

/* ---- sizes ---- */

static size_t round_rows(size_t rows) {
  return (rows + ROUND_ROWS - 1) / ROUND_ROWS * ROUND_ROWS;
}

static size_t threads_of(const alb_exec *x) {
  return x->pool ? alb_pool_threads(x->pool) : 1;
}

static void fork_tasks(const alb_exec *x, alb_task task, void *context, size_t tasks) {
  if (x->pool)
    alb_pool_run(x->pool, task, context, tasks);
  else
    for (size_t i = 0; i < tasks; i++) task(context, i, 0);
}

static bool cut_by_columns(const alb_exec *x, alb_rows rows) {
  const size_t threads = threads_of(x);
  return threads > 1 && x->rows[rows] < threads * FEW_ROWS;
}

/* Rows of a block: equal shares for the threads, none larger than BLOCK_ROWS. */
static size_t block_rows(const alb_exec *x, alb_rows rows) {
  const size_t threads = threads_of(x), n = x->rows[rows];
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

static bool grow_table(size_t **table, size_t *capacity, size_t count) {
  if (count <= *capacity) return true;
  size_t bytes;
  size_t *bigger = alb_mul_ok(count, sizeof *bigger, &bytes) ? realloc(*table, bytes) : NULL;
  if (!bigger) return false;
  *table = bigger;
  *capacity = count;
  return true;
}

static bool grow_tables(alb_workspace *w, size_t slots, size_t sequences) {
  return grow_table(&w->offsets, &w->offset_capacity, slots) && grow_table(&w->parts, &w->part_capacity, sequences + 1);
}

static bool grow(alb_workspace *w, size_t bytes) {
  if (bytes <= w->capacity) return true;
  free(w->bytes); /* what it held is not needed between runs */
  w->capacity = 0;
  w->bytes = alb_pages_new(bytes);
  if (!w->bytes) return false;
  w->capacity = bytes;
  return true;
}

void alb_workspace_free(alb_workspace *workspace) {
  free(workspace->bytes);
  free(workspace->offsets);
  free(workspace->parts);
  *workspace = (alb_workspace){0};
}

/* ---- apart or together ---- */

static size_t part_tokens(const alb_exec *x) {
  return alb_least(x->rows[ALB_ROWS_TOKENS], x->longest > PART_TOKENS ? x->longest : PART_TOKENS);
}

/* Sequences can be taken through the plan one by one. */
static bool can_go_apart(const alb_exec *x) {
  for (uint32_t i = 0; i < x->plan->input_count; i++) {
    if (x->plan->values.items[i].rows != ALB_ROWS_TOKENS) return false;
  }
  return !x->together && x->rows[ALB_ROWS_TOKENS] > 0;
}

/* However long the sequences are. */
static bool surely_apart(const alb_exec *x) {
  const size_t threads = threads_of(x);
  return can_go_apart(x) && (threads == 1 || x->rows[ALB_ROWS_TOKENS] / PARTS_EACH / threads >= part_tokens(x));
}

/* When there are sequences and rows for every thread. */
static bool maybe_apart(const alb_exec *x) {
  const size_t threads = threads_of(x);
  return can_go_apart(x) && x->rows[ALB_ROWS_SEQUENCES] >= threads && x->rows[ALB_ROWS_TOKENS] / FEW_ROWS >= threads;
}

static size_t cut_parts(const alb_exec *x, size_t *parts) {
  return alb_partition(&x->plan->cost, x->starts, x->rows[ALB_ROWS_SEQUENCES], threads_of(x), part_tokens(x), parts);
}

/* The parts to be taken apart, or 0: the threads work together. */
static size_t parts_to_take(const alb_exec *x) {
  size_t *parts = x->workspace->parts;
  const bool sure = surely_apart(x);
  if (!sure && !maybe_apart(x)) return 0;
  const size_t count = cut_parts(x, parts);
  const double balance = sure ? 1 : alb_partition_balance(&x->plan->cost, x->starts, parts, count, threads_of(x));
  return balance >= TOGETHER_BALANCE ? count : 0;
}

/* ---- memory ---- */

/* Slots for one part, on each thread. */
static bool layout_parts(const alb_exec *x, size_t *offsets, size_t *part_bytes, size_t *bytes) {
  const size_t most = part_tokens(x);
  const size_t rows[ALB_ROWS_COUNT] = {
      [ALB_ROWS_TOKENS] = most, [ALB_ROWS_SEQUENCES] = alb_least(most, x->rows[ALB_ROWS_SEQUENCES])};
  return alb_memory_plan_layout(x->plan, rows, offsets, part_bytes) && alb_mul_ok(*part_bytes, threads_of(x), bytes);
}

/* Bytes of the three parts of the workspace: locals and scratch of each worker, then slots. */
static bool measure(alb_exec *x, size_t *offsets, size_t *total) {
  size_t worker, workers, part, apart = 0, together = 0;
  const size_t threads = threads_of(x);
  x->scratch_bytes = 0;
  if (x->plan->head_width && !alb_attention_scratch(x->longest, x->plan->head_width, &x->scratch_bytes)) return false;
  if ((surely_apart(x) || maybe_apart(x)) && !layout_parts(x, offsets, &part, &apart)) return false;
  if (!surely_apart(x) && !alb_memory_plan_layout(x->plan, x->rows, offsets, &together)) return false;
  return alb_mul_ok(local_room(x), x->plan->local_row_bytes, &x->local_bytes) &&
         alb_align_ok(x->local_bytes, ALB_KERNEL_ALIGN, &x->local_bytes) &&
         alb_align_ok(x->scratch_bytes, ALB_KERNEL_ALIGN, &x->scratch_bytes) &&
         alb_add_ok(x->local_bytes, x->scratch_bytes, &worker) && alb_mul_ok(worker, threads, &workers) &&
         alb_add_ok(workers, apart > together ? apart : together, total) && *total < SIZE_MAX / 2;
}

alb_status alb_exec_reserve(alb_diag *diag, alb_exec *exec) {
  alb_workspace *w = exec->workspace;
  const size_t threads = threads_of(exec);
  size_t total;
  if (!grow_tables(w, exec->plan->slots.count, exec->rows[ALB_ROWS_SEQUENCES])) {
    return alb_fail_memory(diag, 0, "a batch");
  }
  if (!measure(exec, w->offsets, &total)) return alb_fail(diag, ALB_OVERFLOW, "the batch is too large");
  if (!grow(w, total)) return alb_fail_memory(diag, total, "a batch");
  exec->local = w->bytes;
  exec->scratch = exec->local + exec->local_bytes * threads;
  exec->shared = exec->scratch + exec->scratch_bytes * threads;
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
  size_t part_bytes;    /* slots of a thread that works apart */
} job;

static alb_piece piece_for(const alb_exec *x, size_t worker) {
  return (alb_piece){.panel1 = SIZE_MAX / ALB_PANEL,
                     .local = x->local + worker * x->local_bytes,
                     .scratch = x->scratch + worker * x->scratch_bytes};
}

/* One block of rows through all steps of the segment. */
static void run_block(void *context, size_t task, size_t worker) {
  const job *j = context;
  alb_piece piece = piece_for(j->x, worker);
  piece.row0 = piece.local0 = task * j->rows;
  piece.row1 = alb_least(piece.row0 + j->rows, j->x->rows[j->segment->rows]);
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
  piece.row1 = alb_least(piece.row0 + j->rows, j->x->rows[j->segment->rows]);
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
  const size_t tasks = 2 * threads_of(x);
  j->rows = x->rows[j->segment->rows];
  j->panels = (panels + tasks - 1) / tasks;
  if (j->panels < PANELS_PER_TASK) j->panels = PANELS_PER_TASK;
  j->tasks_across = (panels + j->panels - 1) / j->panels;
}

static void cut_rows(const alb_exec *x, job *j) {
  const size_t n = x->rows[j->segment->rows], columns = x->plan->values.items[j->step->in[0]].columns;
  const size_t threads = n * columns < FORK_NUMBERS ? 1 : threads_of(x);
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
  fork_tasks(x, run_piece, &j, (n + j.rows - 1) / j.rows * j.tasks_across);
}

static void run_rows(const alb_exec *x, const alb_segment *segment) {
  const size_t n = x->rows[segment->rows];
  if (cut_by_columns(x, segment->rows)) {
    for (uint32_t i = 0; i < segment->count; i++) run_step(x, segment, &x->plan->steps.items[segment->first + i]);
    return;
  }
  job j = {.x = x, .segment = segment, .rows = block_rows(x, segment->rows)};
  fork_tasks(x, run_block, &j, (n + j.rows - 1) / j.rows);
}

static void run_segment(const alb_exec *x, const alb_segment *segment) {
  const alb_step *step = &x->plan->steps.items[segment->first];
  job j = {.x = x, .segment = segment, .step = step, .rows = 1, .tasks_across = 1};
  if (x->rows[segment->rows] == 0) return;
  switch (segment->work) {
    case ALB_WORK_HEADS:
      fork_tasks(x, run_head, &j, x->rows[ALB_ROWS_SEQUENCES] * step->heads);
      break;
    case ALB_WORK_SEQUENCES:
      fork_tasks(x, run_piece, &j, x->rows[ALB_ROWS_SEQUENCES]);
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

static void run_segments(const alb_exec *x) {
  for (size_t i = 0; i < x->plan->segments.count; i++) {
    run_segment(x, &x->plan->segments.items[i]);
    call_taps(x, &x->plan->segments.items[i]);
  }
}

/* One part through the whole plan, as a batch of its own on one thread. */
static void run_part(void *context, size_t task, size_t worker) {
  const job *j = context;
  const alb_plan *plan = j->x->plan;
  const size_t *parts = j->x->workspace->parts, first = parts[task], token = j->x->starts[first];
  alb_exec x = *j->x;
  x.pool = NULL;
  x.starts += first;
  x.rows[ALB_ROWS_SEQUENCES] = parts[task + 1] - first;
  x.rows[ALB_ROWS_TOKENS] = j->x->starts[parts[task + 1]] - token;
  for (uint32_t i = 0; i < plan->input_count; i++) {
    x.inputs[i] = (const char *)x.inputs[i] + token * plan->values.items[i].row_bytes;
  }
  const alb_plan_value *out = &plan->values.items[plan->output];
  x.output += (out->rows == ALB_ROWS_TOKENS ? token : first) * out->columns;
  x.local += worker * x.local_bytes;
  x.scratch += worker * x.scratch_bytes;
  x.shared += worker * j->part_bytes;
  run_segments(&x);
}

void alb_exec_run(alb_exec *exec) {
  size_t *offsets = exec->workspace->offsets, bytes;
  const size_t parts = parts_to_take(exec);
  job j = {.x = exec};
  if (parts) {
    (void)layout_parts(exec, offsets, &j.part_bytes, &bytes); /* alb_exec_reserve did it */
    fork_tasks(exec, run_part, &j, parts);
  } else {
    (void)alb_memory_plan_layout(exec->plan, exec->rows, offsets, &bytes);
    run_segments(exec);
  }
}
