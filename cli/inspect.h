/* What inspect finds out about a checkpoint or an .alb file, before anything is converted. */
#ifndef ALB_CLI_INSPECT_H
#define ALB_CLI_INSPECT_H

#include "cli/convert_cli.h"
#include "cli/json_out.h"
#include "converter/convert.h"
#include "passes/layer_signature.h"
#include "tune/align_share.h"

enum { ALB_SIZE_DTYPES = 7 };
extern const alb_dtype alb_size_dtypes[ALB_SIZE_DTYPES]; /* the columns of the table of sizes */

/* What a matrix of each layer is to an earlier layer's: layers[inspection->layers.layers]. */
typedef struct alb_matrix_relations {
  const char *name;
  bool ffn;
  const alb_base_relation *layers;
} alb_matrix_relations;

/* Start with {0}; alb_inspection_free at the end. */
typedef struct alb_inspection {
  const char *path;
  alb_loaded loaded;
  alb_arena arena;
  alb_layer_signature layers;
  bool align; /* asked for */
  alb_align_share aligned;
  alb_base_cache bases;
  alb_matrix_relations *matrices; /* [matrix_count] */
  size_t matrix_count;
  uint64_t sizes[ALB_SHARE_COUNT][ALB_SIZE_DTYPES]; /* of the file in bytes; 0: cannot be made */
  bool lossy[ALB_SHARE_COUNT];                      /* the mode folds layers that differ */
  uint64_t source_bytes, file_bytes, parameters;    /* stored numbers, equal tensors counted once */
} alb_inspection;

/* out->align is the caller's to set. */
alb_status alb_inspect(alb_diag *diag, const char *path, alb_inspection *out);
void alb_inspection_free(alb_inspection *inspection);

/* How the layers of a model relate; arrays in the arena. What they have in common once aligned, too, unless `aligned`
 * is NULL: that takes long. */
alb_status alb_inspect_layers(alb_diag *diag, alb_loaded *loaded, alb_arena *arena, alb_layer_signature *out,
                              alb_align_share *aligned);

/* The first tensor of the table with the same bytes as tensor t: t itself when there is none. */
uint32_t alb_inspect_first_equal(const alb_inspection *inspection, uint32_t t);

/* All layers have the block's bytes of the first. */
bool alb_block_is_equal(const alb_block_signature *block, size_t layers);

/* The layer's matrix is an earlier one's and factors, or that up to rounding; not: equal. */
static inline bool alb_base_is_found(const alb_base_relation *relation, size_t layer) {
  return relation->of != layer && (relation->rank || relation->max_delta > 0);
}

/* What a folding mode has to share in this model, in words; its threshold of share is ALB_SHARE_SOME. */
#define ALB_SHARE_SOME 0.5
const char *alb_inspect_verdict(const alb_inspection *inspection, alb_share_mode mode);

/* What a mode's matrices have in common after alignment, less what random ones have: 0 none, 1 all. */
double alb_inspect_net_share(const alb_inspection *inspection, alb_share_mode mode);

void alb_inspection_print(const alb_inspection *inspection, FILE *out);
/* An array of rows of an attention or FFN block's cosines. */
void alb_inspect_cosines_json(alb_json *json, const alb_block_signature *block, size_t layers);
void alb_inspection_json(const alb_inspection *inspection, FILE *out);

/* Of --align. (inspect_align.c) */
void alb_inspection_print_aligned(const alb_inspection *inspection, FILE *out);
void alb_inspection_json_aligned(alb_json *json, const alb_inspection *inspection);

#endif
