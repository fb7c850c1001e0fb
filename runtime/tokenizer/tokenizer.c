/* Builds a tokenizer from its message and vocabulary: nothing in them is trusted. */
#include "runtime/tokenizer/tokenizer.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "format/layout.h"
#include "runtime/tokenizer/cuts.h"
#include "runtime/tokenizer/scratch.h"
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

enum { MAX_STAGES = 256, MAX_PIECES = 256 };

static const struct {
  const char *name;
  alb_prepare_stage_fn *prepare;
  alb_normalize_fn *run;
} normalizers[] = {
#define ALB_NORMALIZER(id, name, prepare, run) {name, prepare, run},
#include "runtime/tokenizer/stages.def"
};

static const struct {
  const char *name;
  alb_prepare_stage_fn *prepare;
  alb_split_fn *run;
} splitters[] = {
#define ALB_SPLITTER(id, name, prepare, run) {name, prepare, run},
#include "runtime/tokenizer/stages.def"
};

static const struct {
  const char *name;
  alb_decode_fn *run;
} decoders[] = {
#define ALB_DECODER(id, name, run) {name, run},
#include "runtime/tokenizer/stages.def"
};

static const struct {
  const char *name;
  alb_prepare_model_fn *prepare;
  alb_model_fn *run;
} models[] = {
#define ALB_TOKEN_MODEL(id, name, prepare, run) {name, prepare, run},
#include "runtime/tokenizer/stages.def"
};

static const char *const behaviors[ALB_SPLIT_BEHAVIORS] = {
    [ALB_SPLIT_REMOVED] = "removed",
    [ALB_SPLIT_ISOLATED] = "isolated",
    [ALB_SPLIT_WITH_PREVIOUS] = "merged_with_previous",
    [ALB_SPLIT_WITH_NEXT] = "merged_with_next",
    [ALB_SPLIT_CONTIGUOUS] = "contiguous",
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

uint32_t *alb_code_points(alb_str text, size_t *count) {
  uint32_t *out = malloc((text.n + 1) * sizeof *out);
  *count = 0;
  for (size_t i = 0, taken = 0; out && i < text.n; i += taken) {
    out[(*count)++] = alb_utf8_read((const uint8_t *)text.p + i, text.n - i, &taken);
  }
  return out;
}

/* ---- stages ---- */

static alb_status check_text(alb_diag *diag, const char *what, const char *text) {
  const size_t n = strlen(text);
  if (n > ALB_MAX_NAME_BYTES) return alb_fail(diag, ALB_LIMIT, "tokenizer: %s of %zu bytes", what, n);
  if (!alb_utf8_valid(alb_str_of(text))) return alb_fail(diag, ALB_MALFORMED, "tokenizer: %s is not UTF-8", what);
  return ALB_OK;
}

static alb_status check_texts(alb_diag *diag, const Alb__TokenizerStage *m) {
  ALB_TRY(check_text(diag, "a pattern", m->pattern));
  return check_text(diag, "a replacement", m->content);
}

alb_status alb_find_behavior(alb_diag *diag, alb_stage *stage) {
  unsigned i = 0;
  while (i < ALB_SPLIT_BEHAVIORS && strcmp(stage->message->behavior, behaviors[i]) != 0) i++;
  if (i == ALB_SPLIT_BEHAVIORS)
    return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: split behavior \"%.64s\"", stage->message->behavior);
  stage->behavior = (alb_split_behavior)i;
  return ALB_OK;
}

static alb_status load_normalizer(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  size_t i = 0;
  while (i < COUNT(normalizers) && strcmp(m->type, normalizers[i].name) != 0) i++;
  if (i == COUNT(normalizers)) return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: normalizer \"%.64s\"", m->type);
  stage->normalize = normalizers[i].run;
  ALB_TRY(check_texts(diag, m));
  return normalizers[i].prepare ? normalizers[i].prepare(diag, stage) : ALB_OK;
}

