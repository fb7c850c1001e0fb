/* Sessions: working memory and threads of one caller, and batches run slice by slice. */
#include "runtime/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/cores.h"

enum { DEFAULT_BATCH_TOKENS = 4096 };

/* ---- making and freeing ---- */

static alb_status make_session(alb_diag *diag, const alb_model *model, const alb_session_options *options,
                               alb_session **session) {
  alb_session_options own = {.size = sizeof own};
  if (options) {
    if (options->size < sizeof options->size || options->size > sizeof own) {
      return alb_fail(diag, ALB_ARGUMENT, "session options: size %zu", options->size);
    }
    memcpy(&own, options, options->size);
  }
  if (own.threads < 0 || own.threads > ALB_THREADS_MAX) {
    return alb_fail(diag, ALB_ARGUMENT, "%d threads (1 to %d)", own.threads, ALB_THREADS_MAX);
  }
  alb_session *made = calloc(1, sizeof *made);
  if (!made) return alb_fail_memory(diag, sizeof *made, "a session");
  made->model = (alb_model *)(uintptr_t)model; /* only to prepare weights, which locks */
  made->batch_tokens = own.batch_tokens ? own.batch_tokens : DEFAULT_BATCH_TOKENS;
  const alb_status status = alb_pool_new(diag, own.threads ? (size_t)own.threads : alb_physical_cores(), &made->pool);
  if (status == ALB_OK)
    *session = made;
  else
    alb_session_free(made);
  return status;
}

alb_status alb_session_new(const alb_model *model, const alb_session_options *options, alb_session **session,
                           alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  if (!model || !session)
    status = alb_fail(&diag, ALB_ARGUMENT, "model or session is NULL");
  else
    status = make_session(&diag, model, options, session);
  return alb_report(error, &diag, status);
}

void alb_session_free(alb_session *session) {
  if (!session) return;
  alb_pool_free(session->pool);
  alb_workspace_free(&session->workspace);
  free(session->starts.p);
  free(session->positions.p);
  free(session->zeros.p);
  free(session->hidden.p);
  free(session->chosen.p);
  alb_token_scratch_free(session->scratch);
  free(session->ids.p);
  free(session->type_ids.p);
  free(session->lengths.p);
  free(session->rows.p);
  free(session->logits.p);
  free(session->fills.p);
  free(session->strings.p);
  free(session->entities.p);
  free(session->pieces.p);
  free(session);
}

size_t alb_session_threads(const alb_session *session) {
  return session ? alb_pool_threads(session->pool) : 0;
}

/* ---- checking a batch ---- */

static alb_status check_ids(alb_diag *diag, const char *what, const int32_t *ids, size_t count, size_t limit) {
  for (size_t i = 0; i < count; i++) {
    if (ids[i] < 0 || (size_t)ids[i] >= limit) {
      return alb_fail(diag, ALB_ARGUMENT, "%s %zu is %d, expected 0 to %zu", what, i, ids[i], limit - 1);
    }
  }
  return ALB_OK;
}

static alb_status check_lengths(alb_diag *diag, const alb_model *model, const alb_batch *batch, size_t *tokens) {
  *tokens = 0;
  for (size_t i = 0; i < batch->count; i++) {
    const size_t n = batch->lengths[i];
    if (n == 0 || n > model->max_tokens || !alb_add_ok(*tokens, n, tokens)) {
      return alb_fail(diag, ALB_ARGUMENT, "sequence %zu has %zu tokens, expected 1 to %zu", i, n, model->max_tokens);
    }
  }
  return ALB_OK;
}

static alb_status check_rows(alb_diag *diag, const alb_batch *batch, size_t tokens) {
  for (size_t i = 0; i < batch->row_count; i++) {
    if (batch->rows[i] >= tokens || (i > 0 && batch->rows[i] <= batch->rows[i - 1])) {
      return alb_fail(diag, ALB_ARGUMENT, "row %zu is token %zu of %zu, or not after the one before", i, batch->rows[i],
                      tokens);
    }
  }
  return ALB_OK;
}

alb_status alb_batch_check(alb_diag *diag, const alb_model *model, const alb_batch *batch) {
  size_t tokens;
  if (batch->count && (!batch->lengths || !batch->ids)) return alb_fail(diag, ALB_ARGUMENT, "lengths or ids are NULL");
  if (batch->row_count && !batch->rows) return alb_fail(diag, ALB_ARGUMENT, "rows are NULL");
  ALB_TRY(check_lengths(diag, model, batch, &tokens));
  ALB_TRY(check_ids(diag, "token id", batch->ids, tokens, model->id_limit));
  if (batch->type_ids) ALB_TRY(check_ids(diag, "type id", batch->type_ids, tokens, model->type_limit));
  return check_rows(diag, batch, tokens);
}

/* ---- slices ---- */

