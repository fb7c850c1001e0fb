/* vocab.txt of a BERT model, with tokenizer_config.json and special_tokens_map.json. */
#include "base/utf8.h"
#include "converter/vocab_build.h"
#include "format/layout.h"

/* The special tokens, in the order in which `transformers` adds them. */
static const struct {
  const char *key, *name;
  const char *contents[2]; /* BERT's, ALBERT's */
} specials[] = {
    {"unk_token", "unk", {"[UNK]", "<unk>"}},     {"sep_token", "sep", {"[SEP]", "[SEP]"}},
    {"pad_token", "pad", {"[PAD]", "<pad>"}},     {"cls_token", "cls", {"[CLS]", "[CLS]"}},
    {"mask_token", "mask", {"[MASK]", "[MASK]"}},
};

/* A special token is its text, or an object with its text. */
static const char *content_of(const json_t *value) {
  const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
  if (!json_is_string(text) || strlen(json_string_value(text)) != json_string_length(text)) return NULL;
  return json_string_value(text);
}

const char *alb_vocab_special(json_t *config, json_t *special_map, const char *key) {
  const bool decoder = json_is_object(json_object_get(config, "added_tokens_decoder"));
  const char *mapped = decoder ? NULL : content_of(json_object_get(special_map, key));
  return mapped ? mapped : content_of(json_object_get(config, key));
}

/* ---- vocab.txt ---- */

/* Takes a line off *text: line ends are LF, CR and CR LF, as Python reads text files. */
static alb_str next_line(alb_str *text) {
  size_t n = 0;
  while (n < text->n && text->p[n] != '\n' && text->p[n] != '\r') n++;
  const alb_str line = {text->p, n};
  const size_t end = n + 1 < text->n && text->p[n] == '\r' && text->p[n + 1] == '\n' ? n + 2 : n + (n < text->n);
  *text = (alb_str){text->p + end, text->n - end};
  return line;
}

/* A token that occurs twice has the id of its last line; the earlier lines have none. */
static alb_status read_lines(alb_vocab_build *b, alb_str text) {
  ALB_VEC(alb_str) lines = {0};
  alb_strmap last = {0};
  ALB_VEC(size_t) line_of = {0};
  alb_status status = ALB_OK;
  while (text.n && status == ALB_OK) {
    const alb_str line = next_line(&text);
    size_t index;
    bool inserted;
    if (!alb_vec_push(&lines, line) || !alb_strmap_add(&last, line, &index, &inserted) ||
        (inserted && !alb_vec_push(&line_of, 0))) {
      status = alb_fail_memory(b->diag, line.n, "the vocabulary");
    } else {
      line_of.items[index] = lines.count - 1;
    }
  }
  for (size_t i = 0; status == ALB_OK && i < lines.count; i++) {
    if (line_of.items[alb_strmap_find(&last, lines.items[i])] == i) status = alb_vocab_add(b, lines.items[i], i);
  }
  alb_vec_free(&lines);
  alb_vec_free(&line_of);
  alb_strmap_free(&last);
  alb_vocab_model_done(b);
  return status;
}

/* ---- options ---- */

alb_status alb_vocab_option(alb_vocab_build *b, json_t *config, const char *key, bool *value) {
  const json_t *stated = json_object_get(config, key);
  if (!stated || json_is_null(stated)) return ALB_OK;
  return alb_field_bool(b, (alb_field_list){"options", config}, key, value);
}

static alb_status read_normalizers(alb_vocab_build *b, json_t *config) {
  bool lowercase = true, cjk = true, strip = false;
  ALB_TRY(alb_vocab_option(b, config, "do_lower_case", &lowercase));
  ALB_TRY(alb_vocab_option(b, config, "tokenize_chinese_chars", &cjk));
  ALB_TRY(alb_vocab_option(b, config, "strip_accents", &strip));
  const json_t *stated = json_object_get(config, "strip_accents");
  return alb_vocab_bert_normalizers(b, true, cjk, stated && !json_is_null(stated) ? strip : -1, lowercase);
}

static alb_status flag(alb_vocab_build *b, json_t *token, const char *key, protobuf_c_boolean *out) {
  bool value = *out;
  ALB_TRY(alb_vocab_option(b, token, key, &value));
  *out = value;
  return ALB_OK;
}

/* A token as text or object; `special` unless the object says so itself. ALBERT's mask takes the space before it, as
 * long as nothing is said. */
static alb_status add_token(alb_vocab_build *b, json_t *value, const char *content, bool mask) {
  Alb__AddedToken flags = ALB__ADDED_TOKEN__INIT;
  flags.special = true;
  flags.lstrip = b->albert && mask && !json_is_object(value);
  if (json_is_object(value)) {
    ALB_TRY(flag(b, value, "single_word", &flags.single_word));
    ALB_TRY(flag(b, value, "lstrip", &flags.lstrip));
    ALB_TRY(flag(b, value, "rstrip", &flags.rstrip));
    ALB_TRY(flag(b, value, "normalized", &flags.normalized));
    ALB_TRY(flag(b, value, "special", &flags.special));
  }
  return alb_vocab_add_token(b, &flags, content);
}

/* {"103": {"content": "[MASK]", ...}}, by id. */
static alb_status add_decoder_tokens(alb_vocab_build *b, json_t *decoder) {
  const char *key;
  json_t *value;
  json_object_foreach(decoder, key, value) {
    const char *content = content_of(value);
    if (!json_is_object(value) || !content)
      return alb_fail(b->diag, ALB_MALFORMED, "tokenizer_config.json: added token \"%.64s\"", key);
    ALB_TRY(add_token(b, value, content, false));
  }
  return ALB_OK;
}

