/* What a pass is, what it may be told, and how passes are run. */
#ifndef ALB_PASSES_PASS_H
#define ALB_PASSES_PASS_H

#include "graph/ir.h"
#include "graph/model_spec.h"

typedef enum alb_share_mode {
#define ALB_SHARE(id, name, attention, ffn, meaning) ALB_SHARE_##id,
#include "passes/share_mode.def"
#undef ALB_SHARE
  ALB_SHARE_COUNT
} alb_share_mode;

typedef struct alb_share_facts {
  const char *name;
  bool attention, ffn; /* which blocks are folded */
  const char *meaning;
} alb_share_facts;

const alb_share_facts *alb_share_info(alb_share_mode mode);
alb_share_mode alb_share_by_name(alb_str name); /* ALB_SHARE_COUNT when unknown */

/* Which layers fold together: group_of[layer]. Parsed from "N" (N even groups) or "0-5,6-11". */
typedef struct alb_groups {
  size_t layers, count;
  const uint32_t *group_of; /* [layers], in the caller's arena */
} alb_groups;

/* The first and the last layers may be kept out: each is a group of its own, and the spec is about the others. */
typedef struct alb_group_options {
  const char *spec;             /* default NULL: one group */
  size_t keep_first, keep_last; /* default 0 */
} alb_group_options;

/* Errors (ALB_USAGE): not a number, a layer missing, twice or out of range, N not between 1 and the number of layers,
 * no layer left between those that are kept. */
alb_status alb_groups_parse(alb_diag *diag, alb_arena *arena, const alb_group_options *options, size_t layers,
                            alb_groups *out);

/* How far folding moved the weights of one parameter: relative = sqrt(moved / energy), where moved
 * is the sum of |w - mean|^2 and energy the sum of |w|^2 over all layers; 0: they were equal. */
typedef struct alb_fold_change {
  const char *parameter; /* "attention.query.weight"; in the graph's arena */
  double moved, energy;
} alb_fold_change;

/* What folding did. Start with {0}; alb_vec_free(&changes) after use. */
typedef struct alb_fold_report {
  bool lossy;
  bool aligned;  /* layers were aligned before their mean was taken */
  bool refitted; /* what stays per layer was adjusted to texts afterwards, or int4 to int6 matrices were */
  size_t layers, sets_before, sets_after;
  size_t embedding_size;            /* 0: the table of words is as it was; else the width it was narrowed to */
  size_t permuted;                  /* FFN blocks that were another one with neurons in another order, and use it now */
  size_t rounded;                   /* blocks that were another one up to rounding, and use it now */
  double max_delta;                 /* the largest change of a number by that */
  size_t low_rank, low_rank_most;   /* matrices that were another one and factors, and are now; their highest rank */
  double low_rank_delta;            /* the largest change of a number by that; 0: none */
  size_t residuals, residual;       /* matrices that a lossy fold left factors; their rank */
  ALB_VEC(alb_fold_change) changes; /* parameters that moved, in the function's order */
} alb_fold_report;

/* Layers that differ were folded, or the table of words was made a product. */
static inline bool alb_fold_loses(const alb_fold_report *fold) {
  return fold->lossy || fold->embedding_size;
}

/* A lossy fold in hand: what its helpers are told. */
typedef struct alb_fold_job {
  alb_graph *graph;
  struct alb_layer_table *table; /* passes/layer_table.h: which tensor each layer binds, to be changed in place */
  const alb_groups *groups;
  bool attention, ffn;     /* whose matrices are folded with loss */
  bool norms;              /* biases and norms are folded too */
  bool by_matrix;          /* share-related: each matrix for itself, else whole blocks of a group */
  const uint32_t *source;  /* after the fold: table->tensors as they were before it */
  size_t residual;         /* the rank of the factors that matrices folded with loss are to get; 0: none */
  alb_fold_report *report; /* may be NULL */
} alb_fold_job;

/* Helps a fold: before it, to make layers more alike without changing what they compute; after it, to repair. */
typedef alb_status alb_fold_helper(alb_diag *diag, void *context, const alb_fold_job *job);

