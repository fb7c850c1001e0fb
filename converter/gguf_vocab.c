/* The tokenizer in the metadata of a GGUF file: llama.cpp's form of a WordPiece vocabulary. */
#include "base/utf8.h"
#include "converter/gguf_read.h"

#define WORD_MARK "\xe2\x96\x81" /* U+2581, which llama.cpp puts before pieces that begin a word */
#define KEY(name) "tokenizer.ggml." name

enum { MAX_TOKEN = 4096 };

typedef struct vocab_maker {
  alb_diag *diag;
  const alb_gguf *gguf;
  alb_source *source;
  alb_span texts;       /* what is left of the list */
  const uint8_t *kinds; /* i32 each; NULL: all are normal */
  uint64_t count;
  json_t *vocab; /* text -> id */
  bool cased;    /* some word is in upper case */
} vocab_maker;

/* The special tokens: their keys, the names that older files have for them, BERT's own numbers, and what they are
 * called in special_tokens_map.json. */
static const struct {
  const char *key, *old_key;
  uint32_t usual;
  const char *name;
} specials[] = {
    {KEY("unknown_token_id"), NULL, 100, "unk_token"},
    {KEY("seperator_token_id"), KEY("eos_token_id"), 102, "sep_token"},
    {KEY("padding_token_id"), NULL, 0, "pad_token"},
    {KEY("cls_token_id"), KEY("bos_token_id"), 101, "cls_token"},
    {KEY("mask_token_id"), NULL, 103, "mask_token"},
};
enum { SPECIALS = sizeof specials / sizeof *specials, UNK = 0, SEP = 1, CLS = 3 };

/* ---- tokens ---- */

static uint32_t kind_of(const vocab_maker *v, uint64_t id) {
  return v->kinds ? alb_load_u32(v->kinds + 4 * id) : ALB_GGUF_TOKEN_NORMAL;
}

/* The WordPiece spelling of a token in out; its length. Older files mark no token in brackets. */
static size_t spell(alb_str text, uint32_t kind, char out[MAX_TOKEN + 2]) {
  const alb_str mark = ALB_STR(WORD_MARK);
  const bool bracketed = text.n > 1 && text.p[0] == '[' && text.p[text.n - 1] == ']';
  const bool marked = alb_str_starts(text, mark) && text.n > mark.n;
  const bool piece = kind != ALB_GGUF_TOKEN_CONTROL && !bracketed && !marked;
  if (kind != ALB_GGUF_TOKEN_CONTROL && marked) text = (alb_str){text.p + mark.n, text.n - mark.n};
  memcpy(out, "##", 2);
  memcpy(out + (piece ? 2 : 0), text.p, text.n);
  return text.n + (piece ? 2 : 0);
}

/* Unused numbers have a text that stands for nothing. */
static alb_status add_token(vocab_maker *v, uint64_t id) {
  const alb_str text = alb_gguf_next_string(&v->texts);
  char spelled[MAX_TOKEN + 2];
  const uint32_t kind = kind_of(v, id);
  if (kind == ALB_GGUF_TOKEN_UNUSED || !text.n) return ALB_OK;
  if (text.n > MAX_TOKEN)
    return alb_fail(v->diag, ALB_LIMIT, "token %llu has %zu bytes", (unsigned long long)id, text.n);
  if (!alb_utf8_valid(text)) return alb_fail(v->diag, ALB_MALFORMED, "token %llu is not UTF-8", (unsigned long long)id);
  const size_t n = spell(text, kind, spelled);
  v->cased = v->cased || (kind == ALB_GGUF_TOKEN_NORMAL && spelled[0] >= 'A' && spelled[0] <= 'Z');
  if (json_object_getn(v->vocab, spelled, n)) {
    return alb_fail(v->diag, ALB_DUPLICATE, "token \"%.*s\" occurs twice", (int)(n < 64 ? n : 64), spelled);
  }
  return json_object_setn_new(v->vocab, spelled, n, json_integer((json_int_t)id)) == 0
             ? ALB_OK
             : alb_fail_memory(v->diag, n, "the vocabulary");
}

static alb_status find_lists(vocab_maker *v) {
  const alb_gguf_value *texts = alb_gguf_find(v->gguf, KEY("tokens")),
                       *kinds = alb_gguf_find(v->gguf, KEY("token_type"));
  if (texts->type != ALB_GGUF_ARRAY || texts->element_type != ALB_GGUF_STRING) {
    return alb_fail(v->diag, ALB_MALFORMED, "\"" KEY("tokens") "\" is not a list of texts");
  }
  v->texts = texts->bytes;
  v->count = texts->count;
  if (!kinds) return ALB_OK;
  const bool right = kinds->type == ALB_GGUF_ARRAY &&
                     (kinds->element_type == ALB_GGUF_INT32 || kinds->element_type == ALB_GGUF_UINT32) &&
                     kinds->count == texts->count;
  v->kinds = kinds->bytes.p;
  return right ? ALB_OK
               : alb_fail(v->diag, ALB_MALFORMED, "\"" KEY("token_type") "\" is not one number for each token");
}

