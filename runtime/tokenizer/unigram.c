/* The Unigram model: the path of tokens with the largest sum of scores (Viterbi), as `tokenizers` finds it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

#define UNKNOWN_PENALTY 10.0

/* ---- preparing ---- */

static alb_status load_scores(alb_diag *diag, alb_tokenizer *t) {
  const ProtobufCBinaryData bytes = t->message->scores;
  t->score_count = bytes.len / 8;
  if (bytes.len % 8 || t->score_count == 0 || t->score_count > t->vocab.count)
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: %zu bytes of scores for %zu tokens", bytes.len, t->vocab.count);
  t->scores = malloc(bytes.len);
  if (!t->scores) return alb_fail_memory(diag, bytes.len, "the scores");
  double least = DBL_MAX;
  for (size_t i = 0; i < t->score_count; i++) {
    const uint64_t bits = alb_load_u64(bytes.data + 8 * i);
    memcpy(&t->scores[i], &bits, sizeof bits);
    if (!isfinite(t->scores[i])) return alb_fail(diag, ALB_NONFINITE, "tokenizer: score of token %zu", i);
    if (t->scores[i] < least) least = t->scores[i];
  }
  t->unknown_score = least - UNKNOWN_PENALTY;
  return ALB_OK;
}

alb_status alb_prepare_unigram(alb_diag *diag, alb_tokenizer *t, const uint8_t *leave_out) {
  ALB_TRY(load_scores(diag, t));
  for (size_t id = t->score_count; id < t->vocab.count; id++) {
    if (!leave_out[id] && alb_vocab_table_token(&t->vocab, id).n)
      return alb_fail(diag, ALB_MALFORMED, "tokenizer: token %zu has no score, there are %zu", id, t->score_count);
  }
  for (unsigned byte = 0; byte < 256; byte++) {
    static const char digits[] = "0123456789ABCDEF";
    const char name[6] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
    t->byte_tokens[byte] = alb_vocab_table_find(&t->vocab, name, sizeof name);
  }
  return alb_trie_build(diag, &t->vocab, leave_out, &t->trie);
}

/* ---- the best path ---- */

typedef alb_unigram_step step;

static void offer(step *to, double score, uint32_t from, uint32_t id) {
  if (to->from != UINT32_MAX && !(score > to->score)) return;
  *to = (step){score, from, id};
}

/* Offers all tokens that begin with character `from`; whether one is the character itself. */
static bool offer_tokens(const alb_tokenizer *t, const alb_token_scratch *s, step *steps, uint32_t from) {
  const uint8_t *p = s->bytes.items + s->bounds.items[from], *end = s->bytes.items + s->bytes.count;
  const double score = steps[from].score;
  bool single = false;
  uint32_t to = from;
  for (uint32_t node = t->trie.root[*p]; node; node = alb_trie_child(&t->trie, node, *p)) {
    const bool boundary = ++p == end || (*p & 0xc0) != 0x80;
    to += boundary;
    const uint32_t token = t->trie.nodes[node].token;
    if (token && boundary) {
      offer(&steps[to], t->scores[token - 1] + score, from, token - 1);
      single = single || to == from + 1;
    }
    if (p == end) break;
  }
  return single;
}

static alb_status find_path(const alb_tokenizer *t, alb_token_scratch *s, uint32_t count) {
  step *steps = s->steps.items;
  const uint32_t unk = t->message->unk;
  steps[0] = (step){0, 0, 0};
  for (uint32_t i = 1; i <= count; i++) steps[i].from = UINT32_MAX;
  for (uint32_t i = 0; i < count; i++) {
    if (offer_tokens(t, s, steps, i)) continue;
    const double score = t->unknown_score + steps[i].score;
    if (!unk && (steps[i + 1].from == UINT32_MAX || score > steps[i + 1].score))
      return alb_fail(s->diag, ALB_MISSING, "tokenizer: a character is unknown, and no token is for that");
    offer(&steps[i + 1], score, i, unk - 1);
  }
  return ALB_OK;
}

/* ---- tokens of the path ---- */

static bool has_byte_tokens(const alb_tokenizer *t, const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (t->byte_tokens[p[i]] == ALB_NO_TOKEN) return false;
  }
  return true;
}

/* Unknown characters of the word, which are `piece` of the text. */
static alb_status emit_unknown(const alb_tokenizer *t, alb_token_scratch *s, alb_token part, alb_piece piece) {
  const uint32_t *bounds = s->bounds.items;
  const uint8_t *p = s->bytes.items + bounds[part.start];
  const size_t n = bounds[part.end] - bounds[part.start];
  const uint32_t id = alb_vocab_table_find(&t->vocab, p, n); /* together they may be a token again */
  if (id != ALB_NO_TOKEN) return alb_emit_token(s, id, piece);
  if (!t->message->byte_fallback || !has_byte_tokens(t, p, n)) return alb_emit_token(s, t->message->unk - 1, piece);
  for (size_t i = 0; i < n; i++) ALB_TRY(alb_emit_token(s, t->byte_tokens[p[i]], piece));
  return ALB_OK;
}

/* The parts of the best path, the last one first; neighbouring unknown ones are one. */
static bool collect_parts(const alb_tokenizer *t, alb_token_scratch *s, uint32_t count) {
  const step *steps = s->steps.items;
  s->parts.count = 0;
  for (uint32_t end = count; end > 0; end = steps[end].from) {
    const alb_token part = {.id = steps[end].id, .start = steps[end].from, .end = end};
    alb_token *behind = s->parts.count ? &s->parts.items[s->parts.count - 1] : NULL;
    if (behind && part.id == behind->id && part.id + 1 == t->message->unk) {
      behind->start = part.start;
    } else if (!alb_vec_push(&s->parts, part)) {
      return false;
    }
  }
  return true;
}

alb_status alb_model_unigram(const alb_tokenizer *t, alb_token_scratch *s, alb_piece piece) {
  const uint32_t count = piece.end - piece.begin;
  ALB_TRY(alb_write_word(s, piece, 0));
  s->steps.count = 0;
  if (!alb_vec_reserve(&s->steps, (size_t)count + 1)) return alb_scratch_memory(s);
  ALB_TRY(find_path(t, s, count));
  if (!collect_parts(t, s, count)) return alb_scratch_memory(s);
  for (size_t i = s->parts.count; i-- > 0;) {
    const alb_token part = s->parts.items[i];
    const alb_piece of_text = {piece.begin + part.start, piece.begin + part.end};
    ALB_TRY(part.id + 1 == t->message->unk ? emit_unknown(t, s, part, of_text) : alb_emit_token(s, part.id, of_text));
  }
  return ALB_OK;
}
