/* The protobuf message of a SentencePiece model, as far as tokenizers need it. */
#ifndef ALB_CONVERTER_SPIECE_MODEL_H
#define ALB_CONVERTER_SPIECE_MODEL_H

#include "base/span.h"
#include "base/status.h"
#include "base/vec.h"

typedef enum alb_spiece_type {
  ALB_SPIECE_NORMAL = 1,
  ALB_SPIECE_UNKNOWN = 2,
  ALB_SPIECE_CONTROL = 3,
  ALB_SPIECE_USER_DEFINED = 4,
  ALB_SPIECE_UNUSED = 5,
  ALB_SPIECE_BYTE = 6,
} alb_spiece_type;

typedef struct alb_spiece {
  alb_str text; /* borrowed from the file: 1 to ALB_MAX_NAME_BYTES bytes of UTF-8 without NUL */
  float score;  /* finite */
  alb_spiece_type type;
} alb_spiece;

/* Start with {0}; alb_spiece_model_free at the end. What is not said is as in SentencePiece. */
typedef struct alb_spiece_model {
  ALB_VEC(alb_spiece) pieces;
  uint32_t unk;                                       /* the one piece of type unknown */
  int32_t model_type, unk_id, bos_id, eos_id, pad_id; /* -1: none, or not said */
  bool states_unk_id;
  bool byte_fallback, space_as_suffix;             /* trainer_spec */
  bool dummy_prefix, remove_spaces, escape_spaces; /* normalizer_spec */
  alb_span charsmap;                               /* borrowed; n 0: none */
} alb_spiece_model;

/* Reads the message; unknown fields are skipped. Messages do not name the file. ALB_UNSUPPORTED: not a Unigram model.
 */
alb_status alb_spiece_model_read(alb_diag *diag, alb_span file, alb_spiece_model *out);
void alb_spiece_model_free(alb_spiece_model *model);

#endif
