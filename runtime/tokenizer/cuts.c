/* Cuts before spaces.
 *
 * A part begins with a space behind a "plain" character: one that the normalizers, run on it alone, make into something
 * that begins with a solid character at every stage. Solid characters never join, compose or are ordered with what
 * stands before them; so neither does the space, which is one itself, and no stage sees across it: normalizers look at
 * one character, at a cluster, at a character with its marks, or at the match of a pattern that no space is part of.
 * The first splitter then cuts there anyway. The plain character's own neighbour must be one too, or a space: then no
 * cluster has taken the plain one in. Where clusters matter, what is behind the space is plain too, or a space, so that
 * it does not become a part of a cluster itself. */
#include "runtime/tokenizer/cuts.h"

#include "runtime/tokenizer/graphemes.h"
#include "runtime/tokenizer/utf8_text.h"

enum { LONGEST_CONTENT = 16 }; /* of a replacement; longer ones are not worth the thought */
enum { ROOM_TO_TRY = 1024 };   /* characters that all stages together may make of one that is plain */

/* ---- what stages allow ---- */

static bool is_solid(alb_token_scratch *s, uint32_t cp) {
  return alb_char_facts_of(s->facts, cp) & ALB_FACT_SOLID;
}

/* A replacement is by solid characters, and what is replaced has no space in it. */
static bool replace_allows(const alb_stage *stage, alb_token_scratch *s, uint32_t space) {
  if (stage->joins_spaces) return space == ' ';
  if (stage->regex || stage->content_count == 0 || stage->content_count > LONGEST_CONTENT) return false;
  for (size_t i = 0; i < stage->content_count; i++) {
    const bool white = alb_scratch_class(s, stage->content[i]) & ALB_UNI_WHITE;
    if (white || !is_solid(s, stage->content[i])) return false;
  }
  if (stage->pattern_count == 1) return *stage->pattern != space || stage->content_count == 1;
  for (size_t i = 0; i < stage->pattern_count; i++) {
    if (stage->pattern[i] == space) return false;
  }
  return true;
}

static bool normalizer_allows(const alb_stage *stage, alb_token_scratch *s, uint32_t space) {
  static alb_normalize_fn *const by_character[] = {
      alb_normalize_clean,      alb_normalize_cjk,       alb_normalize_nfc,     alb_normalize_nfd,
      alb_normalize_nfkc,       alb_normalize_nfkd,      alb_normalize_marks,   alb_normalize_nmt,
      alb_normalize_nonspacing, alb_normalize_lowercase, alb_normalize_charsmap};
  if (stage->normalize == alb_normalize_replace) return replace_allows(stage, s, space);
  for (size_t i = 0; i < sizeof by_character / sizeof *by_character; i++) {
    if (stage->normalize == by_character[i]) return true;
  }
  return false;
}

/* The first splitter cuts at what a space has become, the others look into a piece alone. */
static bool splitters_allow(const alb_tokenizer *t, alb_token_scratch *s, uint32_t space) {
  for (size_t i = 0; i < t->splitter_count; i++) {
    if (t->splitters[i].split == alb_split_pattern) return false;
  }
  if (t->splitter_count == 0) return false;
  const alb_stage *first = &t->splitters[0];
  if (first->split == alb_split_metaspace) return !first->message->whole && (space == ' ' || space == *first->pattern);
  const bool by_white = first->split == alb_split_whitespace || first->split == alb_split_words;
  return by_white && alb_scratch_class(s, space) & ALB_UNI_WHITE;
}

/* Runs a stage on what it is given of one character. */
static bool run_stage(const alb_stage *stage, alb_token_scratch *s) {
  if (stage->normalize(stage, s) != ALB_OK || s->text.count == 0 || s->text.count > s->room) return false;
  s->room -= s->text.count;
  return is_solid(s, s->text.items[0].cp);
}

static bool put_one(alb_token_scratch *s, uint32_t cp) {
  s->text.count = 0;
  s->origin = 0;
  return alb_vec_push(&s->text, (alb_char){cp, 0, 1});
}

/* ---- plain characters ---- */

static bool ends_well(const alb_tokenizer *t, alb_token_scratch *s) {
  const uint32_t last = s->text.items[s->text.count - 1].cp;
  if (alb_char_facts_grapheme(s->facts, last) == ALB_GRAPHEME_PREPEND) return false;
  return !t->joins_spaces || !(alb_scratch_class(s, last) & ALB_UNI_WHITE);
}

/* Is a character plain for the normalizers from number `first` on? */
static bool try_plain(const alb_tokenizer *t, alb_token_scratch *s, uint32_t cp, size_t first) {
  s->room = ROOM_TO_TRY;
  if (!is_solid(s, cp) || !put_one(s, cp) || !ends_well(t, s)) return false;
  for (size_t i = first; i < t->normalizer_count; i++) {
    if (!run_stage(&t->normalizers[i], s) || !ends_well(t, s)) return false;
  }
  return true;
}

/* ---- which tokenizers cut ---- */

