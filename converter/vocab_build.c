/* Gathering a vocabulary and its tokenizer message. */
#include "converter/vocab_build.h"

#include <math.h>

#include "format/charsmap.h"
#include "format/layout.h"

alb_status alb_vocab_text(alb_vocab_build *b, const char *text, char **out) {
  *out = alb_arena_strdup(b->arena, alb_str_of(text));
  return *out ? ALB_OK : alb_fail_memory(b->diag, strlen(text), "the tokenizer");
}

/* ---- tokens ---- */

static alb_status check_id(alb_vocab_build *b, alb_str text, uint64_t id) {
  const size_t rows = b->options->rows;
  if (rows && id >= rows) {
    return alb_fail(b->diag, ALB_SHAPE, "%s: token \"%.*s\" has id %llu, the model has %zu rows", b->file,
                    ALB_STR_ARGS(text), (unsigned long long)id, rows);
  }
  if (id >= ALB_MAX_TOKENS)
    return alb_fail(b->diag, ALB_LIMIT, "%s: token \"%.*s\" has id %llu", b->file, ALB_STR_ARGS(text),
                    (unsigned long long)id);
  return ALB_OK;
}

static alb_status place(alb_vocab_build *b, alb_str text, uint32_t id) {
  while (b->by_id.count <= id) {
    if (!alb_vec_push(&b->by_id, (alb_str){"", 0})) return alb_fail_memory(b->diag, id, "the vocabulary");
  }
  if (b->by_id.items[id].n) {
    return alb_fail(b->diag, ALB_DUPLICATE, "%s: tokens \"%.*s\" and \"%.*s\" both have id %u", b->file,
                    ALB_STR_ARGS(b->by_id.items[id]), ALB_STR_ARGS(text), id);
  }
  b->by_id.items[id] = text;
  return ALB_OK;
}

alb_status alb_vocab_add(alb_vocab_build *b, alb_str text, uint64_t id) {
  ALB_TRY(check_id(b, text, id));
  if (text.n > ALB_MAX_NAME_BYTES) return alb_fail(b->diag, ALB_LIMIT, "%s: token of %zu bytes", b->file, text.n);
  const alb_str copy = {alb_arena_strdup(b->arena, text), text.n};
  size_t index;
  bool inserted;
  if (!copy.p || !alb_strmap_add(&b->model, copy, &index, &inserted) || !alb_vec_push(&b->ids, (uint32_t)id))
    return alb_fail_memory(b->diag, text.n, "the vocabulary");
  if (!inserted)
    return alb_fail(b->diag, ALB_DUPLICATE, "%s: token \"%.*s\" occurs twice", b->file, ALB_STR_ARGS(text));
  return place(b, copy, (uint32_t)id);
}

void alb_vocab_model_done(alb_vocab_build *b) {
  b->next_added = (uint32_t)b->model.count;
}

alb_status alb_vocab_add_scored(alb_vocab_build *b, alb_str text, double score) {
  if (!isfinite(score))
    return alb_fail(b->diag, ALB_NONFINITE, "%s: score of token \"%.*s\"", b->file, ALB_STR_ARGS(text));
  ALB_TRY(alb_vocab_add(b, text, b->scores.count));
  return alb_vec_push(&b->scores, score) ? ALB_OK : alb_fail_memory(b->diag, sizeof score, "the scores");
}

alb_status alb_vocab_scored_done(alb_vocab_build *b) {
  const size_t count = b->scores.count;
  ProtobufCBinaryData *out = &b->tokenizer->scores;
  out->data = alb_arena_alloc(b->arena, 8 * count);
  if (!out->data) return alb_fail_memory(b->diag, 8 * count, "the scores");
  out->len = 8 * count;
  for (size_t i = 0; i < count; i++) {
    uint64_t bits;
    memcpy(&bits, &b->scores.items[i], sizeof bits);
    alb_store_u64(out->data + 8 * i, bits);
  }
  alb_vocab_model_done(b);
  return ALB_OK;
}

alb_status alb_vocab_check_charsmap(alb_vocab_build *b, alb_span bytes) {
  alb_charsmap map;
  const alb_status status = alb_charsmap_open(b->diag, bytes, &map);
  if (status != ALB_OK) alb_diag_prefix(b->diag, "%s", b->file);
  return status;
}

