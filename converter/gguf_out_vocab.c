/* The tokenizer of a GGUF file: llama.cpp's form of a WordPiece vocabulary, the reverse of gguf_vocab.c. */
#include <stdio.h>

#include "converter/gguf_out.h"

#define WORD_MARK "\xe2\x96\x81"
#define KEY(name) "tokenizer.ggml." name

static const Alb__AddedToken *find_added(const Alb__Tokenizer *t, size_t id) {
  for (size_t i = 0; i < t->n_added; i++) {
    if (t->added[i]->id == id) return t->added[i];
  }
  return NULL;
}

static bool has_stage(Alb__TokenizerStage *const *stages, size_t count, const char *type) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(stages[i]->type, type) == 0) return true;
  }
  return false;
}

/* llama.cpp has one way to cut text for a WordPiece model: white space, punctuation, lower case, no accents. */
static alb_status check_tokenizer(alb_diag *diag, const Alb__Tokenizer *t, alb_written *out) {
  const bool bert = strcmp(t->model, "wordpiece") == 0 && strcmp(t->continuing_prefix, "##") == 0 &&
                    t->n_splitters == 2 && strcmp(t->splitters[0]->type, "whitespace") == 0 &&
                    strcmp(t->splitters[1]->type, "punctuation") == 0;
  if (!bert)
    return alb_fail(diag, ALB_UNSUPPORTED, "llama.cpp has no tokenizer like this model's (only BERT's WordPiece)");
  if (has_stage(t->normalizers, t->n_normalizers, "lowercase")) return ALB_OK;
  return alb_write_note(diag, out, "llama.cpp makes all text lower case, this model does not: its ids differ there");
}

/* ---- tokens ---- */

/* A number without a token. */
static void put_unused(alb_gguf_buffer *b, size_t id) {
  char text[48];
  const int n = snprintf(text, sizeof text, WORD_MARK "[PAD%zu]", id);
  alb_gguf_put_text(b, (alb_str){text, (size_t)n});
}

static void put_token(alb_gguf_buffer *b, const Alb__Tokenizer *t, alb_str text, size_t id) {
  const Alb__AddedToken *added = find_added(t, id);
  const bool piece = alb_str_starts(text, ALB_STR("##")) && text.n > 2;
  if (!text.n) {
    put_unused(b, id);
  } else if (added && added->special) {
    alb_gguf_put_text(b, text);
  } else if (piece) {
    alb_gguf_put_text(b, (alb_str){text.p + 2, text.n - 2});
  } else {
    alb_gguf_put_u64(b, sizeof WORD_MARK - 1 + text.n);
    alb_gguf_put(b, WORD_MARK, sizeof WORD_MARK - 1);
    alb_gguf_put(b, text.p, text.n);
  }
}

static uint32_t kind_of(const Alb__Tokenizer *t, alb_str text, size_t id) {
  const Alb__AddedToken *added = find_added(t, id);
  if (!text.n) return ALB_GGUF_TOKEN_UNUSED;
  return added && added->special ? ALB_GGUF_TOKEN_CONTROL : ALB_GGUF_TOKEN_NORMAL;
}

static void put_lists(const alb_package *package, alb_gguf_buffer *b) {
  const size_t count = package->config->vocab;
  const alb_str none = {"", 0};
  alb_gguf_begin_list(b, KEY("tokens"), ALB_GGUF_STRING, count);
  for (size_t i = 0; i < count; i++) {
    put_token(b, package->tokenizer, i < package->token_count ? package->tokens[i] : none, i);
  }
  alb_gguf_begin_list(b, KEY("token_type"), ALB_GGUF_INT32, count);
  for (size_t i = 0; i < count; i++) {
    alb_gguf_put_u32(b, kind_of(package->tokenizer, i < package->token_count ? package->tokens[i] : none, i));
  }
}

/* The special tokens, under their names in new and old files. */
static void put_specials(const Alb__Tokenizer *t, alb_gguf_buffer *b) {
  static const char *const keys[][2] = {
      {"cls", KEY("bos_token_id")},   {"sep", KEY("eos_token_id")},       {"unk", KEY("unknown_token_id")},
      {"cls", KEY("cls_token_id")},   {"sep", KEY("seperator_token_id")}, {"pad", KEY("padding_token_id")},
      {"mask", KEY("mask_token_id")},
  };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    for (size_t k = 0; k < t->n_named; k++) {
      if (strcmp(t->named[k]->name, keys[i][0]) == 0) alb_gguf_set_u32(b, keys[i][1], t->named[k]->id);
    }
  }
}

alb_status alb_gguf_set_vocab(alb_diag *diag, const alb_write_job *job, alb_gguf_buffer *b, alb_written *out) {
  const alb_package *package = job->package;
  if (!package->tokenizer) {
    alb_gguf_set_text(b, KEY("model"), "no_vocab");
    alb_gguf_set_u32(b, "bert.vocab_size", package->config->vocab);
    return alb_write_note(diag, out, "the model has no tokenizer: the file is for token ids only");
  }
  ALB_TRY(check_tokenizer(diag, package->tokenizer, out));
  alb_gguf_set_text(b, KEY("model"), "bert");
  alb_gguf_set_u32(b, KEY("token_type_count"), package->config->type_vocab);
  put_lists(package, b);
  put_specials(package->tokenizer, b);
  return ALB_OK;
}
