/* Fill-mask: the likeliest tokens in the place of every mask of a text. */
#include <math.h>
#include <string.h>

#include "runtime/session.h"

enum { MASKS_AT_ONCE = 16 };

/* One text being filled; strings are kept by their offsets until all are there. */
typedef struct filler {
  alb_diag *diag;
  alb_session *session;
  const alb_tokenizer *tokenizer;
  size_t tokens, masks, top_k;
  int32_t *ids; /* [tokens] */
  size_t *rows; /* [masks] tokens that are masks */
  size_t string_bytes;
} filler;

/* Copies the text's ids and finds its masks. */
static alb_status find_masks(filler *f, const alb_token_encoding *e) {
  alb_session *s = f->session;
  const int32_t mask = alb_tokenizer_named(f->tokenizer, "mask");
  if (mask < 0) return alb_fail(f->diag, ALB_UNSUPPORTED, "the tokenizer has no mask token");
  if (!alb_buffer_reserve(&s->ids, e->count, sizeof(int32_t)) ||
      !alb_buffer_reserve(&s->type_ids, e->count, sizeof(int32_t)) ||
      !alb_buffer_reserve(&s->rows, e->count, sizeof(size_t))) {
    return alb_fail_memory(f->diag, e->count, "tokens");
  }
  f->tokens = e->count;
  f->ids = memcpy(s->ids.p, e->ids, e->count * sizeof *e->ids);
  memcpy(s->type_ids.p, e->type_ids, e->count * sizeof *e->type_ids);
  f->rows = s->rows.p;
  for (size_t i = 0; i < e->count; i++) {
    if (e->ids[i] == mask) f->rows[f->masks++] = i;
  }
  if (f->masks) return ALB_OK;
  const alb_str name = alb_tokenizer_token(f->tokenizer, mask);
  return alb_fail(f->diag, ALB_ARGUMENT, "no mask token (%.*s) in the %zu tokens of the text", ALB_STR_ARGS(name),
                  e->count);
}

/* The top_k largest logits of the first `tokens`, largest first (the lower id of equals), as
 * probabilities. A model may have more rows than its vocabulary has tokens: those are never picked. */
static void pick(const filler *f, const float *logits, size_t vocab, size_t tokens, alb_fill *fills) {
  size_t count = 0;
  double total = 0;
  for (size_t i = 0; i < tokens; i++) {
    if (count == f->top_k && logits[i] <= fills[count - 1].score) continue;
    size_t at = count < f->top_k ? count++ : count - 1;
    for (; at > 0 && fills[at - 1].score < logits[i]; at--) fills[at] = fills[at - 1];
    fills[at] = (alb_fill){.score = logits[i], .token = (int32_t)i};
  }
  const double most = (double)fills[0].score;
  for (size_t i = 0; i < vocab; i++) total += exp((double)logits[i] - most);
  for (size_t i = 0; i < count; i++) fills[i].score = (float)(exp((double)fills[i].score - most) / total);
}

static size_t known_tokens(const filler *f, size_t vocab) {
  const size_t count = alb_tokenizer_count(f->tokenizer);
  return count < vocab ? count : vocab;
}

/* Runs the encoder once and the head on some masks at a time: logits of all would be large. */
static alb_status score(filler *f, alb_entry *head, size_t vocab) {
  alb_session *s = f->session;
  alb_fill *fills = s->fills.p;
  const alb_batch batch = {.size = sizeof batch,
                           .count = 1,
                           .lengths = &f->tokens,
                           .ids = f->ids,
                           .type_ids = s->type_ids.p,
                           .rows = f->rows,
                           .row_count = f->masks};
  const size_t tokens = known_tokens(f, vocab), width = s->model->manifest->config->hidden;
  const size_t most = f->masks < MASKS_AT_ONCE ? f->masks : MASKS_AT_ONCE;
  alb_slice slice = {.sequences = 1, .tokens = f->tokens, .rows = most, .longest = f->tokens};
  ALB_TRY(alb_batch_check(f->diag, s->model, &batch));
  ALB_TRY(alb_slice_reserve(f->diag, s, s->model->encoder, &slice));
  ALB_TRY(alb_slice_reserve(f->diag, s, head, &slice));
  if (!alb_buffer_reserve(&s->hidden, f->tokens, width * sizeof(float)) ||
      !alb_buffer_reserve(&s->logits, most, vocab * sizeof(float))) {
    return alb_fail_memory(f->diag, most * vocab * sizeof(float), "logits");
  }
  alb_slice_encode(s, &batch, &slice, s->hidden.p);
  for (slice.row = 0; slice.row < f->masks; slice.row += slice.rows) {
    if (f->masks - slice.row < slice.rows) slice.rows = f->masks - slice.row;
    alb_slice_head(s, head, &batch, &slice, s->hidden.p, s->logits.p);
    for (size_t i = 0; i < slice.rows; i++) {
      pick(f, (const float *)s->logits.p + i * vocab, vocab, tokens, fills + (slice.row + i) * f->top_k);
    }
  }
  return ALB_OK;
}

