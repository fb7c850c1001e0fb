/* From the tokenizer of an .alb file back to tokenizer.json. Elements: the `tokenizers` library, version 0.23. */
#include "converter/tokenizer_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "converter/regex_words.h"

typedef struct rebuild {
  alb_diag *diag;
  const alb_tokenizer_parts *parts;
  const Alb__Tokenizer *t;
} rebuild;

static alb_status no_memory(alb_diag *diag) {
  return alb_fail_memory(diag, 0, "tokenizer.json");
}

/* Sets a key, or fails when the value could not be made. Takes the reference. */
static alb_status set(const rebuild *r, json_t *object, const char *key, json_t *value) {
  return value && json_object_set_new(object, key, value) == 0 ? ALB_OK : no_memory(r->diag);
}

static alb_status append(const rebuild *r, json_t *list, json_t *value) {
  return value && json_array_append_new(list, value) == 0 ? ALB_OK : no_memory(r->diag);
}

/* ---- regular expressions ---- */

static bool starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What is spelled otherwise; the first that fits counts. */
static const struct {
  const char *from, *to;
} spellings[] = {
    {"[" ALB_REGEX_WORD "]", "\\w"},
    {"[^" ALB_REGEX_WORD "]", "\\W"},
    {ALB_REGEX_WORD, "\\w"},
    {ALB_REGEX_SPACE, "\\s"},
    {ALB_REGEX_NO_SPACE, "\\S"},
    {"\\p{sc:", "\\p{"},
    {"\\P{sc:", "\\P{"},
    {"(?s:", "(?m:"},
    {"(?is:", "(?im:"},
};

/* Writes one element of *p at `end` and goes behind it; returns the new end. */
static char *respell(const char **p, char *end) {
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    if (!starts(*p, spellings[i].from)) continue;
    *p += strlen(spellings[i].from);
    return stpcpy(end, spellings[i].to);
  }
  if (starts(*p, "\\x") && (*p)[2] && (*p)[2] != '{' && (*p)[3]) { /* \xHH is a byte there, \x{HH} a character */
    end += sprintf(end, "\\x{%.2s}", *p + 2);
    *p += 4;
    return end;
  }
  const size_t n = **p == '\\' && (*p)[1] ? 2 : 1;
  memcpy(end, *p, n);
  *p += n;
  return end + n;
}

char *alb_regex_to_oniguruma(const char *pattern) {
  char *out = malloc(2 * strlen(pattern) + 1), *end = out; /* no spelling is twice as long */
  while (out && *pattern) end = respell(&pattern, end);
  if (out) *end = '\0';
  return out;
}

/* ---- the model ---- */

static bool is_outside(const rebuild *r, size_t id) {
  for (size_t i = 0; i < r->t->n_added; i++) {
    if (r->t->added[i]->outside && r->t->added[i]->id == id) return true;
  }
  return false;
}

static alb_status make_vocab(const rebuild *r, json_t **out) {
  *out = json_object();
  for (size_t i = 0; *out && i < r->parts->count; i++) {
    const alb_str token = r->parts->tokens[i];
    if (!token.n || is_outside(r, i)) continue;
    if (json_object_setn_new(*out, token.p, token.n, json_integer((json_int_t)i)) != 0) return no_memory(r->diag);
  }
  return *out ? ALB_OK : no_memory(r->diag);
}

/* The text of the unknown token; one that is not in the vocabulary when there is none. */
static json_t *unk_text(const rebuild *r) {
  if (!r->t->unk) return json_string("[there is no unknown token]");
  const alb_str text = r->parts->tokens[r->t->unk - 1];
  return json_stringn(text.p, text.n);
}

static alb_status make_wordpiece(const rebuild *r, json_t *model) {
  ALB_TRY(set(r, model, "continuing_subword_prefix", json_string(r->t->continuing_prefix)));
  return set(r, model, "max_input_chars_per_word", json_integer(r->t->max_word_chars));
}

static const struct {
  const char *model, *type;
  alb_status (*make)(const rebuild *r, json_t *model);
} models[] = {
    {"wordpiece", "WordPiece", make_wordpiece},
    {"wordlevel", "WordLevel", NULL},
};

