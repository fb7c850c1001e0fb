/* The shape rules of the operators: from a node of the graph to a step of the plan. */
#ifndef ALB_RUNTIME_PLAN_OPS_H
#define ALB_RUNTIME_PLAN_OPS_H

#include "runtime/plan.h"

typedef struct alb_plan_builder {
  alb_diag *diag;
  alb_weights *weights;
  alb_plan *plan;
  ALB_VEC(uint32_t) quantized; /* by value: its quantised form + 1, or 0 */
} alb_plan_builder;

/* An operand with calls written out: a value of the plan or a tensor of the file. */
typedef struct alb_plan_operand {
  bool is_value;
  uint32_t id;
} alb_plan_operand;

/* Checks the node against its rule and appends its step (and a quantising one before it, when the
 * matrix is quantised); *out is the new value. */
alb_status alb_plan_node(alb_plan_builder *builder, const Alb__Node *node, const alb_plan_operand *operands,
                         size_t count, uint32_t *out);

/* Appends a value; its place is settled later. */
alb_status alb_plan_add_value(alb_plan_builder *builder, alb_rows rows, alb_dtype dtype, size_t columns, uint32_t *id);

#endif
