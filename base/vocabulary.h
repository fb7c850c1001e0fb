/* The facts that both halves know: operators, activations, poolings. Tables in *.def. */
#ifndef ALB_BASE_VOCABULARY_H
#define ALB_BASE_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

typedef enum alb_activation {
#define ALB_ACTIVATION(id, value, name) ALB_ACT_##id = (value),
#include "base/activation.def"
#undef ALB_ACTIVATION
  ALB_ACT_COUNT
} alb_activation;

typedef enum alb_pooling {
#define ALB_POOLING(id, value, name) ALB_POOL_##id = (value),
#include "base/pooling.def"
#undef ALB_POOLING
  ALB_POOL_COUNT
} alb_pooling;

typedef enum alb_op {
  ALB_OP_NONE = 0,
#define ALB_OP(id, value, name, fewest, most) ALB_OP_##id = (value),
#include "base/op.def"
#undef ALB_OP
  ALB_OP_COUNT
} alb_op;

/* Symbolic dimensions of a type: how many is known when a batch is there. */
enum { ALB_DIM_TOKENS = -1, ALB_DIM_SEQUENCES = -2, ALB_DIM_ROWS = -3 };

/* What an operand refers to; in files an operand is id * 4 + kind. */
typedef enum alb_operand_kind {
  ALB_OPERAND_NONE = 0,
  ALB_OPERAND_VALUE = 1,
  ALB_OPERAND_TENSOR = 2,
  ALB_OPERAND_PARAMETER = 3,
} alb_operand_kind;

const char *alb_activation_name(alb_activation activation); /* "?" when unknown, as below */
const char *alb_pooling_name(alb_pooling pooling);
const char *alb_op_name(alb_op op);
/* COUNT, COUNT and OP_NONE when unknown. */
alb_activation alb_activation_by_name(alb_str name);
alb_pooling alb_pooling_by_name(alb_str name);
alb_op alb_op_by_name(alb_str name);
/* The operand counts an operator allows; false for an unknown operator. */
int alb_op_arity(uint32_t op, size_t *fewest, size_t *most);

#endif