/* The slice after *slice (start with {0}): whole sequences of at most `most` tokens, at least one
 * sequence. False: there is none. */
static bool next_slice(const alb_batch *batch, size_t most, alb_slice *slice) {
  alb_slice next = {.sequence = slice->sequence + slice->sequences,
                    .token = slice->token + slice->tokens,
                    .row = slice->row + slice->rows,
                    .together = batch->tap != NULL};
  for (size_t i = next.sequence; i < batch->count; i++) {
    const size_t n = batch->lengths[i];
    if (next.sequences && next.tokens + n > most) break;
    next.sequences++;
    next.tokens += n;
    if (n > next.longest) next.longest = n;
  }
  while (next.row + next.rows < batch->row_count && batch->rows[next.row + next.rows] < next.token + next.tokens) {
    next.rows++;
  }
  *slice = next;
  return next.sequences > 0;
}

static alb_exec make_exec(alb_session *session, const alb_entry *entry, const alb_slice *slice) {
  return (alb_exec){
      .plan = &entry->plan,
      .kernels = &session->model->kernels,
      .pool = session->pool,
      .workspace = &session->workspace,
      .rows =
          {[ALB_ROWS_TOKENS] = slice->tokens, [ALB_ROWS_SEQUENCES] = slice->sequences, [ALB_ROWS_CHOSEN] = slice->rows},
      .starts = session->starts.p,
      .longest = slice->longest,
      .together = slice->together,
      .first_token = slice->token};
}

static bool reserve_buffers(alb_session *session, const alb_slice *slice) {
  const size_t width = session->model->manifest->config->hidden, old = session->zeros.bytes;
  if (!alb_buffer_reserve(&session->starts, slice->sequences + 1, sizeof(size_t)) ||
      !alb_buffer_reserve(&session->positions, slice->tokens, sizeof(int32_t)) ||
      !alb_buffer_reserve(&session->zeros, slice->tokens, sizeof(int32_t)) ||
      !alb_buffer_reserve(&session->chosen, slice->rows, width * sizeof(float))) {
    return false;
  }
  if (session->zeros.bytes > old) memset((char *)session->zeros.p + old, 0, session->zeros.bytes - old);
  return true;
}

alb_status alb_slice_reserve(alb_diag *diag, alb_session *session, alb_entry *entry, const alb_slice *slice) {
  ALB_TRY(alb_model_prepare(diag, session->model, entry, session->pool));
  if (!reserve_buffers(session, slice)) return alb_fail_memory(diag, slice->tokens, "a batch");
  alb_exec exec = make_exec(session, entry, slice);
  return alb_exec_reserve(diag, &exec);
}

static void run(alb_exec *exec) {
  if (alb_exec_reserve(NULL, exec) == ALB_OK) alb_exec_run(exec); /* room was made before */
}

static void set_positions(alb_session *session, const alb_batch *batch, const alb_slice *slice) {
  const size_t offset = session->model->manifest->config->position_offset;
  size_t *starts = session->starts.p;
  int32_t *positions = session->positions.p;
  size_t token = 0;
  for (size_t i = 0; i < slice->sequences; i++) {
    starts[i] = token;
    for (size_t k = 0; k < batch->lengths[slice->sequence + i]; k++) positions[token++] = (int32_t)(offset + k);
  }
  starts[slice->sequences] = token;
}

void alb_slice_encode(alb_session *session, const alb_batch *batch, const alb_slice *slice, float *hidden) {
  set_positions(session, batch, slice);
  alb_exec exec = make_exec(session, session->model->encoder, slice);
  exec.inputs[0] = batch->ids + slice->token;
  exec.inputs[1] = batch->type_ids ? batch->type_ids + slice->token : session->zeros.p;
  exec.inputs[2] = session->positions.p;
  exec.output = hidden;
  exec.tap = batch->tap;
  exec.tap_user = batch->tap_user;
  run(&exec);
}

/* Hidden states of the slice's chosen tokens, one after the other. */
static const float *choose(alb_session *session, const alb_batch *batch, const alb_slice *slice, const float *hidden) {
  const size_t width = session->model->manifest->config->hidden;
  float *out = session->chosen.p;
  for (size_t i = 0; i < slice->rows; i++) {
    const size_t token = batch->rows[slice->row + i] - slice->token;
    memcpy(out + i * width, hidden + token * width, width * sizeof *out);
  }
  return out;
}

void alb_slice_head(alb_session *session, const alb_entry *entry, const alb_batch *batch, const alb_slice *slice,
                    const float *hidden, float *out) {
  alb_exec exec = make_exec(session, entry, slice);
  const bool chosen = entry->plan.values.items[0].rows == ALB_ROWS_CHOSEN;
  exec.inputs[0] = chosen ? choose(session, batch, slice, hidden) : hidden;
  exec.output = out;
  run(&exec);
}

/* ---- running a batch ---- */

enum { MAX_OUTPUTS = 16 };

