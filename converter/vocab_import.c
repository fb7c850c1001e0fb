/* Which files of a source hold its tokenizer, and what is made of them. */
#include "converter/json_strict.h"
#include "converter/vocab_build.h"

static const char *text_of(json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

/* Architectures whose vocab.txt is BERT's, and others that name BERT's tokenizer. Elsewhere the file alone does not say
 * how a text is cut. */
static bool has_bert_vocab(const alb_source *source, json_t *config) {
  static const char *const types[] = {"", "bert", "distilbert", "electra", "mobilebert"};
  const char *type = text_of(source->config, "model_type"), *class = text_of(config, "tokenizer_class");
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(type, types[i]) == 0) return true;
  }
  return strcmp(class, "BertTokenizer") == 0 || strcmp(class, "BertTokenizerFast") == 0;
}

/* Whether spiece.model is ALBERT's, and not left over beside BERT's vocab.txt. */
static bool has_albert_pieces(const alb_source *source, json_t *config) {
  const char *type = text_of(source->config, "model_type"), *class = text_of(config, "tokenizer_class");
  if (strncmp(class, "Albert", 6) == 0) return true;
  return strncmp(class, "Bert", 4) != 0 && (!*type || strcmp(type, "albert") == 0);
}

/* The first of the files that make a tokenizer without tokenizer.json, and what reads it. */
typedef alb_status read_fn(alb_vocab_build *b, alb_span file, json_t *config, json_t *special_map);

static alb_status find_file(alb_vocab_build *b, json_t *config, const alb_source_file **file, read_fn **read) {
  *file = NULL;
  if (has_albert_pieces(b->source, config)) {
    *read = alb_vocab_read_spiece;
    ALB_TRY(alb_source_extra(b->diag, b->source, "spiece.model", file));
  }
  if (*file || !has_bert_vocab(b->source, config)) return ALB_OK;
  *read = alb_vocab_read_text;
  return alb_source_extra(b->diag, b->source, "vocab.txt", file);
}

static alb_status import(alb_vocab_build *b, json_t *root, json_t *config, json_t *special_map) {
  const alb_source_file *file = NULL;
  read_fn *read = NULL;
  if (!root) ALB_TRY(find_file(b, config, &file, &read));
  if (!root && !file) return ALB_OK;
  b->tokenizer = ALB_NEW(b->arena, Alb__Tokenizer);
  if (!b->tokenizer) return alb_fail_memory(b->diag, sizeof *b->tokenizer, "the tokenizer");
  alb__tokenizer__init(b->tokenizer);
  b->file = root ? "tokenizer.json" : file->name;
  ALB_TRY(root ? alb_vocab_read_json(b, root) : read(b, file->file.bytes, config, special_map));
  ALB_TRY(alb_vocab_read_config(b, config, special_map));
  const size_t most = b->options->max_length;
  if (most && (!b->tokenizer->max_length || most < b->tokenizer->max_length)) b->tokenizer->max_length = (uint32_t)most;
  return ALB_OK;
}

/* tokenizer_config.json holds 10^30 where there is no limit, which is no integer of jansson. */
static alb_status load_config(alb_diag *diag, alb_source *source, json_t **out) {
  const alb_source_file *file;
  ALB_TRY(alb_source_extra(diag, source, "tokenizer_config.json", &file));
  if (!file) return ALB_OK;
  const alb_status status = alb_json_load_wide(diag, file->file.bytes, out);
  if (status != ALB_OK) alb_diag_prefix(diag, "tokenizer_config.json");
  return status;
}

alb_status alb_vocab_import(alb_diag *diag, alb_source *source, alb_arena *arena, const alb_vocab_options *options,
                            alb_vocab *out) {
  json_t *root = NULL, *config = NULL, *special_map = NULL;
  alb_vocab_build b = {.diag = diag, .arena = arena, .source = source, .options = options};
  *out = (alb_vocab){0};
  alb_status status = alb_source_json(diag, source, "tokenizer.json", &root);
  if (status == ALB_OK) status = load_config(diag, source, &config);
  if (status == ALB_OK) status = alb_source_json(diag, source, "special_tokens_map.json", &special_map);
  if (status == ALB_OK) status = import(&b, root, config, special_map);
  if (status == ALB_OK && b.tokenizer) status = alb_vocab_pack(&b, out);
  alb_vocab_build_free(&b);
  json_decref(root);
  json_decref(config);
  json_decref(special_map);
  return status;
}
