/* Encoding: a text through added tokens, normalizers, splitters and the model, then the template around it. */
#include "runtime/tokenizer/cuts.h"
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

/* What splitters have written behind the text goes away again. */
static alb_status tokenize_words(job *j, size_t begin, size_t end) {
  if (begin == end || is_full(j)) return ALB_OK;
  const size_t count = j->s->text.count;
  ALB_TRY(split(j, (alb_piece){(uint32_t)begin, (uint32_t)end}));
  for (size_t i = 0; i < j->s->pieces.count && !is_full(j); i++) {
    const size_t first = j->s->out->count;
    ALB_TRY(j->t->model(j->t, j->s, j->s->pieces.items[i]));
    mark_word(j->s, first);
  }
  j->s->text.count = count;
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
  s->origin = (uint32_t)begin;
  alb_scratch_set_room(s, end - begin);
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

/* ---- word by word ---- */

/* A part of s->raw; its first character is number `from` of the text. */
typedef struct part {
  size_t begin, end;
  uint32_t from;
} part;

/* A part that grows as honest ones do takes nothing from the room; so it is the same whether its words are remembered
 * or not. */
static void give_back(alb_token_scratch *s, size_t room, size_t bytes) {
  if (room - s->room <= ALB_HONEST_GROWTH * bytes) s->room = room;
}

/* Tokenizes a part; *chars: how many characters it has. */
static alb_status tokenize_raw(job *j, part p, uint32_t *chars) {
  alb_token_scratch *s = j->s;
  const uint8_t *raw = s->raw.items;
  s->text.count = 0;
  if (!alb_vec_reserve(&s->text, p.end - p.begin)) return alb_scratch_memory(s);
  uint32_t at = p.from;
  for (size_t i = p.begin, taken = 0; i < p.end; i += taken, at++) {
    const uint32_t cp = alb_utf8_read(raw + i, p.end - i, &taken);
    s->text.items[s->text.count++] = (alb_char){cp, at, at + 1};
  }
  *chars = at - p.from;
  s->origin = p.from;
  const size_t room = s->room;
  ALB_TRY(alb_scratch_run_normalizers(j->t, s));
  give_back(s, room, p.end - p.begin);
  return tokenize_words(j, 0, s->text.count);
}

/* Enters the tokens from number `first` on as those of a word, if they are few enough and all there. */
static void remember(const job *j, alb_word *word, const alb_word_key *key, size_t first, uint32_t from,
                     uint32_t chars) {
  const alb_token_list *out = j->s->out;
  const size_t count = out->count - first;
  if (count > ALB_WORD_TOKENS || is_full(j)) return;
  *word = (alb_word){.key = *key, .count = (uint8_t)count, .chars = (uint8_t)chars};
  for (size_t i = 0; i < count; i++) {
    const alb_token *token = &out->items[first + i];
    word->ids[i] = token->id;
    word->starts[i] = (uint8_t)(token->start - from);
    word->ends[i] = (uint8_t)(token->end - from);
    word->begins |= (uint8_t)(token->begins_word << i);
  }
}

static bool recall(const alb_word *word, alb_token_list *out, uint32_t from) {
  if (!alb_vec_reserve(out, ALB_WORD_TOKENS)) return false;
  alb_token *to = out->items + out->count;
  for (size_t i = 0; i < ALB_WORD_TOKENS; i++) {
    to[i] = (alb_token){word->ids[i], from + word->starts[i], from + word->ends[i], word->begins >> i & 1};
  }
  out->count += word->count;
  return true;
}

/* What tokens a part becomes depends on its bytes and, for splitters, on whether it is the text's first. So the first
 * ones are told from others by the space that they do not begin with. */
static bool tells(const alb_token_scratch *s, part p) {
  return (p.from == 0) == (s->raw.items[p.begin] != ' ');
}

static alb_status tokenize_word(job *j, part p, uint32_t *chars) {
  alb_token_scratch *s = j->s;
  const size_t n = p.end - p.begin, first = s->out->count;
  if (n > ALB_WORD_BYTES || !tells(s, p)) return tokenize_raw(j, p, chars);
  const alb_word_key key = alb_word_key_of(s->raw.items + p.begin, n);
  alb_word *word = alb_word_cache_at(s->words, &key);
  if (alb_word_is(word, &key)) {
    *chars = word->chars;
    return recall(word, s->out, p.from) ? ALB_OK : alb_scratch_memory(s);
  }
  const size_t room = s->room;
  ALB_TRY(tokenize_raw(j, p, chars));
  if (s->room == room) remember(j, word, &key, first, p.from, *chars);
  return ALB_OK;
}

static alb_status read_raw(alb_token_scratch *s, alb_str text) {
  s->raw.count = 0;
  if (text.n > MAX_TEXT) return alb_fail(s->diag, ALB_LIMIT, "text of %zu bytes", text.n);
  if (!alb_vec_reserve(&s->raw, text.n + ALB_RAW_SPACES)) return alb_scratch_memory(s);
  if (text.n) memcpy(s->raw.items, text.p, text.n);
  memset(s->raw.items + text.n, ' ', ALB_RAW_SPACES);
  return ALB_OK;
}

/* Tokenizes a part without added tokens, piece by piece where it can be cut. */
static alb_status tokenize_words_of(job *j, part whole) {
  uint32_t chars = 0;
  part p = whole;
  if (!alb_cuts_begin(j->t, j->s, p.begin, p.end)) return tokenize_raw(j, whole, &chars);
  for (; p.begin < whole.end && !is_full(j); p.begin = p.end, p.from += chars) {
    p.end = alb_cuts_next(j->t, j->s, p.begin, whole.end);
    ALB_TRY(tokenize_word(j, p, &chars));
  }
  return ALB_OK;
}

/* ---- a whole text ---- */

/* Moves to character number `to`. */
static void advance(const alb_token_scratch *s, size_t n, uint32_t to, size_t *byte, uint32_t *at) {
  for (size_t taken = 0; *at < to; ++*at, *byte += taken) (void)alb_utf8_read(s->raw.items + *byte, n - *byte, &taken);
}

/* Tokenizes what lies before character `end`, from where the part before has ended. */
static alb_status tokenize_before(job *j, part *p, size_t n, size_t end) {
  const part from = *p;
  if (!j->t->cuts) {
    p->from = (uint32_t)end;
    return tokenize_part(j, from.from, end);
  }
  p->begin = p->end;
  advance(j->s, n, (uint32_t)end, &p->end, &p->from);
  return tokenize_words_of(j, (part){p->begin, p->end, from.from});
}

static alb_status tokenize_around_added(job *j, alb_str text) {
  alb_token_scratch *s = j->s;
  ALB_TRY(read_text(s, text));
  alb_added_search search = {0};
  alb_added_match match;
  part done = {0, 0, 0};
  while (!is_full(j) && alb_added_set_next(&j->t->added_raw, s->input.items, s->input.count, &search, &match)) {
    ALB_TRY(tokenize_before(j, &done, text.n, match.begin));
    if (is_full(j)) return ALB_OK;
    const alb_token token = {match.token->id, (uint32_t)match.begin, (uint32_t)match.end, true};
    if (!alb_vec_push(s->out, token)) return alb_scratch_memory(s);
    advance(s, text.n, (uint32_t)match.end, &done.end, &done.from);
  }
  return tokenize_before(j, &done, text.n, s->input.count);
}

static alb_status tokenize(job *j, alb_str text) {
  ALB_TRY(read_raw(j->s, text));
  alb_scratch_set_room(j->s, text.n);
  j->s->trials = j->s->room;
  if (j->t->cuts && !alb_added_set_may_begin(&j->t->added_raw, text)) return tokenize_words_of(j, (part){0, text.n, 0});
  return tokenize_around_added(j, text);
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

static bool reserve_rows(alb_token_scratch *s, size_t n) {
  return alb_vec_reserve(&s->ids, n) && alb_vec_reserve(&s->type_ids, n) && alb_vec_reserve(&s->offsets, 2 * n) &&
         alb_vec_reserve(&s->special, n) && alb_vec_reserve(&s->sequence, n) && alb_vec_reserve(&s->begins_word, n);
}

static bool add_rows(alb_token_scratch *s, const alb_token *tokens, size_t n, uint32_t type_id, uint8_t sequence) {
  if (!reserve_rows(s, n)) return false;
  int32_t *ids = s->ids.items + s->ids.count, *type_ids = s->type_ids.items + s->ids.count;
  uint32_t *offsets = s->offsets.items + s->offsets.count;
  uint8_t *begins_word = s->begins_word.items + s->ids.count;
  for (size_t i = 0; i < n; i++) {
    ids[i] = (int32_t)tokens[i].id;
    type_ids[i] = (int32_t)type_id;
    offsets[2 * i] = tokens[i].start;
    offsets[2 * i + 1] = tokens[i].end;
    begins_word[i] = tokens[i].begins_word;
  }
  if (n) memset(s->special.items + s->ids.count, sequence == 255, n);
  if (n) memset(s->sequence.items + s->ids.count, sequence, n);
  s->ids.count = s->type_ids.count = s->special.count = s->sequence.count = s->begins_word.count = s->ids.count + n;
  s->offsets.count += 2 * n;
  return true;
}

static bool add_piece(alb_token_scratch *s, const Alb__TemplatePiece *piece, bool add_special) {
  const alb_token special = {.id = piece->id};
  if (piece->kind == ALB_PIECE_TOKEN) return !add_special || add_rows(s, &special, 1, piece->type_id, 255);
  const uint8_t sequence = piece->kind == ALB_PIECE_SECOND;
  return add_rows(s, s->tokens[sequence].items, s->tokens[sequence].count, piece->type_id, sequence);
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
