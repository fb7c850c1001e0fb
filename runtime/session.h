/* A session inside: threads, working memory, and the run of one slice of a batch. */
#ifndef ALB_RUNTIME_SESSION_H
#define ALB_RUNTIME_SESSION_H

#include "runtime/buffer.h"
#include "runtime/exec.h"
#include "runtime/model.h"

struct alb_session {
  alb_model *model; /* borrowed */
  alb_pool *pool;
  size_t batch_tokens;
  alb_workspace workspace;
  alb_buffer starts;    /* size_t [sequences + 1] of the slice */
  alb_buffer positions; /* int32_t [tokens] */
  alb_buffer zeros;     /* int32_t [tokens]: type ids when none are given */
  alb_buffer hidden;    /* float [tokens][hidden] when the caller does not want them */
  alb_buffer chosen;    /* float [rows][hidden]: hidden states of chosen tokens */
  /* texts */
  alb_token_scratch *scratch; /* made with the first text */
  alb_buffer ids, type_ids;   /* int32_t [tokens] of texts being run */
  alb_buffer lengths;         /* size_t [texts] */
  /* fill-mask */
  alb_buffer rows;    /* size_t [masks] */
  alb_buffer logits;  /* float [some masks][vocab] */
  alb_buffer fills;   /* alb_fill [masks][top_k] */
  alb_buffer strings; /* of the fills, of entities, of answers */
  /* ner */
  alb_buffer entities; /* alb_entity [tokens] */
  alb_buffer pieces;   /* alb_str [tokens of a group] */
};

/* Encodes a text for the model: the encoding belongs to the session's scratch until its next use.
 * max_tokens as in alb_tokenize. */
alb_status alb_session_encode_text(alb_diag *diag, alb_session *session, const alb_text *text, size_t max_tokens,
                                   alb_token_encoding *out);

/* The most tokens of a text: the tokenizer's own limit, or what the model has positions for. */
size_t alb_session_most_tokens(const alb_session *session, const alb_tokenizer *tokenizer);

/* alb_run without its argument checks for NULL and its error. */
alb_status alb_session_run(alb_diag *diag, alb_session *session, const alb_batch *batch, const alb_output *outputs,
                           size_t count);

/* Whole sequences of a batch that are computed together. */
typedef struct alb_slice {
  size_t sequence, sequences; /* first, and how many */
  size_t token, tokens;
  size_t row, rows; /* in batch->rows */
  size_t longest;
  bool together; /* a tap wants all sequences at the same time */
} alb_slice;

/* Checks everything about a batch. ALB_ARGUMENT names the first thing out of range. */
alb_status alb_batch_check(alb_diag *diag, const alb_model *model, const alb_batch *batch);

/* Makes room and weights ready for the entry on a slice. After that alb_slice_encode (of the encoder) and
 * alb_slice_head cannot fail on this slice and on those that have less of the rows that the entry works on. */
alb_status alb_slice_reserve(alb_diag *diag, alb_session *session, alb_entry *entry, const alb_slice *slice);

/* Hidden states [slice->tokens][hidden] of a slice of a checked batch. */
void alb_slice_encode(alb_session *session, const alb_batch *batch, const alb_slice *slice, float *hidden);

/* A head on a slice's hidden states; out has the slice's tokens, sequences or rows, as the head has. */
void alb_slice_head(alb_session *session, const alb_entry *entry, const alb_batch *batch, const alb_slice *slice,
                    const float *hidden, float *out);

#endif
