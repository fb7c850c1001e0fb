/* Encoding: a text through added tokens, normalizers, splitters and the model, then the template around it. */
#include "runtime/tokenizer/scratch.h"
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

#define MAX_TEXT ((size_t)1 << 30)

/* ---- one text ---- */

typedef struct job {
  const alb_tokenizer *t;
  alb_token_scratch *s;
  size_t limit; /* with more tokens than this, the rest of the text is not looked at */
} job;

static alb_status read_text(alb_token_scratch *s, alb_str text) {
  const uint8_t *p = (const uint8_t *)text.p;
  s->input.count = 0;
  if (text.n > MAX_TEXT) return alb_fail(s->diag, ALB_LIMIT, "text of %zu bytes", text.n);
  if (!alb_vec_reserve(&s->input, text.n)) return alb_scratch_memory(s);
  for (size_t i = 0, taken = 0; i < text.n; i += taken) {
    const uint32_t at = (uint32_t)s->input.count, cp = alb_utf8_read(p + i, text.n - i, &taken);
    s->input.items[s->input.count++] = (alb_char){cp, at, at + 1};
  }
  return ALB_OK;
}

/* The last splitter's pieces are a token or more each, so that no more are needed than the tokens that are kept. */
static size_t enough_pieces(const job *j, size_t splitter) {
  const bool last = splitter + 1 == j->t->splitter_count;
  return last && j->limit < MAX_TEXT ? j->limit + 2 : SIZE_MAX;
}

/* Cuts the pieces of the text by every splitter in turn; a piece that one emits is the next one's. */
static alb_status split(job *j, alb_piece piece) {
  alb_token_scratch *s = j->s;
  s->pieces.count = 0;
  if (!alb_vec_push(&s->pieces, piece)) return alb_scratch_memory(s);
  for (size_t i = 0; i < j->t->splitter_count; i++) {
    const alb_stage *stage = &j->t->splitters[i];
    s->next.count = 0;
    s->enough = enough_pieces(j, i);
    for (size_t k = 0; k < s->pieces.count; k++) ALB_TRY(stage->split(stage, s, s->pieces.items[k]));
    const alb_pieces done = s->pieces;
    s->pieces = s->next;
    s->next = done;
  }
  return ALB_OK;
}

static bool is_full(const job *j) {
  return j->s->out->count > j->limit;
}

static void mark_word(alb_token_scratch *s, size_t first) {
  if (first < s->out->count) s->out->items[first].begins_word = true;
}

static alb_status tokenize_words(job *j, size_t begin, size_t end) {
  if (begin == end || is_full(j)) return ALB_OK;
  ALB_TRY(split(j, (alb_piece){(uint32_t)begin, (uint32_t)end}));
  for (size_t i = 0; i < j->s->pieces.count && !is_full(j); i++) {
    const size_t first = j->s->out->count;
    ALB_TRY(j->t->model(j->t, j->s, j->s->pieces.items[i]));
    mark_word(j->s, first);
  }
  return ALB_OK;
}

/* Normalizes input[begin, end) and makes tokens of it, with the added tokens that are found when it is normalized. */
static alb_status tokenize_part(job *j, size_t begin, size_t end) {
  alb_token_scratch *s = j->s;
  if (begin == end || is_full(j)) return ALB_OK;
  s->text.count = 0;
  if (!alb_vec_reserve(&s->text, end - begin)) return alb_scratch_memory(s);
  memcpy(s->text.items, s->input.items + begin, (end - begin) * sizeof *s->text.items);
  s->text.count = end - begin;
  ALB_TRY(alb_scratch_run_normalizers(j->t, s));
  alb_added_search search = {0};
  alb_added_match match;
  size_t done = 0;
  while (!is_full(j) && alb_added_set_next(&j->t->added_normalized, s->text.items, s->text.count, &search, &match)) {
    if (done < match.begin) ALB_TRY(tokenize_words(j, done, match.begin));
    if (is_full(j)) break;
    const alb_piece piece = {(uint32_t)match.begin, (uint32_t)match.end};
    ALB_TRY(alb_emit_token(s, match.token->id, piece));
    mark_word(s, s->out->count - 1);
    done = match.end;
  }
  return done < s->text.count ? tokenize_words(j, done, s->text.count) : ALB_OK;
}

static alb_status tokenize(job *j, alb_str text) {
  alb_token_scratch *s = j->s;
  ALB_TRY(read_text(s, text));
  alb_added_search search = {0};
  alb_added_match match;
  size_t done = 0;
  while (!is_full(j) && alb_added_set_next(&j->t->added_raw, s->input.items, s->input.count, &search, &match)) {
    if (done < match.begin) ALB_TRY(tokenize_part(j, done, match.begin));
    if (is_full(j)) break;
    const alb_token token = {match.token->id, (uint32_t)match.begin, (uint32_t)match.end, true};
    if (!alb_vec_push(s->out, token)) return alb_scratch_memory(s);
    done = match.end;
  }
  return done < s->input.count ? tokenize_part(j, done, s->input.count) : ALB_OK;
}

