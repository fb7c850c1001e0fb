/* The default pipelines, each order with its reason. */
#include "passes/pass.h"

/* Fusions see a layer's body once, after roll-layers; quantising comes after whatever makes new
 * weights; drop-unused ends it, so that nothing unused is written. */
#define FUSE_AND_QUANTIZE                                            \
  "fuse-qkv," /* before quantising: one scale table for the three */ \
  "fuse-activation,"                                                 \
  "fuse-add-norm,"                                                   \
  "fuse-embed-norm,"                                                 \
  "quantize-weights,"                                                \
  "drop-unused"

const char *alb_pipeline(alb_share_mode mode) {
  if (mode == ALB_SHARE_NONE) {
    return "roll-layers," /* no dedup: every layer is to keep blobs of its own */
           "fold-layers," FUSE_AND_QUANTIZE;
  }
  return "dedup-blobs," /* first: everything after it compares ids, not bytes */
         "roll-layers,"
         "fold-layers," FUSE_AND_QUANTIZE;
}