static Alb__AddedToken *find_added(const alb_vocab_build *b, const char *content) {
  for (size_t i = 0; i < b->tokenizer->n_added; i++) {
    if (strcmp(b->tokenizer->added[i]->content, content) == 0) return b->tokenizer->added[i];
  }
  return NULL;
}

bool alb_vocab_find(const alb_vocab_build *b, const char *content, uint32_t *id) {
  const Alb__AddedToken *added = find_added(b, content);
  const size_t index = alb_strmap_find(&b->model, alb_str_of(content));
  if (added) {
    *id = added->id;
  } else if (index != ALB_STRMAP_NONE) {
    *id = b->ids.items[index];
  } else {
    return false;
  }
  return true;
}

static bool same_flags(const Alb__AddedToken *a, const Alb__AddedToken *b) {
  return a->single_word == b->single_word && a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
         a->normalized == b->normalized && a->special == b->special;
}

/* Grows one of the message's lists (arrays of pointers in the arena, their capacity a power of two). */
#define APPEND(b, list, count, item)                                                         \
  do {                                                                                       \
    if (((count) & ((count)-1)) == 0) {                                                      \
      void *grown_ = alb_arena_array((b)->arena, (count) ? 2 * (count) : 1, sizeof *(list)); \
      if (!grown_) return alb_fail_memory((b)->diag, (count), "the tokenizer");              \
      if (count) memcpy(grown_, (list), (count) * sizeof *(list));                           \
      (list) = grown_;                                                                       \
    }                                                                                        \
    (list)[(count)++] = (item);                                                              \
  } while (0)

alb_status alb_vocab_add_token(alb_vocab_build *b, const Alb__AddedToken *flags, const char *content) {
  if (!*content) return alb_fail(b->diag, ALB_MALFORMED, "%s: an added token is empty", b->file);
  const Alb__AddedToken *old = find_added(b, content);
  if (old && same_flags(old, flags)) return ALB_OK;
  if (old) return alb_fail(b->diag, ALB_DUPLICATE, "%s: added token \"%.64s\" occurs twice", b->file, content);
  Alb__AddedToken *token = ALB_NEW(b->arena, Alb__AddedToken);
  if (!token) return alb_fail_memory(b->diag, sizeof *token, "an added token");
  *token = *flags;
  ALB_TRY(alb_vocab_text(b, content, &token->content));
  token->outside = !alb_vocab_find(b, content, &token->id);
  if (token->outside) {
    token->id = b->next_added++;
    ALB_TRY(check_id(b, alb_str_of(token->content), token->id));
    ALB_TRY(place(b, alb_str_of(token->content), token->id));
  }
  APPEND(b, b->tokenizer->added, b->tokenizer->n_added, token);
  return ALB_OK;
}

/* ---- the message's lists ---- */

alb_status alb_vocab_add_stage(alb_vocab_build *b, alb_stage_list list, const char *type, Alb__TokenizerStage **out) {
  Alb__Tokenizer *t = b->tokenizer;
  Alb__TokenizerStage *stage = ALB_NEW(b->arena, Alb__TokenizerStage);
  if (!stage) return alb_fail_memory(b->diag, sizeof *stage, "the tokenizer");
  alb__tokenizer_stage__init(stage);
  ALB_TRY(alb_vocab_text(b, type, &stage->type));
  if (list == ALB_NORMALIZERS) {
    APPEND(b, t->normalizers, t->n_normalizers, stage);
  } else if (list == ALB_SPLITTERS) {
    APPEND(b, t->splitters, t->n_splitters, stage);
  } else {
    APPEND(b, t->decoders, t->n_decoders, stage);
  }
  if (out) *out = stage;
  return ALB_OK;
}

