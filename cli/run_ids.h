/* Packed sequences of token ids, and the input lines of --ids that make them:
 * {"input_ids":[...],"token_type_ids":[...]}. */
#ifndef ALB_CLI_RUN_IDS_H
#define ALB_CLI_RUN_IDS_H

#include "albert.h"
#include "base/span.h"
#include "base/status.h"
#include "base/vec.h"

typedef ALB_VEC(int32_t) alb_id_list;

/* Sequences back to back. Start with {0}; alb_ids_free at the end. */
typedef struct alb_ids {
  ALB_VEC(size_t) lengths;
  alb_id_list ids, type_ids; /* type ids: zeros where a line has none */
  ALB_VEC(bool) truncated;   /* by sequence: its text was longer than the model takes */
} alb_ids;

void alb_ids_clear(alb_ids *ids);
void alb_ids_free(alb_ids *ids);

/* Adds the sequence of one line. Strict: no other keys, whole numbers only, every id below its limit
 * in `info`, 1 to max_tokens of them. ALB_MALFORMED says what and where. */
alb_status alb_ids_parse(alb_diag *diag, const alb_model_info *info, alb_str line, alb_ids *ids);

/* Adds a text's tokens. */
alb_status alb_ids_add(alb_diag *diag, const alb_tokens *tokens, alb_ids *ids);

/* The batch over all sequences; borrowed from ids. */
alb_batch alb_ids_batch(const alb_ids *ids);

#endif
