/* Golden outputs: a few inputs with what the source gives for them, so that a file can be proved
 * anywhere, later, without its source. */
#ifndef ALB_CONVERTER_GOLDEN_H
#define ALB_CONVERTER_GOLDEN_H

#include "alb.pb-c.h"
#include "graph/build_encoder.h"

enum { ALB_GOLDEN_COUNT = 3, ALB_GOLDEN_LONGEST = 9, ALB_GOLDEN_ROOM = ALB_GOLDEN_COUNT * ALB_GOLDEN_LONGEST };

/* The sequences that golden outputs are of, back to back. */
typedef struct alb_golden_batch {
  uint32_t lengths[ALB_GOLDEN_COUNT];
  size_t tokens; /* their sum */
  int32_t ids[ALB_GOLDEN_ROOM], type_ids[ALB_GOLDEN_ROOM], positions[ALB_GOLDEN_ROOM];
} alb_golden_batch;

void alb_golden_fill(const alb_encoder_config *config, alb_golden_batch *out);

/* Runs the source graph (before any pass) through the interpreter on built-in ids, and keeps the
 * hidden states, the embedding, the logits of heads, and of the MLM head those of one token. All in `arena`. `known`:
 * the last hidden state of the batch, [tokens][hidden], when the encoder has been run on it already, or NULL. With
 * `sizes_only` nothing runs and the values are zeros: same sizes, no time. */
alb_status alb_golden_make(alb_diag *diag, alb_arena *arena, const alb_encoder_config *config, const alb_graph *graph,
                           const float *known, bool sizes_only, Alb__Golden ***golden, size_t *count);

/* The golden outputs of a file, but for those of functions that the graph no longer has. */
alb_status alb_golden_select(alb_diag *diag, alb_arena *arena, const Alb__Manifest *manifest, const alb_graph *graph,
                             Alb__Golden ***golden, size_t *count);

/* Built-in ids: spread over the vocabulary by a fixed multiplicative sequence; the second half is of
 * the last type. Fills at most `length` items, as many as the model has positions; returns how many. */
size_t alb_builtin_ids(const alb_encoder_config *config, uint64_t seed, size_t length, int32_t *ids, int32_t *type_ids);

#endif
