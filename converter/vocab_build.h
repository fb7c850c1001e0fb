/* Gathering a vocabulary and its tokenizer message while a source's files are read. */
#ifndef ALB_CONVERTER_VOCAB_BUILD_H
#define ALB_CONVERTER_VOCAB_BUILD_H

#include "alb.pb-c.h"
#include "base/strmap.h"
#include "converter/vocab.h"

/* Start with the first four; alb_vocab_build_free at the end. What is in the message lives in the arena. */
typedef struct alb_vocab_build {
  alb_diag *diag;
  alb_arena *arena;
  alb_source *source;
  const alb_vocab_options *options;
  const char *file; /* the one being read, for messages */
  Alb__Tokenizer *tokenizer;
  alb_strmap model;       /* texts of the model's tokens ... */
  ALB_VEC(uint32_t) ids;  /* ... and the id of each */
  ALB_VEC(alb_str) by_id; /* text by id; length 0: none; added tokens too */
  uint32_t next_added;    /* id of the next added token that the model does not know */
  ALB_VEC(double) scores; /* unigram: of the model's tokens */
  bool albert;            /* special tokens have the names that ALBERT gives them where nothing else is said */
} alb_vocab_build;

/* Copies a text into the arena. */
alb_status alb_vocab_text(alb_vocab_build *b, const char *text, char **out);
/* Adds a token of the model: ALB_DUPLICATE when the id or the text is taken, ALB_SHAPE when the model has no such row.
 */
alb_status alb_vocab_add(alb_vocab_build *b, alb_str text, uint64_t id);
/* To be called behind the last token of the model. */
void alb_vocab_model_done(alb_vocab_build *b);
/* Adds an added token, `flags` without id and content, under the id that the `tokenizers` library gives it: the
 * model's, or the next free one. */
alb_status alb_vocab_add_token(alb_vocab_build *b, const Alb__AddedToken *flags, const char *content);
/* Adds the next token of a Unigram model: ALB_NONFINITE when its score is not a number. */
alb_status alb_vocab_add_scored(alb_vocab_build *b, alb_str text, double score);
/* Whether a character map is sound. */
alb_status alb_vocab_check_charsmap(alb_vocab_build *b, alb_span bytes);
/* alb_vocab_model_done, and the scores go into the message. */
alb_status alb_vocab_scored_done(alb_vocab_build *b);
/* The id of a token, added ones first; false: there is none. */
bool alb_vocab_find(const alb_vocab_build *b, const char *content, uint32_t *id);

/* The lists of stages that a message has. */
typedef enum alb_stage_list { ALB_NORMALIZERS, ALB_SPLITTERS, ALB_DECODERS } alb_stage_list;

/* Appends to the lists of the message; out may be NULL. */
alb_status alb_vocab_add_stage(alb_vocab_build *b, alb_stage_list list, const char *type, Alb__TokenizerStage **out);
alb_status alb_vocab_add_piece(alb_vocab_build *b, bool pair, uint32_t kind, uint32_t id, uint32_t type_id);
alb_status alb_vocab_add_name(alb_vocab_build *b, const char *name, const char *content);
/* [CLS] text [SEP] pair [SEP] with the ids of two tokens. */
alb_status alb_vocab_bert_template(alb_vocab_build *b, uint32_t cls, uint32_t sep);
/* BertNormalizer; strip_accents -1: as lowercase. BertPreTokenizer. */
alb_status alb_vocab_bert_normalizers(alb_vocab_build *b, bool clean, bool cjk, int strip_accents, bool lowercase);
alb_status alb_vocab_bert_splitters(alb_vocab_build *b);

/* Packs the vocabulary: count, offsets, bytes. */
alb_status alb_vocab_pack(alb_vocab_build *b, alb_vocab *out);
void alb_vocab_build_free(alb_vocab_build *b);

/* An object of a JSON file; messages name it. */
typedef struct alb_field_list {
  const char *where; /* "normalizer Strip" */
  json_t *object;
} alb_field_list;

/* ---- the files ---- */

/* tokenizer.json as the `tokenizers` library reads it. */
alb_status alb_vocab_read_json(alb_vocab_build *b, json_t *root);
/* The stages of tokenizer.json: "normalizer", "pre_tokenizer", "decoder"; each may be NULL or null. */
alb_status alb_vocab_read_stages(alb_vocab_build *b, json_t *normalizer, json_t *pre_tokenizer, json_t *decoder);
/* "model" of tokenizer.json when it is Unigram. */
alb_status alb_vocab_read_unigram(alb_vocab_build *b, alb_field_list o);
/* A regular expression of the `tokenizers` library (Oniguruma) in PCRE2's words; ALB_UNSUPPORTED names what has none.
 */
alb_status alb_vocab_translate_regex(alb_vocab_build *b, const char *pattern, char **out);
/* vocab.txt of a BERT model, with the options of tokenizer_config.json and special_tokens_map.json (NULL: none). */
alb_status alb_vocab_read_text(alb_vocab_build *b, alb_span text, json_t *config, json_t *special_map);
/* spiece.model of an ALBERT model, with the same two files: as the tokenizer.json that is published for ALBERT. */
alb_status alb_vocab_read_spiece(alb_vocab_build *b, alb_span model, json_t *config, json_t *special_map);
/* Adds the special tokens that these files name, or those that the model has by default. */
alb_status alb_vocab_add_specials(alb_vocab_build *b, json_t *config, json_t *special_map);
/* [CLS] text [SEP] pair [SEP] under the names that these files say. */
alb_status alb_vocab_add_template(alb_vocab_build *b, json_t *config, json_t *special_map);
/* An option of tokenizer_config.json: left as it is where it is not said or null. */
alb_status alb_vocab_option(alb_vocab_build *b, json_t *config, const char *key, bool *value);
/* Names the special tokens and finds the length limit: what both kinds of source take from these files. */
alb_status alb_vocab_read_config(alb_vocab_build *b, json_t *config, json_t *special_map);
/* The content of a special token ("unk_token" ...) in these files; NULL: not said. */
const char *alb_vocab_special(json_t *config, json_t *special_map, const char *key);

/* ---- fields of JSON objects ---- */

/* ALB_UNSUPPORTED when the object has a key that is not in `known` (space-separated) nor "type". */
alb_status alb_field_known(alb_vocab_build *b, alb_field_list o, const char *known);
alb_status alb_field_bool(alb_vocab_build *b, alb_field_list o, const char *key, bool *out);
alb_status alb_field_text(alb_vocab_build *b, alb_field_list o, const char *key, char **out); /* without NUL */
alb_status alb_field_size(alb_vocab_build *b, alb_field_list o, const char *key, uint64_t limit, uint64_t *out);
alb_status alb_field_array(alb_vocab_build *b, alb_field_list o, const char *key, json_t **out);
alb_status alb_field_object(alb_vocab_build *b, alb_field_list o, const char *key, json_t **out);

#endif
