/* The facts that both halves know: operators, activations, poolings. */
#include "base/vocabulary.h"

static const char *const activation_names[] = {
#define ALB_ACTIVATION(id, value, name) [value] = (name),
#include "base/activation.def"
#undef ALB_ACTIVATION
};

static const char *const pooling_names[] = {
#define ALB_POOLING(id, value, name) [value] = (name),
#include "base/pooling.def"
#undef ALB_POOLING
};

static const struct {
  const char *name;
  size_t fewest, most;
} ops[] = {
#define ALB_OP(id, value, name, fewest, most) [value] = {name, fewest, most},
#include "base/op.def"
#undef ALB_OP
};

const char *alb_activation_name(alb_activation activation) {
  return (unsigned)activation < ALB_ACT_COUNT ? activation_names[activation] : "?";
}

const char *alb_pooling_name(alb_pooling pooling) {
  return (unsigned)pooling < ALB_POOL_COUNT ? pooling_names[pooling] : "?";
}

const char *alb_op_name(alb_op op) {
  return (unsigned)op < ALB_OP_COUNT && ops[op].name ? ops[op].name : "?";
}

alb_activation alb_activation_by_name(alb_str name) {
  unsigned i = 0;
  while (i < ALB_ACT_COUNT && !alb_str_is(name, activation_names[i])) i++;
  return (alb_activation)i;
}

alb_pooling alb_pooling_by_name(alb_str name) {
  unsigned i = 0;
  while (i < ALB_POOL_COUNT && !alb_str_is(name, pooling_names[i])) i++;
  return (alb_pooling)i;
}

alb_op alb_op_by_name(alb_str name) {
  for (unsigned i = 1; i < ALB_OP_COUNT; i++) {
    if (alb_str_is(name, ops[i].name)) return (alb_op)i;
  }
  return ALB_OP_NONE;
}

int alb_op_arity(uint32_t op, size_t *fewest, size_t *most) {
  if (op == 0 || op >= ALB_OP_COUNT) return 0;
  *fewest = ops[op].fewest;
  *most = ops[op].most;
  return 1;
}
