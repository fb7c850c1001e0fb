/* Matrices of layers that are another layer's and a product of low rank, exactly but for rounding: merged LoRA, relaxed
 * recursive models. */
#ifndef ALB_TUNE_SHARED_BASE_H
#define ALB_TUNE_SHARED_BASE_H

#include "base/vec.h"
#include "passes/layer_table.h"

/* What a layer's matrix is: that of layer `of` and factors of that rank. of is the layer itself where there is none. */
typedef struct alb_base_relation {
  uint32_t of, rank;
  double max_delta; /* no number of the sum is further from the matrix than this; 0: the same bits */
} alb_base_relation;

/* What was found out about two blobs: kept for a second conversion of the same source. */
typedef struct alb_base_pair {
  uint32_t base, blob, rank;
  bool related;
  double max_delta;
} alb_base_pair;

/* Start with {0}; alb_vec_free(&pairs) at the end. */
typedef struct alb_base_cache {
  ALB_VEC(alb_base_pair) pairs;
} alb_base_cache;

typedef struct alb_base_options {
  alb_base_cache *cache; /* default NULL: none */
  bool sizes_only;       /* factors that the cache knows have their size, but not their numbers; default false */
} alb_base_options;

/* relations[layer * parameters + parameter], in the caller's memory: of matrices, what each is to the first earlier one
 * that is like no other itself. Others, and what is quantised, are like none. Errors: ALB_MEMORY. */
alb_status alb_base_relations(alb_diag *diag, const alb_graph *graph, const alb_layer_table *table,
                              const alb_base_options *options, alb_base_relation *relations);

/* Makes such matrices a base and factors (ALB_BLOB_RESIDUAL), in the blocks that the job names: with job->by_matrix
 * each for itself, else whole blocks of which every layer of the group is the first one's with factors. For
 * alb_pass_options.bases; context: an alb_base_options. */
alb_status alb_shared_bases(alb_diag *diag, void *context, const alb_fold_job *job);

#endif
