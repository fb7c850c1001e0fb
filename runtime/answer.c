/* Answers to questions: the best span of a context, as `transformers`' question-answering pipeline finds it. A long
 * context is cut into windows that overlap; of each the best spans are taken, widened to whole words, and the scores
 * of those with equal text (without case) are added up. Unlike there, a "cls" token that a question spells out is never
 * part of an answer. */
#include "runtime/answer.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "runtime/session.h"
#include "runtime/text_cursor.h"
#include "runtime/tokenizer/unicode.h"

/* Tokens of a window, tokens that two windows share, tokens of an answer, spans of a window: the pipeline's own. */
enum { WINDOW = 384, STRIDE = 128, LONGEST_ANSWER = 15, SPANS = 12, WINDOWS_AT_ONCE = 32 };

typedef struct asker {
  alb_diag *diag;
  alb_session *session;
  alb_token_encoding e;
  size_t first, count; /* the context's tokens in the encoding */
  size_t room, step;   /* context tokens of a window, and from one window to the next */
  size_t others;       /* "cls" tokens before the context, in session->rows: they take part in the softmax */
  alb_arena arena;     /* of folded answers */
  alb_strmap folded;   /* place = answer */
  ALB_VEC(alb_span_score) answers; /* start and end in characters */
  alb_text_cursor cursor;          /* where the window under way begins: spans are looked for from there */
} asker;

/* ---- the best spans of a window ---- */

/* The logarithm of the sum of exp(logit) over the tokens that take part. */
static double log_total(const float *logits, const alb_window *w) {
  double most = -INFINITY, total = 0;
  for (size_t i = w->first; i < w->first + w->count; i++) most = fmax(most, (double)logits[2 * i]);
  for (size_t i = 0; i < w->other_count; i++) most = fmax(most, (double)logits[2 * w->others[i]]);
  for (size_t i = w->first; i < w->first + w->count; i++) total += exp((double)logits[2 * i] - most);
  for (size_t i = 0; i < w->other_count; i++) total += exp((double)logits[2 * w->others[i]] - most);
  return most + log(total);
}

static void keep_best(alb_span_score span, alb_span_score *best, size_t most, size_t *count) {
  if (*count == most && span.score <= best[most - 1].score) return;
  size_t at = *count < most ? (*count)++ : most - 1;
  for (; at > 0 && best[at - 1].score < span.score; at--) best[at] = best[at - 1];
  best[at] = span;
}

size_t alb_best_spans(const float *logits, const alb_window *w, size_t longest, alb_span_score *best, size_t most) {
  const double starts = log_total(logits, w), ends = log_total(logits + 1, w);
  const size_t end = w->first + w->count;
  size_t count = 0;
  for (size_t s = w->first; s < end; s++) {
    for (size_t e = s; e < end && e - s < longest; e++) {
      const double score = exp((double)logits[2 * s] - starts) * exp((double)logits[2 * e + 1] - ends);
      keep_best((alb_span_score){(uint32_t)s, (uint32_t)e, score}, best, most, &count);
    }
  }
  return count;
}

/* ---- answers ---- */

/* Lower case, in the session's strings. */
static alb_status fold(asker *a, alb_str text, alb_str *out) {
  alb_buffer *buffer = &a->session->strings;
  size_t n = 0, taken;
  for (size_t i = 0; i < text.n; i += taken) {
    uint32_t lower[ALB_UNICODE_LONGEST];
    const uint32_t c = alb_utf8_read((const uint8_t *)text.p + i, text.n - i, &taken);
    const size_t k = alb_unicode_lower(c, lower);
    if (!alb_buffer_reserve(buffer, 2 * (n + 4 * k), 1)) return alb_fail_memory(a->diag, n, "answers");
    for (size_t j = 0; j < k; j++) n += alb_utf8_write(lower[j], (uint8_t *)buffer->p + n);
  }
  *out = (alb_str){n ? buffer->p : "", n};
  return ALB_OK;
}

