/* Normalizers, pre-tokenizers and decoders of tokenizer.json, one line each, to the stages of the file format. */
#include "converter/base64.h"
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
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "strip", &stage));
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
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "replace", &stage));
  ALB_TRY(read_pattern(b, o, stage));
  if (stage->regex) ALB_TRY(alb_vocab_translate_regex(b, stage->pattern, &stage->pattern));
  return alb_field_text(b, o, "content", &stage->content);
}

static alb_status read_prepend(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "prepend", &stage));
  return alb_field_text(b, o, "prepend", &stage->content);
}

static alb_status read_precompiled(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  char *text;
  ALB_TRY(alb_field_text(b, o, "precompiled_charsmap", &text));
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "charsmap", &stage));
  const size_t n = strlen(text), most = n / 4 * 3;
  stage->charsmap.data = alb_arena_alloc(b->arena, most + 1);
  if (!stage->charsmap.data) return alb_fail_memory(b->diag, most, "a character map");
  if (!alb_base64_decode((alb_str){text, n}, stage->charsmap.data, &stage->charsmap.len))
    return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: \"precompiled_charsmap\" is not base64", b->file, o.where);
  return alb_vocab_check_charsmap(b, (alb_span){stage->charsmap.data, stage->charsmap.len});
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
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "punctuation", &stage));
  if (!json_object_get(o.object, "behavior")) return alb_vocab_text(b, "isolated", &stage->behavior);
  return read_behavior(b, o, stage);
}

static alb_status read_split(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  bool invert;
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "split", &stage));
  ALB_TRY(read_pattern(b, o, stage));
  if (stage->regex) ALB_TRY(alb_vocab_translate_regex(b, stage->pattern, &stage->pattern));
  ALB_TRY(read_behavior(b, o, stage));
  ALB_TRY(alb_field_bool(b, o, "invert", &invert));
  stage->invert = invert;
  return ALB_OK;
}

/* One character, not more and not less. */
static alb_status read_char(alb_vocab_build *b, alb_field_list o, const char *key, char **out) {
  ALB_TRY(alb_field_text(b, o, key, out));
  size_t count = 0;
  for (const char *p = *out; *p; p++) count += ((uint8_t)*p & 0xc0) != 0x80;
  if (count == 1) return ALB_OK;
  return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: \"%s\" has %zu characters", b->file, o.where, key, count);
}

/* A prepend_scheme; older files have add_prefix_space. */
static alb_status read_scheme(alb_vocab_build *b, alb_field_list o, const char **scheme) {
  static const char *const schemes[] = {"always", "first", "never"};
  char *stated = "always";
  bool prefix = true;
  if (json_object_get(o.object, "prepend_scheme")) ALB_TRY(alb_field_text(b, o, "prepend_scheme", &stated));
  const json_t *old = json_object_get(o.object, "add_prefix_space");
  if (old && !json_is_null(old)) ALB_TRY(alb_field_bool(b, o, "add_prefix_space", &prefix));
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    if (strcmp(stated, schemes[i]) == 0) *scheme = schemes[i];
  }
  if (!*scheme) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: prepend_scheme \"%.64s\"", b->file, o.where, stated);
  if (!prefix && json_object_get(o.object, "prepend_scheme") && strcmp(stated, "never") != 0)
    return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: add_prefix_space and prepend_scheme differ", b->file, o.where);
  if (!prefix) *scheme = "never";
  return ALB_OK;
}

#define METASPACE_OPTIONS "replacement add_prefix_space prepend_scheme split str_rep"

static alb_status read_metaspace(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  const char *scheme = NULL;
  bool split = true;
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "metaspace", &stage));
  ALB_TRY(read_char(b, o, "replacement", &stage->pattern));
  ALB_TRY(read_scheme(b, o, &scheme));
  ALB_TRY(alb_vocab_text(b, scheme, &stage->scheme));
  const json_t *stated = json_object_get(o.object, "split");
  if (stated && !json_is_null(stated)) ALB_TRY(alb_field_bool(b, o, "split", &split));
  stage->whole = !split;
  return ALB_OK;
}

/* ---- decoders ---- */

static alb_status read_metaspace_decoder(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  const char *scheme = NULL;
  ALB_TRY(alb_vocab_add_stage(b, ALB_DECODERS, "metaspace", &stage));
  ALB_TRY(read_char(b, o, "replacement", &stage->pattern));
  ALB_TRY(read_scheme(b, o, &scheme));
  stage->left = strcmp(scheme, "never") != 0;
  return ALB_OK;
}

static alb_status read_replace_decoder(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_add_stage(b, ALB_DECODERS, "replace", &stage));
  ALB_TRY(read_pattern(b, o, stage));
  if (stage->regex) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: a Regex pattern", b->file, o.where);
  return alb_field_text(b, o, "content", &stage->content);
}