/* What a replacement of several characters puts in stays plain; that of one is seen where the character is tried. */
static bool content_stays(const alb_tokenizer *t, alb_token_scratch *s, size_t number) {
  const alb_stage *stage = &t->normalizers[number];
  if (stage->normalize != alb_normalize_replace || stage->joins_spaces || stage->pattern_count == 1) return true;
  for (size_t i = 0; i < stage->content_count; i++) {
    if (!try_plain(t, s, stage->content[i], number + 1)) return false;
  }
  return true;
}

static bool allows(const alb_tokenizer *t, alb_token_scratch *s) {
  uint32_t space = ' ';
  if (t->added_normalized.count) return false;
  for (size_t i = 0; i < t->normalizer_count; i++) {
    const alb_stage *stage = &t->normalizers[i];
    if (!normalizer_allows(stage, s, space) || !content_stays(t, s, i)) return false;
    s->room = ROOM_TO_TRY;
    if (!put_one(s, space) || !run_stage(stage, s) || s->text.count != 1) return false;
    space = s->text.items[0].cp;
  }
  return splitters_allow(t, s, space);
}

/* Clusters are looked at once: what a second table would see of the first one's is not worth the thought. */
static bool finds_clusters(alb_tokenizer *t) {
  size_t tables = 0;
  for (size_t i = 0; i < t->normalizer_count; i++) tables += t->normalizers[i].normalize == alb_normalize_charsmap;
  t->sees_clusters = tables > 0;
  return tables <= 1;
}

alb_status alb_prepare_cuts(alb_diag *diag, alb_tokenizer *t) {
  alb_token_scratch *s = NULL;
  ALB_TRY(alb_token_scratch_new(diag, t, &s));
  for (size_t i = 0; i < t->normalizer_count; i++) t->joins_spaces |= t->normalizers[i].joins_spaces;
  t->cuts = finds_clusters(t) && allows(t, s);
  alb_token_scratch_free(s);
  return ALB_OK;
}

/* ---- plain characters in a text ---- */

/* What trying may cost in a text is limited: no table can be made to have it done again and again. */
static bool is_plain(const alb_tokenizer *t, alb_token_scratch *s, uint32_t cp) {
  const uint64_t fact = alb_char_facts_of(s->facts, cp);
  if (fact & ALB_FACT_TRIED) return fact & ALB_FACT_PLAIN;
  if (s->trials == 0) return false;
  const size_t room = s->room;
  const bool plain = try_plain(t, s, cp, 0);
  const size_t cost = ROOM_TO_TRY - s->room + s->text.count;
  s->trials -= cost < s->trials ? cost : s->trials;
  s->room = room;
  *alb_char_facts_slot(s->facts, cp) |=
      ALB_FACT_TRIED | (plain ? ALB_FACT_PLAIN : 0); /* the slot may be another's now */
  return plain;
}

/* ---- finding cuts ---- */

/* Can no cluster that begins before raw[at] go on there? */
static bool begins_cluster(const alb_tokenizer *t, alb_token_scratch *s, size_t at, size_t n) {
  size_t taken;
  if (!t->sees_clusters || at == n || s->raw.items[at] == ' ') return true;
  return is_plain(t, s, alb_utf8_read(s->raw.items + at, n - at, &taken));
}

/* The plain character that ends at raw[*end], which becomes its place; false: there is none. */
static bool plain_before(const alb_tokenizer *t, alb_token_scratch *s, size_t begin, size_t *end) {
  const uint8_t *raw = s->raw.items;
  size_t at = *end - 1, taken = 0;
  while (at > begin && *end - at < 4 && (raw[at] & 0xc0) == 0x80) at--;
  const uint32_t cp = alb_utf8_read(raw + at, *end - at, &taken);
  if (at + taken != *end || !is_plain(t, s, cp)) return false;
  *end = at;
  return true;
}

static bool is_cut(const alb_tokenizer *t, alb_token_scratch *s, size_t begin, size_t at) {
  size_t end = at;
  if (at == begin || !plain_before(t, s, begin, &end)) return false;
  return end == begin || s->raw.items[end - 1] == ' ' || plain_before(t, s, begin, &end);
}

/* The first space at raw[at] or behind it: there always is one. Eight bytes at once; a byte is zero after the
 * exclusive-or where a space is, and the lowest mark is the first zero's. */
static size_t next_space(const uint8_t *raw, size_t at) {
  for (;; at += 8) {
    const uint64_t x = alb_load_u64(raw + at) ^ UINT64_C(0x2020202020202020);
    const uint64_t zeroes = (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
    if (zeroes) return at + (size_t)__builtin_ctzll(zeroes) / 8;
  }
}

size_t alb_cuts_next(const alb_tokenizer *t, alb_token_scratch *s, size_t begin, size_t n) {
  const uint8_t *raw = s->raw.items;
  size_t at = begin;
  while (at < n && raw[at] == ' ') at++;
  for (at = next_space(raw, at); at < n; at = next_space(raw, at + 1)) {
    if (is_cut(t, s, begin, at) && begins_cluster(t, s, at + 1, n)) return at;
  }
  return n;
}

bool alb_cuts_begin(const alb_tokenizer *t, alb_token_scratch *s, size_t begin, size_t n) {
  size_t taken;
  if (n == begin) return false;
  const uint32_t cp = alb_utf8_read(s->raw.items + begin, n - begin, &taken);
  return (cp == ' ' || is_plain(t, s, cp)) && begins_cluster(t, s, begin + taken, n);
}