static alb_status load_splitter(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  size_t i = 0;
  while (i < COUNT(splitters) && strcmp(m->type, splitters[i].name) != 0) i++;
  if (i == COUNT(splitters)) return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: splitter \"%.64s\"", m->type);
  stage->split = splitters[i].run;
  ALB_TRY(check_texts(diag, m));
  return splitters[i].prepare ? splitters[i].prepare(diag, stage) : ALB_OK;
}

/* What the decoders look for is never empty. */
static alb_status load_decoder(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  size_t i = 0;
  while (i < COUNT(decoders) && strcmp(m->type, decoders[i].name) != 0) i++;
  if (i == COUNT(decoders)) return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: decoder \"%.64s\"", m->type);
  stage->decode = decoders[i].run;
  ALB_TRY(check_texts(diag, m));
  const bool has_pattern = stage->decode == alb_decode_metaspace || stage->decode == alb_decode_replace;
  if ((has_pattern && !*m->pattern) || (stage->decode == alb_decode_strip && !*m->content))
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: decoder \"%.64s\" has an empty pattern", m->type);
  return m->regex ? alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: decoder with a regular expression") : ALB_OK;
}

static alb_status load_stages(alb_diag *diag, Alb__TokenizerStage *const *messages, size_t count,
                              alb_prepare_stage_fn *load, alb_stage **out, size_t *loaded) {
  if (count > MAX_STAGES) return alb_fail(diag, ALB_LIMIT, "tokenizer: %zu stages", count);
  *out = calloc(count + 1, sizeof **out);
  if (!*out) return alb_fail_memory(diag, count * sizeof **out, "the tokenizer's stages");
  *loaded = count;
  for (size_t i = 0; i < count; i++) {
    (*out)[i].message = messages[i];
    ALB_TRY(load(diag, &(*out)[i]));
  }
  return ALB_OK;
}

static void free_stages(alb_stage *stages, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(stages[i].pattern);
    free(stages[i].content);
    alb_release_pattern(&stages[i]);
  }
  free(stages);
}

/* ---- added tokens ---- */

static alb_status check_added(alb_diag *diag, alb_tokenizer *t, const Alb__AddedToken *token) {
  ALB_TRY(check_text(diag, "an added token", token->content));
  if (token->id >= t->vocab.count)
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: added token %u of %zu tokens", token->id, t->vocab.count);
  if (!*token->content) return alb_fail(diag, ALB_MALFORMED, "tokenizer: added token %u is empty", token->id);
  if (!alb_str_is(alb_vocab_table_token(&t->vocab, token->id), token->content))
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: added token %u is not \"%.64s\"", token->id, token->content);
  if (t->added_by_id[token->id]) return alb_fail(diag, ALB_DUPLICATE, "tokenizer: added token %u", token->id);
  t->added_by_id[token->id] = token;
  return ALB_OK;
}

/* The text by which a token is found: its content, normalized when it is to be. */
static alb_status pattern_of(alb_diag *diag, const alb_tokenizer *t, const Alb__AddedToken *token,
                             alb_token_scratch *scratch, alb_added_pattern *out) {
  out->token = token;
  out->text = alb_code_points(alb_str_of(token->content), &out->count);
  if (!out->text) return alb_fail_memory(diag, strlen(token->content), "an added token");
  if (!token->normalized) return ALB_OK;
  ALB_TRY(alb_scratch_normalize(t, scratch, diag, out->text, out->count));
  free(out->text);
  out->count = scratch->text.count;
  out->text = malloc((out->count + 1) * sizeof *out->text);
  if (!out->text) return alb_fail_memory(diag, out->count * sizeof *out->text, "an added token");
  for (size_t i = 0; i < out->count; i++) out->text[i] = scratch->text.items[i].cp;
  return ALB_OK;
}