static alb_status check_model(alb_diag *diag, const alb_gguf *gguf) {
  const alb_gguf_value *value = alb_gguf_find(gguf, KEY("model"));
  const alb_str name = value && value->type == ALB_GGUF_STRING ? (alb_str){(const char *)value->bytes.p, value->bytes.n}
                                                               : ALB_STR("none");
  if (alb_str_is(name, "bert")) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "GGUF tokenizer \"%.*s\" is not supported (supported: bert)",
                  ALB_STR_ARGS(name));
}

/* ---- special tokens ---- */

/* The text of the token of that id in the vocabulary, or NULL. */
static const char *text_of(const vocab_maker *v, uint32_t id) {
  const char *text;
  json_t *value;
  json_object_foreach(v->vocab, text, value) {
    if (json_integer_value(value) == (json_int_t)id) return text;
  }
  return NULL;
}

/* NULL: the file does not say, and BERT's own is no token. */
static alb_status find_special(const vocab_maker *v, size_t i, uint32_t *id, const char **text) {
  bool found;
  *id = specials[i].usual;
  ALB_TRY(alb_gguf_uint(v->diag, v->gguf, specials[i].key, &found, id));
  if (!found && specials[i].old_key) ALB_TRY(alb_gguf_uint(v->diag, v->gguf, specials[i].old_key, &found, id));
  *text = text_of(v, *id);
  if (*text || (!found && i != UNK && i != SEP && i != CLS)) return ALB_OK;
  return alb_fail(v->diag, ALB_MISSING, "\"%s\" is %u, which is no token", specials[i].key, *id);
}

static json_t *added_token(const char *text, uint32_t id) {
  return json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content", text, "single_word", 0,
                   "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1);
}

static alb_status add_specials(const vocab_maker *v, json_t *added, json_t *map, const char *texts[SPECIALS],
                               uint32_t ids[SPECIALS]) {
  for (size_t i = 0; i < SPECIALS; i++) {
    ALB_TRY(find_special(v, i, &ids[i], &texts[i]));
    if (!texts[i]) continue;
    bool twice = false;
    for (size_t k = 0; k < i; k++) twice = twice || (texts[k] && ids[k] == ids[i]);
    const bool done = json_object_set_new(map, specials[i].name, json_string(texts[i])) == 0 &&
                      (twice || json_array_append_new(added, added_token(texts[i], ids[i])) == 0);
    if (!done) return alb_fail_memory(v->diag, 1, "special tokens");
  }
  return ALB_OK;
}

/* ---- the files ---- */

static json_t *post_processor(const char *texts[SPECIALS], const uint32_t ids[SPECIALS]) {
  return json_pack("{s:s, s:[s,I], s:[s,I]}", "type", "BertProcessing", "sep", texts[SEP], (json_int_t)ids[SEP], "cls",
                   texts[CLS], (json_int_t)ids[CLS]);
}

static json_t *make_json(const vocab_maker *v, json_t *added, const char *texts[SPECIALS],
                         const uint32_t ids[SPECIALS]) {
  return json_pack(
      "{s:s, s:O, s:{s:s, s:b, s:b, s:n, s:b}, s:{s:s}, s:o, s:{s:s, s:s, s:b},"
      " s:{s:s, s:s, s:s, s:i, s:O}}",
      "version", "1.0", "added_tokens", added, "normalizer", "type", "BertNormalizer", "clean_text", 1,
      "handle_chinese_chars", 1, "strip_accents", "lowercase", !v->cased, "pre_tokenizer", "type", "BertPreTokenizer",
      "post_processor", post_processor(texts, ids), "decoder", "type", "WordPiece", "prefix", "##", "cleanup", 1,
      "model", "type", "WordPiece", "unk_token", texts[UNK], "continuing_subword_prefix", "##",
      "max_input_chars_per_word", 100, "vocab", v->vocab);
}

static alb_status make_files(vocab_maker *v, json_t *added, json_t *map) {
  const char *texts[SPECIALS];
  uint32_t ids[SPECIALS];
  ALB_TRY(find_lists(v));
  for (uint64_t id = 0; id < v->count; id++) ALB_TRY(add_token(v, id));
  ALB_TRY(add_specials(v, added, map, texts, ids));
  ALB_TRY(alb_gguf_make(v->diag, v->source, "tokenizer.json", make_json(v, added, texts, ids)));
  return alb_gguf_make(v->diag, v->source, "special_tokens_map.json", json_incref(map));
}

alb_status alb_gguf_tokenizer(alb_diag *diag, const alb_gguf *gguf, alb_source *source) {
  vocab_maker v = {.diag = diag, .gguf = gguf, .source = source};
  if (!alb_gguf_find(gguf, KEY("tokens"))) return ALB_OK;
  ALB_TRY(check_model(diag, gguf));
  json_t *added = json_array(), *map = json_object();
  v.vocab = json_object();
  const alb_status status =
      added && map && v.vocab ? make_files(&v, added, map) : alb_fail_memory(diag, 1, "the vocabulary");
  json_decref(added);
  json_decref(map);
  json_decref(v.vocab);
  return status;
}