static alb_status read_strip_decoder(alb_vocab_build *b, alb_field_list o) {
  Alb__TokenizerStage *stage;
  uint64_t start, stop;
  ALB_TRY(alb_vocab_add_stage(b, ALB_DECODERS, "strip", &stage));
  ALB_TRY(read_char(b, o, "content", &stage->content));
  ALB_TRY(alb_field_size(b, o, "start", UINT32_MAX, &start));
  ALB_TRY(alb_field_size(b, o, "stop", UINT32_MAX, &stop));
  stage->start = (uint32_t)start;
  stage->stop = (uint32_t)stop;
  return ALB_OK;
}

/* Not a stage: it puts the spaces between tokens. */
static alb_status read_wordpiece_decoder(alb_vocab_build *b, alb_field_list o) {
  bool clean_up;
  if (b->tokenizer->n_decoders)
    return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s behind another decoder", b->file, o.where);
  ALB_TRY(alb_field_bool(b, o, "cleanup", &clean_up));
  b->tokenizer->clean_up = clean_up;
  return alb_field_text(b, o, "prefix", &b->tokenizer->decode_prefix);
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
    {"Prepend", "prepend", NULL, read_prepend},
    {"Nmt", "", "nmt", NULL},
    {"Precompiled", "precompiled_charsmap", NULL, read_precompiled},
    {NULL, NULL, NULL, NULL},
};

static const element pre_tokenizers[] = {
    {"BertPreTokenizer", "", NULL, read_bert_pre_tokenizer},
    {"Whitespace", "", "words", NULL},
    {"WhitespaceSplit", "", "whitespace", NULL},
    {"Punctuation", "behavior", NULL, read_punctuation},
    {"Split", "pattern behavior invert", NULL, read_split},
    {"Metaspace", METASPACE_OPTIONS, NULL, read_metaspace},
    {NULL, NULL, NULL, NULL},
};

static const element decoders[] = {
    {"WordPiece", "prefix cleanup", NULL, read_wordpiece_decoder},
    {"Metaspace", METASPACE_OPTIONS, NULL, read_metaspace_decoder},
    {"Replace", "pattern content", NULL, read_replace_decoder},
    {"ByteFallback", "", "bytes", NULL},
    {"Fuse", "", "fuse", NULL},
    {"Strip", "content start stop", NULL, read_strip_decoder},
    {NULL, NULL, NULL, NULL},
};

/* The kinds of elements; in the order of alb_stage_list. */
static const struct {
  const element *table;
  const char *kind, *list; /* of a Sequence: the field with what it holds */
} kinds[] = {
    {normalizers, "normalizer", "normalizers"},
    {pre_tokenizers, "pre_tokenizer", "pretokenizers"},
    {decoders, "decoder", "decoders"},
};

static alb_status read_element(alb_vocab_build *b, alb_stage_list list, json_t *object, const char *type) {
  const element *e = kinds[list].table;
  while (e->type && strcmp(e->type, type) != 0) e++;
  if (!e->type) return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s \"%.64s\"", b->file, kinds[list].kind, type);
  const alb_field_list o = {alb_arena_printf(b->arena, "%s %s", kinds[list].kind, e->type), object};
  if (!o.where) return alb_fail_memory(b->diag, 64, "a message");
  ALB_TRY(alb_field_known(b, o, e->options));
  return e->read ? e->read(b, o) : alb_vocab_add_stage(b, list, e->stage, NULL);
}

enum { MAX_DEPTH = 64 };

/* Walks an element and, in order, what its Sequences hold. */
static alb_status read_chain(alb_vocab_build *b, alb_stage_list list, json_t *top) {
  const char *kind = kinds[list].kind;
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
      ALB_TRY(alb_field_known(b, o, kinds[list].list));
      ALB_TRY(alb_field_array(b, o, kinds[list].list, &stack[depth].items));
      stack[depth++].next = 0;
    } else {
      ALB_TRY(read_element(b, list, object, type));
    }
    while (depth && stack[depth - 1].next == json_array_size(stack[depth - 1].items)) depth--;
    if (!depth) return ALB_OK;
    object = json_array_get(stack[depth - 1].items, stack[depth - 1].next++);
  }
}

alb_status alb_vocab_read_stages(alb_vocab_build *b, json_t *normalizer, json_t *pre_tokenizer, json_t *decoder) {
  ALB_TRY(read_chain(b, ALB_NORMALIZERS, normalizer));
  ALB_TRY(read_chain(b, ALB_SPLITTERS, pre_tokenizer));
  return read_chain(b, ALB_DECODERS, decoder);
}