static alb_status make_model(const rebuild *r, json_t *root) {
  size_t i = 0;
  const size_t count = sizeof models / sizeof *models;
  while (i < count && strcmp(models[i].model, r->t->model) != 0) i++;
  if (i == count) return alb_fail(r->diag, ALB_UNSUPPORTED, "token model \"%s\" in tokenizer.json", r->t->model);
  json_t *model = json_object(), *vocab = NULL;
  ALB_TRY(set(r, root, "model", model));
  ALB_TRY(set(r, model, "type", json_string(models[i].type)));
  ALB_TRY(set(r, model, "unk_token", unk_text(r)));
  if (models[i].make) ALB_TRY(models[i].make(r, model));
  const alb_status status = make_vocab(r, &vocab);
  if (status == ALB_OK) return set(r, model, "vocab", vocab);
  json_decref(vocab);
  return status;
}

static alb_status make_added(const rebuild *r, json_t *root) {
  json_t *list = json_array();
  ALB_TRY(set(r, root, "added_tokens", list));
  for (size_t i = 0; i < r->t->n_added; i++) {
    const Alb__AddedToken *a = r->t->added[i];
    ALB_TRY(append(r, list,
                   json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)a->id, "content", a->content,
                             "single_word", a->single_word, "lstrip", a->lstrip, "rstrip", a->rstrip, "normalized",
                             a->normalized, "special", a->special)));
  }
  return ALB_OK;
}

/* ---- stages ---- */

typedef json_t *stage_fn(const Alb__TokenizerStage *stage);

static json_t *pattern_of(const Alb__TokenizerStage *stage) {
  char *regex = stage->regex ? alb_regex_to_oniguruma(stage->pattern) : NULL;
  json_t *json = stage->regex ? json_pack("{s:s}", "Regex", regex) : json_pack("{s:s}", "String", stage->pattern);
  free(regex);
  return json;
}

static const char *behavior_of(const Alb__TokenizerStage *stage) {
  static const char *const names[][2] = {{"removed", "Removed"},
                                         {"isolated", "Isolated"},
                                         {"merged_with_previous", "MergedWithPrevious"},
                                         {"merged_with_next", "MergedWithNext"},
                                         {"contiguous", "Contiguous"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(stage->behavior, names[i][0]) == 0) return names[i][1];
  }
  return "Isolated";
}

static json_t *make_strip(const Alb__TokenizerStage *stage) {
  return json_pack("{s:s, s:b, s:b}", "type", "Strip", "strip_left", stage->left, "strip_right", stage->right);
}

static json_t *make_replace(const Alb__TokenizerStage *stage) {
  return json_pack("{s:s, s:o, s:s}", "type", "Replace", "pattern", pattern_of(stage), "content", stage->content);
}

static json_t *make_punctuation(const Alb__TokenizerStage *stage) {
  return json_pack("{s:s, s:s}", "type", "Punctuation", "behavior", behavior_of(stage));
}

static json_t *make_split(const Alb__TokenizerStage *stage) {
  return json_pack("{s:s, s:o, s:s, s:b}", "type", "Split", "pattern", pattern_of(stage), "behavior",
                   behavior_of(stage), "invert", stage->invert);
}

/* A stage of runtime/tokenizer/stages.def as an element: by its type alone, or by a function. */
static const struct {
  const char *stage, *type;
  stage_fn *make;
} elements[] = {
    {"nfc", "NFC", NULL},
    {"nfd", "NFD", NULL},
    {"nfkc", "NFKC", NULL},
    {"nfkd", "NFKD", NULL},
    {"marks", "StripAccents", NULL},
    {"lowercase", "Lowercase", NULL},
    {"strip", NULL, make_strip},
    {"replace", NULL, make_replace},
    {"whitespace", "WhitespaceSplit", NULL},
    {"words", "Whitespace", NULL},
    {"punctuation", NULL, make_punctuation},
    {"split", NULL, make_split},
};

static alb_status make_element(const rebuild *r, const Alb__TokenizerStage *stage, json_t *list) {
  for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
    if (strcmp(elements[i].stage, stage->type) != 0) continue;
    return append(r, list, elements[i].make ? elements[i].make(stage) : json_pack("{s:s}", "type", elements[i].type));
  }
  return alb_fail(r->diag, ALB_UNSUPPORTED, "tokenizer stage \"%s\" in tokenizer.json", stage->type);
}