static bool is_added(const alb_vocab_build *b, const char *content) {
  for (size_t i = 0; i < b->tokenizer->n_added; i++) {
    if (strcmp(b->tokenizer->added[i]->content, content) == 0) return true;
  }
  return false;
}

alb_status alb_vocab_add_specials(alb_vocab_build *b, json_t *config, json_t *special_map) {
  json_t *decoder = json_object_get(config, "added_tokens_decoder");
  if (json_is_object(decoder)) ALB_TRY(add_decoder_tokens(b, decoder));
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    const char *said = alb_vocab_special(config, special_map, specials[i].key);
    const char *content = said ? said : specials[i].contents[b->albert];
    json_t *mapped = json_object_get(special_map, specials[i].key);
    if (!is_added(b, content))
      ALB_TRY(add_token(b, mapped ? mapped : json_object_get(config, specials[i].key), content,
                        strcmp(specials[i].name, "mask") == 0));
  }
  json_t *more = json_object_get(special_map, "additional_special_tokens"), *value;
  if (!more) more = json_object_get(config, "additional_special_tokens");
  size_t i;
  json_array_foreach(more, i, value) {
    const char *content = content_of(value);
    if (!content) return alb_fail(b->diag, ALB_MALFORMED, "%s: additional special token %zu", b->file, i);
    if (!is_added(b, content)) ALB_TRY(add_token(b, value, content, false));
  }
  return ALB_OK;
}

alb_status alb_vocab_add_template(alb_vocab_build *b, json_t *config, json_t *special_map) {
  const char *cls = alb_vocab_special(config, special_map, "cls_token");
  const char *sep = alb_vocab_special(config, special_map, "sep_token");
  uint32_t cls_id, sep_id;
  if (!alb_vocab_find(b, cls ? cls : "[CLS]", &cls_id) || !alb_vocab_find(b, sep ? sep : "[SEP]", &sep_id))
    return alb_fail(b->diag, ALB_MISSING, "%s: no [CLS] or [SEP] token", b->file);
  return alb_vocab_bert_template(b, cls_id, sep_id);
}

/* Classes that are BERT's own tokenizer under another name. */
static alb_status check_class(alb_vocab_build *b, json_t *config) {
  static const char *const known[] = {"BertTokenizer",       "DistilBertTokenizer", "ElectraTokenizer",
                                      "MobileBertTokenizer", "ConvBertTokenizer",   "SqueezeBertTokenizer",
                                      "LayoutLMTokenizer"};
  const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
  if (!class) return ALB_OK;
  size_t n = strlen(class);
  if (alb_str_ends((alb_str){class, n}, ALB_STR("Fast"))) n -= 4;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (alb_str_is((alb_str){class, n}, known[i])) return ALB_OK;
  }
  return alb_fail(b->diag, ALB_UNSUPPORTED, "tokenizer_config.json: tokenizer class \"%.64s\"", class);
}

alb_status alb_vocab_read_text(alb_vocab_build *b, alb_span text, json_t *config, json_t *special_map) {
  Alb__Tokenizer *t = b->tokenizer;
  const alb_str all = {(const char *)text.p, text.n};
  if (!alb_utf8_valid(all)) return alb_fail(b->diag, ALB_MALFORMED, "%s: not UTF-8", b->file);
  if (text.n > ALB_MAX_VOCAB_BYTES) return alb_fail(b->diag, ALB_LIMIT, "%s: %zu bytes", b->file, text.n);
  ALB_TRY(check_class(b, config));
  ALB_TRY(alb_vocab_text(b, "wordpiece", &t->model));
  ALB_TRY(alb_vocab_text(b, "##", &t->continuing_prefix));
  ALB_TRY(alb_vocab_text(b, "##", &t->decode_prefix));
  t->max_word_chars = 100;
  t->clean_up = true;
  ALB_TRY(read_lines(b, all));
  const char *unk = alb_vocab_special(config, special_map, "unk_token");
  uint32_t id;
  if (alb_vocab_find(b, unk ? unk : "[UNK]", &id)) t->unk = id + 1;
  ALB_TRY(alb_vocab_add_specials(b, config, special_map));
  ALB_TRY(alb_vocab_add_name(b, "unk", unk ? unk : "[UNK]"));
  ALB_TRY(read_normalizers(b, config));
  ALB_TRY(alb_vocab_bert_splitters(b));
  return alb_vocab_add_template(b, config, special_map);
}

alb_status alb_vocab_read_config(alb_vocab_build *b, json_t *config, json_t *special_map) {
  for (size_t i = 1; i < sizeof specials / sizeof *specials; i++) { /* the model has named its unknown token */
    const char *said = alb_vocab_special(config, special_map, specials[i].key);
    ALB_TRY(alb_vocab_add_name(b, specials[i].name, said ? said : specials[i].contents[b->albert]));
  }
  bool clean_up = false;
  ALB_TRY(alb_vocab_option(b, config, "clean_up_tokenization_spaces", &clean_up));
  b->tokenizer->clean_up_text = clean_up;
  const json_t *most = json_object_get(config, "model_max_length");
  if (json_is_number(most) && json_number_value(most) >= 1 && json_number_value(most) <= UINT32_MAX)
    b->tokenizer->max_length = (uint32_t)json_number_value(most);
  return ALB_OK;
}