/* Makes matrices of layers int4, int5 or int6 in its own way; those that it leaves are rounded by themselves. */
typedef alb_status alb_round_helper(alb_diag *diag, void *context, alb_dtype dtype, alb_graph *graph);

/* Adds two tensors whose product is near a table [V,H]: factor [V,size] and projection [H,size]; table = factor times
 * projection transposed. */
typedef alb_status alb_factor_helper(alb_diag *diag, void *context, alb_tensors *tensors, uint32_t table, size_t size,
                                     uint32_t *factor, uint32_t *projection);

/* Zero means default everywhere. */
typedef struct alb_pass_options {
  alb_share_mode mode;       /* fold-layers; default exact */
  alb_group_options groups;  /* fold-layers */
  size_t left_out;           /* drop-layer: the number of the layer, from 1; default 0: none */
  bool share_norms;          /* fold-layers: fold LayerNorms and biases too; default false */
  bool measure;              /* fold-layers: measure how far weights move; default false */
  alb_fold_report *report;   /* fold-layers; may be NULL */
  alb_fold_helper *bases;    /* share-related: makes matrices a base and factors; default NULL */
  alb_fold_helper *align;    /* fold-layers: called before a fold with loss; default NULL: the layers as they are */
  alb_fold_helper *refit;    /* fold-layers: called after it; default NULL */
  alb_round_helper *round;   /* quantize-weights: called before it makes int4 to int6; default NULL */
  alb_factor_helper *factor; /* factor-words: default NULL: tables stay whole */
  void *bases_context, *align_context, *refit_context, *round_context, *factor_context;
  size_t embedding_size; /* factor-words: default 0: tables stay whole */
  size_t residual;       /* fold-layers: the rank of factors that `refit` gives what loses; default 0: none */
  bool factors;          /* quantize-weights: the output has places for factors of matrices; default false */
  alb_dtype dtype;       /* quantize-weights: matrices; default f32 */
  alb_dtype tables;      /* quantize-weights; default: as matrices, int8 if they are int4 to int6 */
} alb_pass_options;

/* The element types that quantize-weights gives tables of words, and tables of positions and token types. */
alb_dtype alb_table_dtype(const alb_pass_options *options);
alb_dtype alb_place_dtype(const alb_pass_options *options);

typedef struct alb_pass {
  const char *name, *summary;
  /* Changes the graph and counts the changes; a second run counts 0. */
  alb_status (*run)(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes);
} alb_pass;

/* All passes of passes.def; *count of them. */
const alb_pass *alb_passes(size_t *count);
const alb_pass *alb_pass_by_name(alb_str name); /* NULL when unknown */

/* Called after each pass that was run. */
typedef struct alb_pass_observer {
  void (*after)(void *context, const alb_pass *pass, size_t changes, const alb_graph *graph);
  void *context;
} alb_pass_observer;

/* Runs "name,name,..." in order with a verification after each. observer may be NULL. */
alb_status alb_passes_run(alb_diag *diag, alb_graph *graph, const char *pipeline, const alb_pass_options *options,
                          const alb_pass_observer *observer);

/* What the graph is for. RUN: for our runtime, fused. PLAIN: for layouts that have a tensor for each role (other
 * tools' files), nothing fused. */
typedef enum alb_pipeline_kind { ALB_PIPELINE_RUN, ALB_PIPELINE_PLAIN } alb_pipeline_kind;

/* The pipeline for a purpose and a sharing mode, with the reason of each order beside it. (pipelines.c) */
const char *alb_pipeline(alb_pipeline_kind kind, alb_share_mode mode);

#define ALB_PASS(function, name, summary) \
  alb_status alb_pass_##function(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes);
#include "passes/passes.def"
#undef ALB_PASS

/* What a tensor is in its layer: "layer.0.attention.query.weight" -> "attention.query.weight"; other names
 * stay as they are. */
alb_str alb_parameter_name(alb_str tensor);

/* Two tensors that read the same bytes in the same way. */
bool alb_tensor_same(const alb_tensors *tensors, uint32_t a, uint32_t b);

#endif
