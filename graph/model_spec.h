/* A source model after binding: its configuration, and which tensor plays which role. */
#ifndef ALB_GRAPH_MODEL_SPEC_H
#define ALB_GRAPH_MODEL_SPEC_H

#include <stdbool.h>

#include "base/vocabulary.h"
#include "graph/tensors.h"

typedef enum alb_role_scope { ALB_SCOPE_GLOBAL, ALB_SCOPE_LAYER } alb_role_scope;
typedef enum alb_block {
  ALB_BLOCK_EMBEDDINGS,
  ALB_BLOCK_ATTENTION,
  ALB_BLOCK_FFN,
  ALB_BLOCK_POOLER,
  ALB_BLOCK_MLM,
  ALB_BLOCK_CLASSIFIER,
  ALB_BLOCK_SPAN
} alb_block;
typedef enum alb_part { ALB_PART_TABLE, ALB_PART_MATRIX, ALB_PART_BIAS, ALB_PART_NORM } alb_part;
typedef enum alb_dim_name {
  ALB_DIM_NAME_NONE,
  ALB_DIM_NAME_V,
  ALB_DIM_NAME_P,
  ALB_DIM_NAME_Y,
  ALB_DIM_NAME_E,
  ALB_DIM_NAME_H,
  ALB_DIM_NAME_F,
  ALB_DIM_NAME_M,
  ALB_DIM_NAME_C,
  ALB_DIM_NAME_2
} alb_dim_name;

typedef enum alb_role {
#define ALB_ROLE(id, name, scope, block, part, rows, columns) ALB_ROLE_##id,
#include "graph/roles.def"
#undef ALB_ROLE
  ALB_ROLE_COUNT
} alb_role;

typedef struct alb_role_facts {
  const char *name;
  alb_role_scope scope;
  alb_block block;
  alb_part part;
  alb_dim_name rows, columns;
} alb_role_facts;

const alb_role_facts *alb_role_info(alb_role role);

/* The shape and behaviour of an encoder; every size is at least 1 and checked by the reader. */
typedef struct alb_encoder_config {
  const char *architecture; /* "bert", "albert" */
  uint32_t layers, hidden, embedding, heads, intermediate, vocab, max_positions, type_vocab;
  uint32_t position_offset, pad_id;
  uint32_t mlm_width;        /* M of roles.def */
  uint32_t classes;          /* C of roles.def; 0: no classifier */
  alb_activation activation; /* of the FFN and of the MLM transform */
  float layer_norm_eps;
} alb_encoder_config;

#define ALB_NO_TENSOR UINT32_MAX

/* tensors is borrowed; the arrays hold tensor ids or ALB_NO_TENSOR and live in the caller's arena. */
typedef struct alb_model_spec {
  alb_encoder_config config;
  alb_tensors *tensors;
  uint32_t global[ALB_ROLE_COUNT];   /* roles of scope GLOBAL */
  uint32_t (*layer)[ALB_ROLE_COUNT]; /* [config.layers], roles of scope LAYER */
  alb_pooling pooling;               /* how "embed" pools; NONE: no embed function */
  bool normalize;
  bool token_classes; /* the classifier is for every token, not for the pooled text */
} alb_model_spec;

/* The sizes a role's tensor must have: rank 1 or 2. Returns the rank. */
size_t alb_role_shape(const alb_encoder_config *config, alb_role role, uint64_t dims[2]);

#endif