/* Adds the span's score to the answer with this text, or makes it one. */
static alb_status add_answer(asker *a, uint32_t start, uint32_t end, double score) {
  alb_str text;
  size_t index;
  bool inserted;
  alb_text_cursor cursor = a->cursor;
  ALB_TRY(fold(a, alb_text_cursor_slice(&cursor, start, end), &text));
  index = alb_strmap_find(&a->folded, text);
  if (index != ALB_STRMAP_NONE) {
    a->answers.items[index].score += score;
    return ALB_OK;
  }
  const char *copy = alb_arena_strdup(&a->arena, text);
  if (!copy || !alb_strmap_add(&a->folded, (alb_str){copy, text.n}, &index, &inserted) ||
      !alb_vec_push(&a->answers, ((alb_span_score){start, end, score}))) {
    return alb_fail_memory(a->diag, text.n, "answers");
  }
  return ALB_OK;
}

/* Characters of the words that tokens [from, to] of the encoding belong to, as far as the window goes. */
static alb_status add_span(asker *a, size_t from, size_t to, size_t begin, size_t end, double score) {
  while (from > begin && !a->e.begins_word[from]) from--;
  while (to + 1 < end && !a->e.begins_word[to + 1]) to++;
  return add_answer(a, a->e.offsets[2 * from], a->e.offsets[2 * to + 1], score);
}

/* ---- windows ---- */

static size_t window_tokens(const asker *a, size_t from) {
  return a->count - from < a->room ? a->count - from : a->room;
}

/* Appends tokens [from, from + n) of the encoding to the batch. */
static void copy_tokens(const asker *a, size_t from, size_t n, size_t *at) {
  memcpy((int32_t *)a->session->ids.p + *at, a->e.ids + from, n * sizeof(int32_t));
  memcpy((int32_t *)a->session->type_ids.p + *at, a->e.type_ids + from, n * sizeof(int32_t));
  *at += n;
}

/* The windows from context token `from` on, at most `most` of them, as a batch in the session. */
static size_t fill_batch(const asker *a, size_t from, size_t most, size_t *tokens) {
  const size_t behind = a->first + a->count;
  size_t windows = 0;
  for (*tokens = 0; windows < most; windows++, from += a->step) {
    const size_t begin = *tokens, n = window_tokens(a, from);
    copy_tokens(a, 0, a->first, tokens);
    copy_tokens(a, a->first + from, n, tokens);
    copy_tokens(a, behind, a->e.count - behind, tokens);
    ((size_t *)a->session->lengths.p)[windows] = *tokens - begin;
    if (from + n == a->count) return windows + 1;
  }
  return windows;
}

static alb_status read_window(asker *a, size_t from, const float *logits) {
  alb_span_score best[SPANS];
  const alb_window w = {
      .first = a->first, .count = window_tokens(a, from), .others = a->session->rows.p, .other_count = a->others};
  const size_t count = alb_best_spans(logits, &w, LONGEST_ANSWER, best, SPANS), begin = a->first + from;
  (void)alb_text_cursor_seek(&a->cursor, a->e.offsets[2 * begin]);
  for (size_t i = 0; i < count; i++) {
    ALB_TRY(add_span(a, best[i].start + from, best[i].end + from, begin, begin + w.count, best[i].score));
  }
  return ALB_OK;
}

static alb_status run_windows(asker *a, size_t *from, size_t *windows) {
  alb_session *s = a->session;
  size_t tokens;
  const size_t count = fill_batch(a, *from, WINDOWS_AT_ONCE, &tokens);
  const alb_output output = {"qa", s->logits.p, 2 * tokens};
  const alb_batch batch = {
      .size = sizeof batch, .count = count, .lengths = s->lengths.p, .ids = s->ids.p, .type_ids = s->type_ids.p};
  ALB_TRY(alb_session_run(a->diag, s, &batch, &output, 1));
  const float *logits = s->logits.p;
  for (size_t i = 0; i < count; i++, *from += a->step) {
    ALB_TRY(read_window(a, *from, logits));
    logits += 2 * ((const size_t *)s->lengths.p)[i];
  }
  *windows += count;
  return ALB_OK;
}

