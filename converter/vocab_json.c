/* tokenizer.json: model, added tokens, template, and what its other fields ask for. */
#include "converter/vocab_build.h"
#include "format/layout.h"

/* ---- the model ---- */

static alb_status read_vocab(alb_vocab_build *b, json_t *vocab) {
  const char *text;
  size_t n;
  json_t *id;
  if (!json_is_object(vocab)) return alb_fail(b->diag, ALB_MALFORMED, "%s: model: \"vocab\" is not an object", b->file);
  json_object_keylen_foreach(vocab, text, n, id) {
    if (!json_is_integer(id) || json_integer_value(id) < 0)
      return alb_fail(b->diag, ALB_MALFORMED, "%s: token \"%.64s\" has no id", b->file, text);
    ALB_TRY(alb_vocab_add(b, (alb_str){text, n}, (uint64_t)json_integer_value(id)));
  }
  alb_vocab_model_done(b);
  return ALB_OK;
}

static alb_status read_unk(alb_vocab_build *b, alb_field_list o) {
  char *unk;
  uint32_t id;
  ALB_TRY(alb_field_text(b, o, "unk_token", &unk));
  if (alb_vocab_find(b, unk, &id)) b->tokenizer->unk = id + 1;
  return alb_vocab_add_name(b, "unk", unk);
}

static alb_status read_wordpiece(alb_vocab_build *b, alb_field_list o) {
  uint64_t longest;
  ALB_TRY(alb_field_known(b, o, "unk_token continuing_subword_prefix max_input_chars_per_word vocab"));
  ALB_TRY(alb_field_text(b, o, "continuing_subword_prefix", &b->tokenizer->continuing_prefix));
  ALB_TRY(alb_field_size(b, o, "max_input_chars_per_word", UINT32_MAX, &longest));
  b->tokenizer->max_word_chars = (uint32_t)longest;
  ALB_TRY(read_vocab(b, json_object_get(o.object, "vocab")));
  return read_unk(b, o);
}

static alb_status read_wordlevel(alb_vocab_build *b, alb_field_list o) {
  ALB_TRY(alb_field_known(b, o, "unk_token vocab"));
  ALB_TRY(read_vocab(b, json_object_get(o.object, "vocab")));
  return read_unk(b, o);
}

static const struct {
  const char *type, *model;
  alb_status (*read)(alb_vocab_build *b, alb_field_list o);
} models[] = {
    {"WordPiece", "wordpiece", read_wordpiece},
    {"WordLevel", "wordlevel", read_wordlevel},
    {"Unigram", "unigram", alb_vocab_read_unigram},
};

static alb_status read_model(alb_vocab_build *b, json_t *model) {
  const char *type = json_string_value(json_object_get(model, "type"));
  if (!type && json_is_array(json_object_get(model, "vocab"))) type = "Unigram"; /* as in files of before 2021 */
  if (!type) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: model without a type", b->file);
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    if (strcmp(type, models[i].type) != 0) continue;
    const alb_field_list o = {alb_arena_printf(b->arena, "model %s", models[i].type), model};
    ALB_TRY(alb_vocab_text(b, models[i].model, &b->tokenizer->model));
    return o.where ? models[i].read(b, o) : alb_fail_memory(b->diag, 64, "a message");
  }
  return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: model \"%.64s\"", b->file, type);
}

/* ---- added tokens ---- */

static alb_status read_added_token(alb_vocab_build *b, json_t *object) {
  const alb_field_list o = {"added token", object};
  Alb__AddedToken flags = ALB__ADDED_TOKEN__INIT;
  bool single_word, lstrip, rstrip, normalized, special;
  char *content;
  uint64_t id;
  if (!json_is_object(object)) return alb_fail(b->diag, ALB_MALFORMED, "%s: added token is not an object", b->file);
  ALB_TRY(alb_field_known(b, o, "id content single_word lstrip rstrip normalized special"));
  ALB_TRY(alb_field_text(b, o, "content", &content));
  ALB_TRY(alb_field_size(b, o, "id", ALB_MAX_TOKENS, &id)); /* the library gives ids itself, and so do we */
  ALB_TRY(alb_field_bool(b, o, "single_word", &single_word));
  ALB_TRY(alb_field_bool(b, o, "lstrip", &lstrip));
  ALB_TRY(alb_field_bool(b, o, "rstrip", &rstrip));
  ALB_TRY(alb_field_bool(b, o, "normalized", &normalized));
  ALB_TRY(alb_field_bool(b, o, "special", &special));
  flags.single_word = single_word;
  flags.lstrip = lstrip;
  flags.rstrip = rstrip;
  flags.normalized = normalized;
  flags.special = special;
  return alb_vocab_add_token(b, &flags, content);
}