static alb_status fill_added(alb_diag *diag, alb_tokenizer *t, alb_token_scratch *scratch) {
  const Alb__Tokenizer *m = t->message;
  t->added_raw.patterns = calloc(m->n_added + 1, sizeof *t->added_raw.patterns);
  t->added_normalized.patterns = calloc(m->n_added + 1, sizeof *t->added_normalized.patterns);
  if (!t->added_raw.patterns || !t->added_normalized.patterns)
    return alb_fail_memory(diag, m->n_added, "the added tokens");
  for (size_t i = 0; i < m->n_added; i++) {
    alb_added_set *set = m->added[i]->normalized ? &t->added_normalized : &t->added_raw;
    ALB_TRY(pattern_of(diag, t, m->added[i], scratch, &set->patterns[set->count++]));
  }
  ALB_TRY(alb_added_set_sort(diag, &t->added_raw));
  return alb_added_set_sort(diag, &t->added_normalized);
}

static alb_status load_added(alb_diag *diag, alb_tokenizer *t) {
  const Alb__Tokenizer *m = t->message;
  t->added_by_id = calloc(t->vocab.count, sizeof *t->added_by_id);
  if (!t->added_by_id) return alb_fail_memory(diag, t->vocab.count * sizeof *t->added_by_id, "the added tokens");
  for (size_t i = 0; i < m->n_added; i++) ALB_TRY(check_added(diag, t, m->added[i]));
  alb_token_scratch *scratch = NULL;
  ALB_TRY(alb_token_scratch_new(diag, t, &scratch));
  const alb_status status = fill_added(diag, t, scratch);
  alb_token_scratch_free(scratch);
  return status;
}

/* ---- model, template, names ---- */

static alb_status load_vocab(alb_diag *diag, alb_tokenizer *t, alb_prepare_model_fn *prepare) {
  uint8_t *leave_out = calloc(t->vocab.count, 1);
  if (!leave_out) return alb_fail_memory(diag, t->vocab.count, "the vocabulary");
  for (size_t i = 0; i < t->message->n_added; i++) {
    if (t->message->added[i]->outside) leave_out[t->message->added[i]->id] = 1;
  }
  alb_status status = alb_vocab_table_fill(diag, &t->vocab, leave_out);
  if (status == ALB_OK && prepare) status = prepare(diag, t, leave_out);
  free(leave_out);
  return status;
}

static alb_status load_model(alb_diag *diag, alb_tokenizer *t, alb_prepare_model_fn **prepare) {
  const Alb__Tokenizer *m = t->message;
  size_t i = 0;
  while (i < COUNT(models) && strcmp(m->model, models[i].name) != 0) i++;
  if (i == COUNT(models)) return alb_fail(diag, ALB_UNSUPPORTED, "tokenizer: model \"%.64s\"", m->model);
  t->model = models[i].run;
  *prepare = models[i].prepare;
  ALB_TRY(check_text(diag, "the continuing prefix", m->continuing_prefix));
  ALB_TRY(check_text(diag, "the prefix for decoding", m->decode_prefix));
  if (m->unk > t->vocab.count)
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: unknown token %u of %zu tokens", m->unk - 1, t->vocab.count);
  return ALB_OK;
}

static alb_status check_template(alb_diag *diag, const alb_tokenizer *t, Alb__TemplatePiece *const *pieces,
                                 size_t count, uint32_t last_kind, size_t *specials) {
  if (count > MAX_PIECES) return alb_fail(diag, ALB_LIMIT, "tokenizer: template of %zu pieces", count);
  *specials = 0;
  for (size_t i = 0; i < count; i++) {
    if (pieces[i]->kind > last_kind)
      return alb_fail(diag, ALB_MALFORMED, "tokenizer: template piece of kind %u", pieces[i]->kind);
    if (pieces[i]->type_id > INT32_MAX)
      return alb_fail(diag, ALB_MALFORMED, "tokenizer: type id %u", pieces[i]->type_id);
    if (pieces[i]->kind != ALB_PIECE_TOKEN) continue;
    ++*specials;
    if (pieces[i]->id >= t->rows)
      return alb_fail(diag, ALB_MALFORMED, "tokenizer: template token %u of %zu rows", pieces[i]->id, t->rows);
  }
  return ALB_OK;
}