/* An output and where its next rows go. */
typedef struct target {
  alb_entry *entry;
  alb_rows rows;
  size_t width;
  float *out;
} target;

static size_t rows_of(const alb_slice *slice, alb_rows rows) {
  return rows == ALB_ROWS_TOKENS ? slice->tokens : rows == ALB_ROWS_SEQUENCES ? slice->sequences : slice->rows;
}

static alb_status find_target(alb_diag *diag, const alb_session *session, const alb_output *output,
                              const alb_slice *whole, target *out) {
  if (!output->name || !output->values) return alb_fail(diag, ALB_ARGUMENT, "an output without name or values");
  out->entry = alb_model_entry(session->model, output->name);
  if (!out->entry || !out->entry->runnable) {
    return alb_fail(diag, ALB_UNSUPPORTED, "the model has no output \"%s\"", output->name);
  }
  const alb_plan *plan = &out->entry->plan;
  out->rows = plan->values.items[plan->output].rows;
  out->width = plan->values.items[plan->output].columns;
  out->out = output->values;
  size_t need;
  if (alb_mul_ok(rows_of(whole, out->rows), out->width, &need) && need <= output->capacity) return ALB_OK;
  return alb_fail(diag, ALB_ARGUMENT, "output \"%s\" has room for %zu floats, %zu rows of %zu are needed", output->name,
                  output->capacity, rows_of(whole, out->rows), out->width);
}

static alb_status find_targets(alb_diag *diag, const alb_session *session, const alb_batch *batch,
                               const alb_output *outputs, size_t count, target *out) {
  alb_slice whole = {.sequences = batch->count, .rows = batch->row_count};
  for (size_t i = 0; i < batch->count; i++) whole.tokens += batch->lengths[i];
  if (count > MAX_OUTPUTS || (count && !outputs)) return alb_fail(diag, ALB_ARGUMENT, "%zu outputs", count);
  for (size_t i = 0; i < count; i++) ALB_TRY(find_target(diag, session, &outputs[i], &whole, &out[i]));
  return ALB_OK;
}

/* Everything that can fail, before anything is written. */
static alb_status reserve_all(alb_diag *diag, alb_session *session, const alb_batch *batch, const target *targets,
                              size_t count) {
  const size_t width = session->model->manifest->config->hidden;
  for (alb_slice slice = {0}; next_slice(batch, session->batch_tokens, &slice);) {
    ALB_TRY(alb_slice_reserve(diag, session, session->model->encoder, &slice));
    for (size_t i = 0; i < count; i++) ALB_TRY(alb_slice_reserve(diag, session, targets[i].entry, &slice));
    if (!alb_buffer_reserve(&session->hidden, slice.tokens, width * sizeof(float))) {
      return alb_fail_memory(diag, slice.tokens * width * sizeof(float), "hidden states");
    }
  }
  return ALB_OK;
}

static void run_slice(alb_session *session, const alb_batch *batch, const alb_slice *slice, target *targets,
                      size_t count) {
  float *hidden = session->hidden.p;
  for (size_t i = 0; i < count; i++) {
    if (targets[i].entry == session->model->encoder) hidden = targets[i].out;
  }
  alb_slice_encode(session, batch, slice, hidden);
  for (size_t i = 0; i < count; i++) {
    target *t = &targets[i];
    const size_t floats = rows_of(slice, t->rows) * t->width;
    if (t->entry != session->model->encoder)
      alb_slice_head(session, t->entry, batch, slice, hidden, t->out);
    else if (t->out != hidden)
      memcpy(t->out, hidden, floats * sizeof(float));
    t->out += floats;
  }
}

alb_status alb_session_run(alb_diag *diag, alb_session *session, const alb_batch *given, const alb_output *outputs,
                           size_t count) {
  alb_batch batch = {0};
  target targets[MAX_OUTPUTS];
  if (given->size < sizeof given->size || given->size > sizeof batch) {
    return alb_fail(diag, ALB_ARGUMENT, "batch: size %zu", given->size);
  }
  memcpy(&batch, given, given->size);
  ALB_TRY(alb_batch_check(diag, session->model, &batch));
  ALB_TRY(find_targets(diag, session, &batch, outputs, count, targets));
  if (batch.count == 0) return ALB_OK;
  ALB_TRY(reserve_all(diag, session, &batch, targets, count));
  for (alb_slice slice = {0}; next_slice(&batch, session->batch_tokens, &slice);) {
    run_slice(session, &batch, &slice, targets, count);
  }
  return ALB_OK;
}

alb_status alb_run(alb_session *session, const alb_batch *batch, const alb_output *outputs, size_t output_count,
                   alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  if (!session || !batch)
    status = alb_fail(&diag, ALB_ARGUMENT, "session or batch is NULL");
  else
    status = alb_session_run(&diag, session, batch, outputs, output_count);
  return alb_report(error, &diag, status);
}