static alb_status read_added_tokens(alb_vocab_build *b, json_t *list) {
  size_t i;
  json_t *object;
  if (!list) return ALB_OK;
  if (!json_is_array(list)) return alb_fail(b->diag, ALB_MALFORMED, "%s: \"added_tokens\" is not a list", b->file);
  json_array_foreach(list, i, object) ALB_TRY(read_added_token(b, object));
  return ALB_OK;
}

/* ---- the template ---- */

static alb_status read_special_piece(alb_vocab_build *b, alb_field_list o, json_t *tokens, bool pair) {
  char *name;
  uint64_t type_id;
  json_t *ids, *id;
  size_t i;
  ALB_TRY(alb_field_known(b, o, "id type_id"));
  ALB_TRY(alb_field_text(b, o, "id", &name));
  ALB_TRY(alb_field_size(b, o, "type_id", INT32_MAX, &type_id));
  const alb_field_list token = {"special token of the template", json_object_get(tokens, name)};
  if (!token.object)
    return alb_fail(b->diag, ALB_MALFORMED, "%s: template token \"%.64s\" is not among its special tokens", b->file,
                    name);
  ALB_TRY(alb_field_array(b, token, "ids", &ids));
  json_array_foreach(ids, i, id) {
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= ALB_MAX_TOKENS)
      return alb_fail(b->diag, ALB_MALFORMED, "%s: template token \"%.64s\" has no id", b->file, name);
    ALB_TRY(alb_vocab_add_piece(b, pair, 0, (uint32_t)json_integer_value(id), (uint32_t)type_id));
  }
  return ALB_OK;
}

static alb_status read_sequence_piece(alb_vocab_build *b, alb_field_list o, bool pair) {
  char *name;
  uint64_t type_id;
  ALB_TRY(alb_field_known(b, o, "id type_id"));
  ALB_TRY(alb_field_text(b, o, "id", &name));
  ALB_TRY(alb_field_size(b, o, "type_id", INT32_MAX, &type_id));
  const bool second = strcmp(name, "B") == 0;
  if ((!second && strcmp(name, "A") != 0) || (second && !pair))
    return alb_fail(b->diag, ALB_MALFORMED, "%s: template sequence \"%.64s\"", b->file, name);
  return alb_vocab_add_piece(b, pair, second ? 2 : 1, 0, (uint32_t)type_id);
}

static alb_status read_template_list(alb_vocab_build *b, alb_field_list o, json_t *tokens, bool pair) {
  json_t *list, *piece;
  size_t i;
  ALB_TRY(alb_field_array(b, o, pair ? "pair" : "single", &list));
  json_array_foreach(list, i, piece) {
    const alb_field_list special = {"template SpecialToken", json_object_get(piece, "SpecialToken")};
    const alb_field_list sequence = {"template Sequence", json_object_get(piece, "Sequence")};
    if (json_object_size(piece) != 1 || (!special.object && !sequence.object))
      return alb_fail(b->diag, ALB_MALFORMED, "%s: template piece %zu", b->file, i);
    ALB_TRY(special.object ? read_special_piece(b, special, tokens, pair) : read_sequence_piece(b, sequence, pair));
  }
  return ALB_OK;
}

static alb_status read_template(alb_vocab_build *b, alb_field_list o) {
  json_t *tokens;
  ALB_TRY(alb_field_known(b, o, "single pair special_tokens"));
  ALB_TRY(alb_field_object(b, o, "special_tokens", &tokens));
  ALB_TRY(read_template_list(b, o, tokens, false));
  return read_template_list(b, o, tokens, true);
}