static alb_status check_named(alb_diag *diag, const alb_tokenizer *t) {
  for (size_t i = 0; i < t->message->n_named; i++) {
    const Alb__NamedToken *named = t->message->named[i];
    ALB_TRY(check_text(diag, "a token's name", named->name));
    if (named->id >= t->rows)
      return alb_fail(diag, ALB_MALFORMED, "tokenizer: %.64s token %u of %zu rows", named->name, named->id, t->rows);
  }
  return ALB_OK;
}

static alb_status load(alb_diag *diag, alb_tokenizer *t, alb_span vocab, size_t rows) {
  const Alb__Tokenizer *m = t->message;
  alb_prepare_model_fn *prepare = NULL;
  ALB_TRY(alb_vocab_table_open(diag, vocab, &t->vocab));
  t->rows = rows ? rows : t->vocab.count;
  if (t->vocab.count > t->rows)
    return alb_fail(diag, ALB_SHAPE, "vocabulary has %zu tokens, the model has %zu rows", t->vocab.count, t->rows);
  ALB_TRY(load_model(diag, t, &prepare));
  ALB_TRY(load_stages(diag, m->normalizers, m->n_normalizers, load_normalizer, &t->normalizers, &t->normalizer_count));
  ALB_TRY(load_stages(diag, m->splitters, m->n_splitters, load_splitter, &t->splitters, &t->splitter_count));
  ALB_TRY(load_stages(diag, m->decoders, m->n_decoders, load_decoder, &t->decoders, &t->decoder_count));
  ALB_TRY(check_template(diag, t, m->single, m->n_single, ALB_PIECE_FIRST, &t->single_specials));
  ALB_TRY(check_template(diag, t, m->pair, m->n_pair, ALB_PIECE_SECOND, &t->pair_specials));
  ALB_TRY(check_named(diag, t));
  ALB_TRY(load_added(diag, t));
  ALB_TRY(load_vocab(diag, t, prepare));
  return alb_prepare_cuts(diag, t);
}

alb_status alb_tokenizer_new(alb_diag *diag, const Alb__Tokenizer *message, alb_span vocab, size_t rows,
                             alb_tokenizer **out) {
  alb_tokenizer *t = calloc(1, sizeof *t);
  if (!t) return alb_fail_memory(diag, sizeof *t, "a tokenizer");
  t->message = message;
  const alb_status status = load(diag, t, vocab, rows);
  if (status == ALB_OK) {
    *out = t;
  } else {
    alb_tokenizer_free(t);
  }
  return status;
}

void alb_tokenizer_free(alb_tokenizer *t) {
  if (!t) return;
  free_stages(t->normalizers, t->normalizer_count);
  free_stages(t->splitters, t->splitter_count);
  free_stages(t->decoders, t->decoder_count);
  alb_added_set_free(&t->added_raw);
  alb_added_set_free(&t->added_normalized);
  free(t->added_by_id);
  free(t->scores);
  alb_trie_free(&t->trie);
  alb_vocab_table_free(&t->vocab);
  free(t);
}

size_t alb_tokenizer_count(const alb_tokenizer *t) {
  return t->vocab.count;
}

alb_str alb_tokenizer_token(const alb_tokenizer *t, int32_t id) {
  return id >= 0 && (size_t)id < t->vocab.count ? alb_vocab_table_token(&t->vocab, (size_t)id) : (alb_str){"", 0};
}

int32_t alb_tokenizer_id(const alb_tokenizer *t, alb_str token) {
  for (size_t i = 0; i < t->message->n_added; i++) {
    if (alb_str_is(token, t->message->added[i]->content)) return (int32_t)t->message->added[i]->id;
  }
  const uint32_t id = alb_vocab_table_find(&t->vocab, token.p, token.n);
  return id == ALB_NO_TOKEN ? -1 : (int32_t)id;
}

size_t alb_tokenizer_max_length(const alb_tokenizer *t) {
  return t->message->max_length;
}

int32_t alb_tokenizer_named(const alb_tokenizer *t, const char *name) {
  for (size_t i = 0; i < t->message->n_named; i++) {
    if (strcmp(t->message->named[i]->name, name) == 0) return (int32_t)t->message->named[i]->id;
  }
  return -1;
}