alb_status alb_vocab_add_piece(alb_vocab_build *b, bool pair, uint32_t kind, uint32_t id, uint32_t type_id) {
  Alb__TemplatePiece *piece = ALB_NEW(b->arena, Alb__TemplatePiece);
  if (!piece) return alb_fail_memory(b->diag, sizeof *piece, "the tokenizer");
  alb__template_piece__init(piece);
  piece->kind = kind;
  piece->id = id;
  piece->type_id = type_id;
  if (pair) {
    APPEND(b, b->tokenizer->pair, b->tokenizer->n_pair, piece);
  } else {
    APPEND(b, b->tokenizer->single, b->tokenizer->n_single, piece);
  }
  return ALB_OK;
}

alb_status alb_vocab_add_name(alb_vocab_build *b, const char *name, const char *content) {
  uint32_t id;
  if (!content || !alb_vocab_find(b, content, &id)) return ALB_OK;
  Alb__NamedToken *named = ALB_NEW(b->arena, Alb__NamedToken);
  if (!named) return alb_fail_memory(b->diag, sizeof *named, "the tokenizer");
  alb__named_token__init(named);
  ALB_TRY(alb_vocab_text(b, name, &named->name));
  named->id = id;
  APPEND(b, b->tokenizer->named, b->tokenizer->n_named, named);
  return ALB_OK;
}

/* ---- what BERT has ---- */

alb_status alb_vocab_bert_template(alb_vocab_build *b, uint32_t cls, uint32_t sep) {
  for (int pair = 0; pair < 2; pair++) {
    ALB_TRY(alb_vocab_add_piece(b, pair, 0, cls, 0));
    ALB_TRY(alb_vocab_add_piece(b, pair, 1, 0, 0));
    ALB_TRY(alb_vocab_add_piece(b, pair, 0, sep, 0));
  }
  ALB_TRY(alb_vocab_add_piece(b, true, 2, 0, 1));
  return alb_vocab_add_piece(b, true, 0, sep, 1);
}

alb_status alb_vocab_bert_normalizers(alb_vocab_build *b, bool clean, bool cjk, int strip_accents, bool lowercase) {
  if (clean) ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "clean", NULL));
  if (cjk) ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "cjk", NULL));
  if (strip_accents < 0 ? lowercase : strip_accents) {
    ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "nfd", NULL));
    ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "nonspacing", NULL));
  }
  return lowercase ? alb_vocab_add_stage(b, ALB_NORMALIZERS, "lowercase", NULL) : ALB_OK;
}

alb_status alb_vocab_bert_splitters(alb_vocab_build *b) {
  Alb__TokenizerStage *punctuation;
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "whitespace", NULL));
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "punctuation", &punctuation));
  return alb_vocab_text(b, "isolated", &punctuation->behavior);
}

/* ---- packing ---- */

alb_status alb_vocab_pack(alb_vocab_build *b, alb_vocab *out) {
  const size_t count = b->by_id.count;
  if (count == 0) return alb_fail(b->diag, ALB_MALFORMED, "%s: no tokens", b->file);
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += b->by_id.items[i].n; /* each is at most ALB_MAX_NAME_BYTES */
  if (bytes > ALB_MAX_VOCAB_BYTES) return alb_fail(b->diag, ALB_LIMIT, "%s: vocabulary of %zu bytes", b->file, bytes);
  alb_str *tokens = ALB_NEW_ARRAY(b->arena, alb_str, count);
  uint8_t *section = alb_arena_alloc(b->arena, 4 + 4 * (count + 1) + bytes);
  if (!tokens || !section) return alb_fail_memory(b->diag, bytes, "the vocabulary");
  alb_store_u32(section, (uint32_t)count);
  uint8_t *text = section + 4 + 4 * (count + 1);
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const alb_str token = b->by_id.items[i];
    if (token.n) memcpy(text + at, token.p, token.n);
    tokens[i] = (alb_str){(const char *)text + at, token.n};
    at += token.n;
    alb_store_u32(section + 4 + 4 * (i + 1), (uint32_t)at);
  }
  *out = (alb_vocab){b->tokenizer, tokens, count, {section, 4 + 4 * (count + 1) + bytes}};
  return ALB_OK;
}

void alb_vocab_build_free(alb_vocab_build *b) {
  alb_strmap_free(&b->model);
  alb_vec_free(&b->ids);
  alb_vec_free(&b->by_id);
  alb_vec_free(&b->scores);
}