/* ["[SEP]", 102] */
static alb_status read_token_and_id(alb_vocab_build *b, alb_field_list o, const char *key, uint32_t *id) {
  json_t *list;
  ALB_TRY(alb_field_array(b, o, key, &list));
  const json_t *value = json_array_get(list, 1);
  if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= ALB_MAX_TOKENS)
    return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: \"%s\" is not a token and its id", b->file, o.where, key);
  *id = (uint32_t)json_integer_value(value);
  return ALB_OK;
}

static alb_status read_bert_processing(alb_vocab_build *b, alb_field_list o) {
  uint32_t cls, sep;
  ALB_TRY(alb_field_known(b, o, "sep cls"));
  ALB_TRY(read_token_and_id(b, o, "cls", &cls));
  ALB_TRY(read_token_and_id(b, o, "sep", &sep));
  return alb_vocab_bert_template(b, cls, sep);
}

static alb_status bare_template(alb_vocab_build *b) {
  ALB_TRY(alb_vocab_add_piece(b, false, 1, 0, 0));
  ALB_TRY(alb_vocab_add_piece(b, true, 1, 0, 0));
  return alb_vocab_add_piece(b, true, 2, 0, 1);
}

static alb_status read_post_processor(alb_vocab_build *b, json_t *object) {
  if (!object || json_is_null(object)) return bare_template(b);
  const char *type = json_string_value(json_object_get(object, "type"));
  const alb_field_list o = {"post_processor", object};
  if (type && strcmp(type, "TemplateProcessing") == 0) return read_template(b, o);
  if (type && strcmp(type, "BertProcessing") == 0) return read_bert_processing(b, o);
  return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: post_processor \"%.64s\"", b->file, type ? type : "without a type");
}

/* ---- the other fields ---- */

static alb_status read_truncation(alb_vocab_build *b, json_t *object) {
  if (!object || json_is_null(object)) return ALB_OK;
  const alb_field_list o = {"truncation", object};
  uint64_t most;
  char *text;
  ALB_TRY(alb_field_known(b, o, "direction max_length strategy stride"));
  ALB_TRY(alb_field_size(b, o, "max_length", UINT32_MAX, &most));
  ALB_TRY(alb_field_text(b, o, "strategy", &text));
  if (strcmp(text, "LongestFirst") != 0)
    return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: truncation strategy \"%.64s\"", b->file, text);
  if (json_object_get(object, "direction")) {
    ALB_TRY(alb_field_text(b, o, "direction", &text));
    if (strcmp(text, "Right") != 0)
      return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: truncation direction \"%.64s\"", b->file, text);
  }
  b->tokenizer->max_length = (uint32_t)most;
  return ALB_OK;
}

static alb_status check_version(alb_vocab_build *b, json_t *version) {
  if (!version || (json_is_string(version) && strcmp(json_string_value(version), "1.0") == 0)) return ALB_OK;
  return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: version is not 1.0", b->file);
}

alb_status alb_vocab_read_json(alb_vocab_build *b, json_t *root) {
  const alb_field_list o = {"the file", root};
  json_t *model;
  if (!json_is_object(root)) return alb_fail(b->diag, ALB_MALFORMED, "%s: not an object", b->file);
  ALB_TRY(alb_field_known(
      b, o, "version truncation padding added_tokens normalizer pre_tokenizer post_processor decoder model"));
  ALB_TRY(check_version(b, json_object_get(root, "version")));
  ALB_TRY(alb_field_object(b, o, "model", &model));
  ALB_TRY(read_model(b, model));
  ALB_TRY(read_added_tokens(b, json_object_get(root, "added_tokens")));
  ALB_TRY(alb_vocab_read_stages(b, json_object_get(root, "normalizer"), json_object_get(root, "pre_tokenizer"),
                                json_object_get(root, "decoder")));
  ALB_TRY(read_post_processor(b, json_object_get(root, "post_processor")));
  return read_truncation(b, json_object_get(root, "truncation"));
}