/* ---- cutting to length ---- */

/* The lengths that two texts keep when the longer one is cut first. */
static void share_room(size_t room, size_t *first, size_t *second) {
  size_t low = *first, high = *second;
  const bool swapped = low > high;
  if (swapped) {
    low = *second;
    high = *first;
  }
  if (low > room) {
    high = low;
  } else {
    high = low > room - low ? low : room - low;
  }
  if (low + high > room) {
    low = room / 2;
    high = low + room % 2;
  }
  const size_t a = swapped ? high : low, b = swapped ? low : high;
  if (a < *first) *first = a;
  if (b < *second) *second = b;
}

static bool truncate_tokens(alb_token_scratch *s, bool pair, size_t room) {
  size_t first = s->tokens[0].count, second = pair ? s->tokens[1].count : 0;
  if (first + second <= room) return false;
  if (pair) {
    share_room(room, &first, &second);
  } else {
    first = room;
  }
  s->tokens[0].count = first;
  s->tokens[1].count = second;
  return true;
}

/* ---- the template ---- */

static bool add_row(alb_token_scratch *s, alb_token token, uint32_t type_id, uint8_t sequence) {
  const bool special = sequence == 255;
  return alb_vec_push(&s->ids, (int32_t)token.id) && alb_vec_push(&s->type_ids, (int32_t)type_id) &&
         alb_vec_push(&s->offsets, token.start) && alb_vec_push(&s->offsets, token.end) &&
         alb_vec_push(&s->special, special) && alb_vec_push(&s->sequence, sequence) &&
         alb_vec_push(&s->begins_word, token.begins_word);
}

static bool add_piece(alb_token_scratch *s, const Alb__TemplatePiece *piece, bool add_special) {
  if (piece->kind == ALB_PIECE_TOKEN)
    return !add_special || add_row(s, (alb_token){.id = piece->id}, piece->type_id, 255);
  const uint8_t sequence = piece->kind == ALB_PIECE_SECOND;
  for (size_t i = 0; i < s->tokens[sequence].count; i++) {
    if (!add_row(s, s->tokens[sequence].items[i], piece->type_id, sequence)) return false;
  }
  return true;
}

static alb_status apply_template(const alb_tokenizer *t, alb_token_scratch *s, bool pair, bool add_special) {
  const Alb__Tokenizer *m = t->message;
  const size_t count = pair ? m->n_pair : m->n_single;
  s->ids.count = s->type_ids.count = s->offsets.count = s->special.count = s->sequence.count = s->begins_word.count = 0;
  for (size_t i = 0; i < count; i++) {
    if (!add_piece(s, pair ? m->pair[i] : m->single[i], add_special)) return alb_scratch_memory(s);
  }
  return ALB_OK;
}

static alb_status encode(const alb_tokenizer *t, alb_token_scratch *s, const alb_str *texts, size_t count,
                         size_t max_length, bool add_special, bool *truncated) {
  const size_t specials = !add_special ? 0 : count == 2 ? t->pair_specials : t->single_specials;
  if (max_length && max_length < specials)
    return alb_fail(s->diag, ALB_ARGUMENT, "max length %zu is less than %zu special tokens", max_length, specials);
  const size_t room = max_length ? max_length - specials : SIZE_MAX;
  for (size_t i = 0; i < count; i++) {
    s->out = &s->tokens[i];
    s->out->count = 0;
    /* Which text of a pair is cut more depends on how long the two are as a whole. */
    job j = {.t = t, .s = s, .limit = count == 2 ? SIZE_MAX : room};
    ALB_TRY(tokenize(&j, texts[i]));
  }
  *truncated = truncate_tokens(s, count == 2, room);
  return apply_template(t, s, count == 2, add_special);
}

alb_status alb_tokenizer_encode(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch,
                                alb_str text, const alb_str *pair, size_t max_length, bool add_special,
                                alb_token_encoding *out) {
  alb_token_scratch *s = scratch;
  const alb_str texts[2] = {text, pair ? *pair : (alb_str){"", 0}};
  s->diag = diag;
  bool truncated = false;
  ALB_TRY(encode(tokenizer, s, texts, pair ? 2 : 1, max_length ? max_length : tokenizer->message->max_length,
                 add_special, &truncated));
  *out = (alb_token_encoding){s->ids.count,     s->ids.items,      s->type_ids.items,    s->offsets.items,
                              s->special.items, s->sequence.items, s->begins_word.items, truncated};
  return ALB_OK;
}