/* Decodes ids to the end of the strings; *at is where. */
static alb_status add_string(filler *f, const int32_t *ids, size_t count, bool skip_special, size_t *at) {
  alb_str text;
  ALB_TRY(alb_tokenizer_decode(f->diag, f->tokenizer, f->session->scratch, ids, count, skip_special, &text));
  *at = f->string_bytes;
  if (!alb_buffer_reserve(&f->session->strings, *at + text.n + 1, 1)) return alb_fail_memory(f->diag, text.n, "texts");
  char *to = (char *)f->session->strings.p + *at;
  memcpy(to, text.p, text.n);
  to[text.n] = '\0';
  f->string_bytes += text.n + 1;
  return ALB_OK;
}

/* The strings of one proposal, as offsets. As `transformers` does it, special tokens stay in the
 * sequence when there are several masks. */
static alb_status describe(filler *f, size_t row, const alb_fill *fill, size_t offsets[2]) {
  const int32_t before = f->ids[row];
  ALB_TRY(add_string(f, &fill->token, 1, false, &offsets[0]));
  f->ids[row] = fill->token;
  const alb_status status = add_string(f, f->ids, f->tokens, f->masks == 1, &offsets[1]);
  f->ids[row] = before;
  return status;
}

static alb_status describe_all(filler *f) {
  alb_fill *fills = f->session->fills.p;
  const size_t count = f->masks * f->top_k;
  size_t *offsets = (size_t *)(void *)(fills + count); /* [count][2], behind the fills */
  for (size_t i = 0; i < count; i++) ALB_TRY(describe(f, f->rows[i / f->top_k], &fills[i], offsets + 2 * i));
  for (size_t i = 0; i < count; i++) {
    fills[i].token_str = (const char *)f->session->strings.p + offsets[2 * i];
    fills[i].sequence = (const char *)f->session->strings.p + offsets[2 * i + 1];
  }
  return ALB_OK;
}

static alb_status fill(filler *f, const alb_text *text, alb_fills *out) {
  alb_entry *head = alb_model_entry(f->session->model, "mlm");
  const size_t vocab = alb_model_output_width(f->session->model, "mlm");
  alb_token_encoding e;
  size_t count;
  if (!vocab) return alb_fail(f->diag, ALB_UNSUPPORTED, "the model has no masked-language head (\"mlm\")");
  ALB_TRY(alb_session_encode_text(f->diag, f->session, text, 0, &e));
  ALB_TRY(alb_model_tokenizer(f->diag, f->session->model, &f->tokenizer));
  const bool truncated = e.truncated;
  ALB_TRY(find_masks(f, &e));
  const size_t tokens = known_tokens(f, vocab);
  if (f->top_k > tokens) f->top_k = tokens;
  if (!alb_mul_ok(f->masks, f->top_k, &count) ||
      !alb_buffer_reserve(&f->session->fills, count, sizeof(alb_fill) + 2 * sizeof(size_t))) {
    return alb_fail_memory(f->diag, count, "proposals");
  }
  ALB_TRY(score(f, head, vocab));
  ALB_TRY(describe_all(f));
  *out = (alb_fills){f->masks, f->top_k, f->session->fills.p, f->tokens, truncated};
  return ALB_OK;
}

alb_status alb_fill_mask(alb_session *session, const alb_text *text, size_t top_k, alb_fills *out, alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  filler f = {.diag = &diag, .session = session, .top_k = top_k};
  if (!session || !text || !out || !top_k)
    status = alb_fail(&diag, ALB_ARGUMENT, "an argument is NULL or 0");
  else
    status = fill(&f, text, out);
  return alb_report(error, &diag, status);
}
