/* The default pipelines, each order with its reason. */
#include "passes/pass.h"

/* Equal bytes are found first: everything after it compares ids, not bytes. Without it (mode none) every
 * layer is to keep blobs of its own. */
#define SHARE_EQUAL "dedup-blobs,roll-layers,drop-layer,share-related,fold-layers,"
#define FOLD "roll-layers,drop-layer,fold-layers,"

/* Before fusing, which would hide the sum of embeddings. */
#define FACTOR "factor-words,"

/* Fusions see a layer's body once, after roll-layers. */
#define FUSE                                                         \
  "fuse-qkv," /* before quantising: one scale table for the three */ \
  "fuse-activation,"                                                 \
  "fuse-add-norm,"                                                   \
  "fuse-embed-norm,"

/* An .alb source has been fused. After folding, which needs a source's blobs; before quantising, so that
 * each matrix has scales of its own. */
#define SPLIT "split-qkv,"

/* Quantising comes after whatever makes new weights; drop-unused ends it, so that nothing unused is written. */
#define FINISH "quantize-weights,drop-unused"

const char *alb_pipeline(alb_pipeline_kind kind, alb_share_mode mode) {
  static const char *const pipelines[][2] = {
      [ALB_PIPELINE_RUN] = {SHARE_EQUAL FACTOR FUSE FINISH, FOLD FACTOR FUSE FINISH},
      [ALB_PIPELINE_PLAIN] = {SHARE_EQUAL FACTOR SPLIT FINISH, FOLD FACTOR SPLIT FINISH},
  };
  return pipelines[kind][mode == ALB_SHARE_NONE];
}
