/* The models: words to tokens. */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

alb_status alb_emit_token(alb_token_scratch *scratch, uint32_t id, alb_piece piece) {
  const alb_char *text = scratch->text.items;
  const alb_token token = {.id = id, .start = text[piece.begin].start, .end = text[piece.end - 1].end};
  return alb_vec_push(scratch->out, token) ? ALB_OK : alb_scratch_memory(scratch);
}

static alb_status emit_unknown(const alb_tokenizer *t, alb_token_scratch *scratch, alb_piece piece) {
  if (!t->message->unk)
    return alb_fail(scratch->diag, ALB_MISSING, "tokenizer: a word is unknown, and no token is for that");
  return alb_emit_token(scratch, t->message->unk - 1, piece);
}

/* Writes a word's UTF-8 behind `room` free bytes, and where each of its characters and its end lie. */
static alb_status write_word(alb_token_scratch *scratch, alb_piece piece, size_t room) {
  const size_t count = piece.end - piece.begin;
  scratch->bytes.count = 0;
  scratch->bounds.count = 0;
  if (!alb_vec_reserve(&scratch->bytes, room + 4 * count) || !alb_vec_reserve(&scratch->bounds, count + 1))
    return alb_scratch_memory(scratch);
  size_t n = room;
  for (size_t i = 0; i < count; i++) {
    scratch->bounds.items[i] = (uint32_t)n;
    n += alb_utf8_write(scratch->text.items[piece.begin + i].cp, scratch->bytes.items + n);
  }
  scratch->bounds.items[count] = (uint32_t)n;
  return ALB_OK;
}

alb_status alb_model_wordlevel(const alb_tokenizer *t, alb_token_scratch *scratch, alb_piece piece) {
  ALB_TRY(write_word(scratch, piece, 0));
  const uint32_t n = scratch->bounds.items[piece.end - piece.begin];
  const uint32_t id = alb_vocab_table_find(&t->vocab, scratch->bytes.items, n);
  return id == ALB_NO_TOKEN ? emit_unknown(t, scratch, piece) : alb_emit_token(scratch, id, piece);
}

/* The longest token that the word's characters [at, *end) begin with; what lies before is used up and makes room for
 * the prefix. */
static uint32_t longest_token(const alb_tokenizer *t, alb_token_scratch *scratch, size_t prefix, size_t at,
                              size_t *end) {
  const uint32_t *bounds = scratch->bounds.items;
  uint8_t *key = scratch->bytes.items + bounds[at] - prefix;
  memcpy(key, t->message->continuing_prefix, prefix);
  for (; *end > at; --*end) {
    const size_t n = bounds[*end] - bounds[at] + prefix;
    if (n > t->vocab.longest) continue;
    const uint32_t id = alb_vocab_table_find(&t->vocab, key, n);
    if (id != ALB_NO_TOKEN) return id;
  }
  return ALB_NO_TOKEN;
}

alb_status alb_model_wordpiece(const alb_tokenizer *t, alb_token_scratch *scratch, alb_piece piece) {
  const size_t count = piece.end - piece.begin, prefix = strlen(t->message->continuing_prefix);
  if (count > t->message->max_word_chars) return emit_unknown(t, scratch, piece);
  ALB_TRY(write_word(scratch, piece, prefix));
  const size_t first = scratch->out->count;
  for (size_t at = 0; at < count;) {
    size_t end = at + t->vocab.longest < count ? at + t->vocab.longest : count; /* a character has a byte or more */
    const uint32_t id = longest_token(t, scratch, at ? prefix : 0, at, &end);
    if (id == ALB_NO_TOKEN) {
      scratch->out->count = first;
      return emit_unknown(t, scratch, piece);
    }
    const alb_piece part = {piece.begin + (uint32_t)at, piece.begin + (uint32_t)end};
    ALB_TRY(alb_emit_token(scratch, id, part));
    at = end;
  }
  return ALB_OK;
}