/* Where the context's tokens stand, and how they are cut. */
static alb_status plan_windows(asker *a, const alb_tokenizer *tokenizer) {
  const size_t limit = alb_session_most_tokens(a->session, tokenizer), most = limit < WINDOW ? limit : WINDOW;
  while (a->first < a->e.count && a->e.sequence[a->first] != 1) a->first++;
  while (a->first + a->count < a->e.count && a->e.sequence[a->first + a->count] == 1) a->count++;
  const size_t others = a->e.count - a->count;
  if (a->count == 0) return alb_fail(a->diag, ALB_ARGUMENT, "the context has no tokens");
  if (others >= most) {
    return alb_fail(a->diag, ALB_ARGUMENT,
                    "the question is too long: with %zu tokens of %zu it leaves none to the context", others, most);
  }
  a->room = most - others;
  const size_t stride = most / 2 < STRIDE ? most / 2 : STRIDE;
  a->step = stride < a->room ? a->room - stride : 1;
  const size_t tokens = (a->room < a->count ? most * WINDOWS_AT_ONCE : a->e.count);
  alb_session *s = a->session;
  const bool ok = alb_buffer_reserve(&s->ids, tokens, sizeof(int32_t)) &&
                  alb_buffer_reserve(&s->type_ids, tokens, sizeof(int32_t)) &&
                  alb_buffer_reserve(&s->lengths, WINDOWS_AT_ONCE, sizeof(size_t)) &&
                  alb_buffer_reserve(&s->logits, 2 * tokens, sizeof(float));
  return ok ? ALB_OK : alb_fail_memory(a->diag, tokens, "tokens");
}

static alb_status find_cls(asker *a, const alb_tokenizer *tokenizer) {
  const int32_t cls = alb_tokenizer_named(tokenizer, "cls");
  if (!alb_buffer_reserve(&a->session->rows, a->first, sizeof(size_t))) {
    return alb_fail_memory(a->diag, a->first, "tokens");
  }
  size_t *rows = a->session->rows.p;
  for (size_t i = 0; i < a->first; i++) {
    if (a->e.ids[i] == cls) rows[a->others++] = i;
  }
  return ALB_OK;
}

static void take_best(asker *a, size_t windows, alb_answer *out) {
  const alb_span_score *best = &a->answers.items[0];
  for (size_t i = 1; i < a->answers.count; i++) {
    if (a->answers.items[i].score > best->score) best = &a->answers.items[i];
  }
  const alb_str text = alb_text_cursor_slice(&a->cursor, best->start, best->end);
  *out = (alb_answer){.score = (float)best->score,
                      .start = best->start,
                      .end = best->end,
                      .answer = text.p,
                      .length = text.n,
                      .windows = windows};
}

static alb_status ask(asker *a, const alb_text *text, alb_answer *out) {
  const alb_tokenizer *tokenizer;
  if (alb_model_output_width(a->session->model, "qa") != 2) {
    return alb_fail(a->diag, ALB_UNSUPPORTED, "the model has no question answering head (\"qa\")");
  }
  ALB_TRY(alb_session_encode_text(a->diag, a->session, text, SIZE_MAX, &a->e));
  ALB_TRY(alb_model_tokenizer(a->diag, a->session->model, &tokenizer));
  ALB_TRY(plan_windows(a, tokenizer));
  ALB_TRY(find_cls(a, tokenizer));
  size_t windows = 0;
  for (size_t from = 0; from == 0 || from - a->step + a->room < a->count;) ALB_TRY(run_windows(a, &from, &windows));
  take_best(a, windows, out);
  return ALB_OK;
}

alb_status alb_answer_question(alb_session *session, const alb_text *text, alb_answer *out, alb_error *error) {
  alb_diag diag = {0};
  if (!session || !text || !out || !text->pair) {
    return alb_report(error, &diag, alb_fail(&diag, ALB_ARGUMENT, "an argument is NULL, or there is no context"));
  }
  const alb_str context = {text->pair, text->pair_length};
  asker a = {.diag = &diag, .session = session, .cursor = {.text = context}};
  const alb_status status = ask(&a, text, out);
  alb_vec_free(&a.answers);
  alb_strmap_free(&a.folded);
  alb_arena_free(&a.arena);
  return alb_report(error, &diag, status);
}