/* How many stages from i on are these, in this order. */
static bool are(Alb__TokenizerStage *const *stages, size_t count, size_t i, const char *a, const char *b) {
  if (i >= count || strcmp(stages[i]->type, a) != 0) return false;
  return !b || (i + 1 < count && strcmp(stages[i + 1]->type, b) == 0);
}

/* BertNormalizer is clean, cjk, nfd + nonspacing, lowercase, each if asked for; returns how many stages it takes. */
static size_t take_bert(const rebuild *r, size_t first, json_t **out) {
  size_t i = first;
  const bool clean = are(r->t->normalizers, r->t->n_normalizers, i, "clean", NULL);
  i += clean;
  const bool cjk = are(r->t->normalizers, r->t->n_normalizers, i, "cjk", NULL);
  i += cjk;
  const bool accents = are(r->t->normalizers, r->t->n_normalizers, i, "nfd", "nonspacing");
  i += 2 * (size_t)accents;
  if (i == first) return 0;
  const bool lowercase = are(r->t->normalizers, r->t->n_normalizers, i, "lowercase", NULL);
  *out = json_pack("{s:s, s:b, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text", clean, "handle_chinese_chars",
                   cjk, "strip_accents", accents, "lowercase", lowercase);
  return i + lowercase - first;
}

/* A list of elements: none is null, one stands alone, more are a Sequence. Takes the reference. */
static alb_status set_chain(const rebuild *r, json_t *root, const char *key, const char *inner, json_t *list) {
  json_t *value = json_array_size(list) == 0 ? json_null() : json_array_get(list, 0);
  if (json_array_size(list) > 1) {
    value = json_pack("{s:s, s:O}", "type", "Sequence", inner, list);
  } else {
    json_incref(value);
  }
  const alb_status status = set(r, root, key, value);
  json_decref(list);
  return status;
}

static alb_status list_normalizers(const rebuild *r, json_t *list) {
  for (size_t i = 0; i < r->t->n_normalizers;) {
    json_t *bert = NULL;
    const size_t taken = take_bert(r, i, &bert);
    ALB_TRY(taken ? append(r, list, bert) : make_element(r, r->t->normalizers[i], list));
    i += taken ? taken : 1;
  }
  return ALB_OK;
}

static alb_status list_splitters(const rebuild *r, json_t *list) {
  Alb__TokenizerStage *const *stages = r->t->splitters;
  for (size_t i = 0; i < r->t->n_splitters; i++) {
    const bool bert = are(stages, r->t->n_splitters, i, "whitespace", "punctuation") &&
                      strcmp(stages[i + 1]->behavior, "isolated") == 0;
    ALB_TRY(bert ? append(r, list, json_pack("{s:s}", "type", "BertPreTokenizer")) : make_element(r, stages[i], list));
    i += bert;
  }
  return ALB_OK;
}

static alb_status make_stages(const rebuild *r, json_t *root) {
  json_t *normalizers = json_array(), *splitters = json_array();
  alb_status status = list_normalizers(r, normalizers);
  if (status == ALB_OK) status = list_splitters(r, splitters);
  if (status == ALB_OK) status = set_chain(r, root, "normalizer", "normalizers", json_incref(normalizers));
  if (status == ALB_OK) status = set_chain(r, root, "pre_tokenizer", "pretokenizers", json_incref(splitters));
  json_decref(normalizers);
  json_decref(splitters);
  return status;
}

/* ---- the template ---- */

/* Adds the token of a piece to "special_tokens" under its text, or its number where it has none. */
static alb_status note_special(const rebuild *r, json_t *specials, uint32_t id, char name[32], alb_str *text) {
  const bool known = id < r->parts->count && r->parts->tokens[id].n;
  if (!known) (void)snprintf(name, 32, "[%u]", id);
  *text = known ? r->parts->tokens[id] : alb_str_of(name);
  json_t *token =
      json_pack("{s:s%, s:[I], s:[s%]}", "id", text->p, text->n, "ids", (json_int_t)id, "tokens", text->p, text->n);
  return token && json_object_setn_new(specials, text->p, text->n, token) == 0 ? ALB_OK : no_memory(r->diag);
}

