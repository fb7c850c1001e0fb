/* libalbert: runs BERT-family encoders from .alb files.
 *
 * alb_model is immutable and may be shared between threads; alb_session is for one thread at a
 * time and owns its memory. Nothing here prints, exits or aborts: every failure is a status, with
 * a message in the alb_error that the caller passes (NULL: the status is enough).
 * A call that fails leaves its outputs as they were.
 *
 * The result for a sequence is bit for bit the same alone or in any batch, and at any number of
 * threads, on one machine. */
#ifndef ALBERT_H
#define ALBERT_H

#include <stddef.h>
#include <stdint.h>

#include "albert_status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct alb_model alb_model;
typedef struct alb_session alb_session;

/* The message of a failure: one line, NUL-terminated, safe to print; written only on failure. */
typedef struct alb_error {
  char text[1024];
} alb_error;

ALB_API const char *alb_version(void); /* "0.1.0" */

/* Structs with a size: set it to sizeof the struct, zero the rest for the defaults. */

typedef struct alb_model_options {
  size_t size;
  int no_verify;   /* 1: the checksums of the data are not checked; default 0 */
  int threads;     /* while opening; default 0: the physical cores */
  const char *cpu; /* instruction set: "ref", "avx2", "avx512", "vnni", "amx"; default NULL: the best there is */
} alb_model_options;

/* Opens and checks a file. The caller frees *model with alb_model_free, after its sessions.
 * options may be NULL. The file must not be changed in place while it is open. */
ALB_API alb_status alb_model_open(const char *path, const alb_model_options *options, alb_model **model,
                                  alb_error *error);
ALB_API void alb_model_free(alb_model *model); /* NULL is allowed */

/* What a model is. Texts are borrowed from the model and never NULL. */
typedef struct alb_model_info {
  size_t size;
  const char *architecture; /* "bert", "albert" */
  const char *task;         /* "embed", "fill-mask" ... */
  const char *dtype;        /* of the matrices: "f32", "f16", "bf16", "int8", "int6", "int5", "int4" */
  const char *share;        /* the sharing mode that was asked for */
  const char *pooling;      /* of the embedding: "mean", "cls", "max"; "none" */
  int normalize;            /* 1: embeddings have length 1 */
  int pooling_stated;       /* 0: the source did not say how to pool, a default is used */
  int has_tokenizer;        /* 0: token ids only */
  uint32_t layers, hidden, heads, intermediate, vocab, type_vocab;
  uint32_t max_tokens; /* longest sequence, special tokens included */
  const char *cpu;     /* instruction set in use */
  /* how logits of "classify" become scores, and where the head ranks: "softmax", "sigmoid", "none" */
  const char *class_score, *rank_score;
} alb_model_info;

/* Fills info; info->size is set by the caller. */
ALB_API alb_status alb_model_get_info(const alb_model *model, alb_model_info *info);

/* Numbers in a row of the output `name` (see alb_output); 0 when the model has no such output. */
ALB_API size_t alb_model_output_width(const alb_model *model, const char *name);

typedef struct alb_session_options {
  size_t size;
  int threads;         /* default 0: the physical cores */
  size_t batch_tokens; /* tokens computed at once, which bounds memory; default 0: 4096 */
} alb_session_options;

ALB_API alb_status alb_session_new(const alb_model *model, const alb_session_options *options, alb_session **session,
                                   alb_error *error);
ALB_API void alb_session_free(alb_session *session); /* NULL is allowed */

ALB_API size_t alb_session_threads(const alb_session *session);

/* Called with the hidden states before the first layer (layer 0) and after layer 1, 2 ...:
 * values[tokens, hidden], borrowed for the call, of the batch's tokens first .. first + tokens - 1. */
typedef void alb_tap(void *user, size_t layer, size_t first, size_t tokens, const float *values);

/* Sequences of token ids packed back to back, without padding. */
typedef struct alb_batch {
  size_t size;
  size_t count;            /* of sequences; 0 is allowed */
  const size_t *lengths;   /* [count], each 1 .. max_tokens */
  const int32_t *ids;      /* [sum of lengths], each 0 .. vocab - 1 */
  const int32_t *type_ids; /* [sum of lengths], each 0 .. type_vocab - 1; NULL: zeros */
  const size_t *rows;      /* [row_count] tokens of the batch, ascending: for outputs on chosen tokens */
  size_t row_count;
  alb_tap *tap; /* NULL: none */
  void *tap_user;
} alb_batch;

/* Where an output goes.
 *   "hidden"  [tokens, hidden]   the last hidden states
 *   "embed"   [count, width]     sentence embeddings
 *   "pooler"  [count, hidden]    the pooler's output
 *   "mlm"     [row_count, vocab] logits of the masked-language head on batch->rows
 *   "classify" [count, classes]  logits of the text classification head
 *   "ner"     [tokens, classes]  logits of the token classification head
 *   "qa"      [tokens, 2]        logits of the answer's first and of its last token
 * and any other function of the model's graph by its name. */
