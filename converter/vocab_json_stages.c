/* Normalizers and pre-tokenizers of tokenizer.json, one line each, to the stages of the file format. */
#include "converter/vocab_build.h"

typedef alb_status read_fn(alb_vocab_build *b, alb_field_list o);

static alb_status read_bert_normalizer(alb_vocab_build *b, alb_field_list o) {
  bool clean, cjk, lowercase, strip = false;
  ALB_TRY(alb_field_bool(b, o, "clean_text", &clean));
  ALB_TRY(alb_field_bool(b, o, "handle_chinese_chars", &cjk));
  ALB_TRY(alb_field_bool(b, o, "lowercase", &lowercase));
  const json_t *accents = json_object_get(o.object, "strip_accents");
  const bool stated = accents && !json_is_null(accents);
  if (stated) ALB_TRY(alb_field_bool(b, o, "strip_accents", &strip));
  return alb_vocab_bert_normalizers(b, clean, cjk, stated ? strip : -1, lowercase);
}

static alb_status read_strip(alb_vocab_build *b, alb_field_list o) {
  bool left, right;
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_field_bool(b, o, "strip_left", &left));
  ALB_TRY(alb_field_bool(b, o, "strip_right", &right));
  ALB_TRY(alb_vocab_add_stage(b, false, "strip", &stage));
  stage->left = left;
  stage->right = right;
  return ALB_OK;
}

/* {"String": text} or {"Regex": text} */
static alb_status read_pattern(alb_vocab_build *b, alb_field_list o, Alb__TokenizerStage *stage) {
  alb_field_list p = {o.where, NULL};
  ALB_TRY(alb_field_object(b, o, "pattern", &p.object));
  stage->regex = json_object_get(p.object, "Regex") != NULL;
  ALB_TRY(alb_field_known(b, p, stage->regex ? "Regex" : "String"));
  ALB_TRY(alb_field_text(b, p, stage->regex ? "Regex" : "String", &stage->pattern));
  if (!*stage->pattern) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: empty pattern", b->file, o.where);
  return ALB_OK;
}

static alb_status read_replace(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_add_stage(b, false, "replace", &stage));
  ALB_TRY(read_pattern(b, o, stage));
  if (stage->regex) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: a Regex pattern", b->file, o.where);
  return alb_field_text(b, o, "content", &stage->content);
}

static alb_status read_behavior(alb_vocab_build *b, alb_field_list o, Alb__TokenizerStage *stage) {
  static const char *const names[][2] = {{"Removed", "removed"},
                                         {"Isolated", "isolated"},
                                         {"MergedWithPrevious", "merged_with_previous"},
                                         {"MergedWithNext", "merged_with_next"},
                                         {"Contiguous", "contiguous"}};
  char *name;
  ALB_TRY(alb_field_text(b, o, "behavior", &name));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i][0]) == 0) return alb_vocab_text(b, names[i][1], &stage->behavior);
  }
  return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: behavior \"%.64s\"", b->file, o.where, name);
}

static alb_status read_punctuation(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_add_stage(b, true, "punctuation", &stage));
  if (!json_object_get(o.object, "behavior")) return alb_vocab_text(b, "isolated", &stage->behavior);
  return read_behavior(b, o, stage);
}

static alb_status read_split(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  bool invert;
  ALB_TRY(alb_vocab_add_stage(b, true, "split", &stage));
  ALB_TRY(read_pattern(b, o, stage));
  if (stage->regex) ALB_TRY(alb_vocab_translate_regex(b, stage->pattern, &stage->pattern));
  ALB_TRY(read_behavior(b, o, stage));
  ALB_TRY(alb_field_bool(b, o, "invert", &invert));
  stage->invert = invert;
  return ALB_OK;
}

static alb_status read_bert_pre_tokenizer(alb_vocab_build *b, alb_field_list o) {
  (void)o;
  return alb_vocab_bert_splitters(b);
}

/* An element of tokenizer.json: its options, and either the stage that it is or how it is read. */
typedef struct element {
  const char *type, *options, *stage;
  read_fn *read;
} element;

static const element normalizers[] = {
    {"BertNormalizer", "clean_text handle_chinese_chars strip_accents lowercase", NULL, read_bert_normalizer},
    {"Lowercase", "", "lowercase", NULL},
    {"NFC", "", "nfc", NULL},
    {"NFD", "", "nfd", NULL},
    {"NFKC", "", "nfkc", NULL},
    {"NFKD", "", "nfkd", NULL},
    {"StripAccents", "", "marks", NULL},
    {"Strip", "strip_left strip_right", NULL, read_strip},
    {"Replace", "pattern content", NULL, read_replace},
    {NULL, NULL, NULL, NULL},
};

static const element pre_tokenizers[] = {
    {"BertPreTokenizer", "", NULL, read_bert_pre_tokenizer},
    {"Whitespace", "", "words", NULL},
    {"WhitespaceSplit", "", "whitespace", NULL},
    {"Punctuation", "behavior", NULL, read_punctuation},
    {"Split", "pattern behavior invert", NULL, read_split},
    {NULL, NULL, NULL, NULL},
};

static alb_status read_element(alb_vocab_build *b, const element *table, const char *kind, json_t *object,
                               const char *type) {
  const bool splitter = table == pre_tokenizers;
  while (table->type && strcmp(table->type, type) != 0) table++;
  if (!table->type) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s \"%.64s\"", b->file, kind, type);
  const alb_field_list o = {alb_arena_printf(b->arena, "%s %s", kind, table->type), object};
  if (!o.where) return alb_fail_memory(b->diag, 64, "a message");
  ALB_TRY(alb_field_known(b, o, table->options));
  return table->read ? table->read(b, o) : alb_vocab_add_stage(b, splitter, table->stage, NULL);
}

enum { MAX_DEPTH = 64 };

/* Walks an element and, in order, what its Sequences hold. */
static alb_status read_chain(alb_vocab_build *b, const element *table, const char *kind, const char *list,
                             json_t *top) {
  struct {
    json_t *items;
    size_t next;
  } stack[MAX_DEPTH];
  size_t depth = 0;
  json_t *object = top;
  if (!top || json_is_null(top)) return ALB_OK;
  for (;;) {
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s without a type", b->file, kind);
    if (strcmp(type, "Sequence") == 0) {
      const alb_field_list o = {kind, object};
      if (depth == MAX_DEPTH) return alb_fail(b->diag, ALB_LIMIT, "%s: %s: nested too deep", b->file, kind);
      ALB_TRY(alb_field_known(b, o, list));
      ALB_TRY(alb_field_array(b, o, list, &stack[depth].items));
      stack[depth++].next = 0;
    } else {
      ALB_TRY(read_element(b, table, kind, object, type));
    }
    while (depth && stack[depth - 1].next == json_array_size(stack[depth - 1].items)) depth--;
    if (!depth) return ALB_OK;
    object = json_array_get(stack[depth - 1].items, stack[depth - 1].next++);
  }
}

alb_status alb_vocab_read_stages(alb_vocab_build *b, json_t *normalizer, json_t *pre_tokenizer) {
  ALB_TRY(read_chain(b, normalizers, "normalizer", "normalizers", normalizer));
  return read_chain(b, pre_tokenizers, "pre_tokenizer", "pretokenizers", pre_tokenizer);
}