static alb_status make_pieces(const rebuild *r, Alb__TemplatePiece *const *pieces, size_t count, json_t *specials,
                              json_t *list) {
  for (size_t i = 0; i < count; i++) {
    const json_int_t type_id = (json_int_t)pieces[i]->type_id;
    char name[32];
    alb_str text = {NULL, 0};
    if (pieces[i]->kind == 0) {
      ALB_TRY(note_special(r, specials, pieces[i]->id, name, &text));
      ALB_TRY(append(r, list, json_pack("{s:{s:s%, s:I}}", "SpecialToken", "id", text.p, text.n, "type_id", type_id)));
    } else {
      const char *sequence = pieces[i]->kind == 1 ? "A" : "B";
      ALB_TRY(append(r, list, json_pack("{s:{s:s, s:I}}", "Sequence", "id", sequence, "type_id", type_id)));
    }
  }
  return ALB_OK;
}

static alb_status make_template(const rebuild *r, json_t *root) {
  json_t *processor = json_pack("{s:s}", "type", "TemplateProcessing");
  json_t *single = json_array(), *pair = json_array(), *specials = json_object();
  ALB_TRY(set(r, root, "post_processor", processor));
  ALB_TRY(set(r, processor, "single", single));
  ALB_TRY(set(r, processor, "pair", pair));
  ALB_TRY(set(r, processor, "special_tokens", specials));
  ALB_TRY(make_pieces(r, r->t->single, r->t->n_single, specials, single));
  return make_pieces(r, r->t->pair, r->t->n_pair, specials, pair);
}

static alb_status make_decoder(const rebuild *r, json_t *root) {
  const bool wordpiece = strcmp(r->t->model, "wordpiece") == 0 || r->t->clean_up || *r->t->decode_prefix;
  if (!wordpiece) return set(r, root, "decoder", json_null());
  return set(
      r, root, "decoder",
      json_pack("{s:s, s:s, s:b}", "type", "WordPiece", "prefix", r->t->decode_prefix, "cleanup", r->t->clean_up));
}

static alb_status make_all(const rebuild *r, json_t *root) {
  ALB_TRY(set(r, root, "version", json_string("1.0")));
  ALB_TRY(set(r, root, "truncation", json_null()));
  ALB_TRY(set(r, root, "padding", json_null()));
  ALB_TRY(make_added(r, root));
  ALB_TRY(make_stages(r, root));
  ALB_TRY(make_template(r, root));
  ALB_TRY(make_decoder(r, root));
  return make_model(r, root);
}

alb_status alb_tokenizer_json(alb_diag *diag, const alb_tokenizer_parts *parts, json_t **out) {
  const rebuild r = {diag, parts, parts->tokenizer};
  *out = NULL;
  if (r.t->unk > parts->count) {
    return alb_fail(diag, ALB_MALFORMED, "the unknown token is number %u of %zu", r.t->unk - 1, parts->count);
  }
  *out = json_object();
  const alb_status status = *out ? make_all(&r, *out) : no_memory(diag);
  if (status == ALB_OK) return ALB_OK;
  json_decref(*out);
  *out = NULL;
  return status;
}

json_t *alb_tokenizer_config_json(const alb_tokenizer_parts *parts) {
  const Alb__Tokenizer *t = parts->tokenizer;
  json_t *json = json_pack("{s:s, s:b}", "tokenizer_class", "PreTrainedTokenizerFast", "clean_up_tokenization_spaces",
                           t->clean_up_text);
  bool done = json != NULL;
  if (t->max_length) done = done && json_object_set_new(json, "model_max_length", json_integer(t->max_length)) == 0;
  for (size_t i = 0; done && i < t->n_named; i++) {
    char key[64];
    const alb_str text = t->named[i]->id < parts->count ? parts->tokens[t->named[i]->id] : (alb_str){NULL, 0};
    if (!text.n || strlen(t->named[i]->name) > 32) continue;
    (void)snprintf(key, sizeof key, "%s_token", t->named[i]->name);
    done = json_object_set_new(json, key, json_stringn(text.p, text.n)) == 0;
  }
  if (done) return json;
  json_decref(json);
  return NULL;
}