typedef struct alb_output {
  const char *name;
  float *values;   /* rows * width floats */
  size_t capacity; /* in floats */
} alb_output;

/* Runs a batch. ALB_ARGUMENT: an id, length, row or capacity out of range; ALB_UNSUPPORTED: the
 * model has no such output. */
ALB_API alb_status alb_run(alb_session *session, const alb_batch *batch, const alb_output *outputs, size_t output_count,
                           alb_error *error);

/* UTF-8; invalid bytes count as U+FFFD. second.text may be NULL: no pair. */
typedef struct alb_text {
  const char *text;
  size_t length; /* in bytes */
  const char *pair;
  size_t pair_length;
} alb_text;

/* A text as tokens; arrays are borrowed from the session until its next call. */
typedef struct alb_tokens {
  size_t count;
  const int32_t *ids, *type_ids;
  const uint32_t *offsets; /* [count][2] start and end in the text, in Unicode code points */
  int truncated;           /* 1: the text was longer than the model takes */
} alb_tokens;

/* At most max_tokens tokens, special ones included; 0: what the model takes; SIZE_MAX: all. */
ALB_API alb_status alb_tokenize(alb_session *session, const alb_text *text, size_t max_tokens, alb_tokens *tokens,
                                alb_error *error);
/* The vocabulary's entry for a token id, not NUL-terminated, borrowed from the model; length 0: none. */
ALB_API const char *alb_token_text(const alb_model *model, int32_t id, size_t *length);

/* What became of a text. */
typedef struct alb_text_result {
  size_t tokens;
  int truncated;
} alb_text_result;

/* Sentence embeddings of texts: out[count, width of "embed"]; results[count] may be NULL. */
ALB_API alb_status alb_embed(alb_session *session, const alb_text *texts, size_t count, float *out, size_t capacity,
                             alb_text_result *results, alb_error *error);

/* One proposal for a mask; texts are NUL-terminated. */
typedef struct alb_fill {
  float score; /* probability */
  int32_t token;
  const char *token_str;
  const char *sequence; /* the text with the token in the mask's place */
} alb_fill;

/* Proposals for every mask of a text, best first; borrowed from the session until its next call. */
typedef struct alb_fills {
  size_t masks, top_k;
  const alb_fill *fills; /* [masks][top_k] */
  size_t tokens;
  int truncated;
} alb_fills;

/* ALB_ARGUMENT when the text has no mask token (within the tokens the model takes). */
ALB_API alb_status alb_fill_mask(alb_session *session, const alb_text *text, size_t top_k, alb_fills *out,
                                 alb_error *error);

/* Classes of the "classify" or "ner" head; 0: the model has neither. */
ALB_API size_t alb_model_classes(const alb_model *model);
/* The name of a class, borrowed from the model; "" when the file has none. */
ALB_API const char *alb_model_label(const alb_model *model, size_t number);

/* Scores [classes] of one row of logits [classes], which they may replace, as the model's file says for a task:
 * "classify" as transformers' pipeline, "rerank" as sentence-transformers' CrossEncoder, "ner" by softmax. */
ALB_API alb_status alb_scores(const alb_model *model, const char *task, const float *logits, float *scores);

/* Neighbouring tokens of one class; texts are NUL-terminated. */
typedef struct alb_entity {
  const char *entity_group; /* the class without its B- or I- */
  float score;              /* mean probability */
  const char *word;         /* the tokens as the tokenizer joins them */
  size_t word_length;       /* in bytes */
  uint32_t start, end;      /* in the text, in Unicode code points */
} alb_entity;

/* Entities of a text in its order, those of class "O" left out; borrowed from the session until its next call. */
typedef struct alb_entities {
  size_t count;
  const alb_entity *entities;
  size_t tokens;
  int truncated;
} alb_entities;

/* transformers' token classification with aggregation_strategy "simple". text->pair must be NULL. */
ALB_API alb_status alb_find_entities(alb_session *session, const alb_text *text, alb_entities *out, alb_error *error);

/* The best answer to a question that a context holds. */
typedef struct alb_answer {
  float score;
  uint32_t start, end; /* in the context, in Unicode code points */
  const char *answer;  /* that part of the context: borrowed from the caller's text, not NUL-terminated */
  size_t length;       /* in bytes */
  size_t windows;      /* parts in which the context was read */
} alb_answer;

/* transformers' question answering: text->text asks, text->pair is the context, of any length; answers of at most 15
 * tokens, windows of at most 384 tokens that share 128. ALB_ARGUMENT: the context has no tokens, or the question leaves
 * no room for it. */
ALB_API alb_status alb_answer_question(alb_session *session, const alb_text *text, alb_answer *out, alb_error *error);

#ifdef __cplusplus
}
#endif
#endif
