/* The manifest's verifier: functions and nodes. */
#include <inttypes.h>
#include <math.h>

#include "base/dtype.h"
#include "base/strmap.h"
#include "base/vocabulary.h"
#include "format/layout.h"
#include "format/validate.h"

/* Which attributes an operator has; the others are zero. */
enum { HAS_ACTIVATION = 1, HAS_HEADS = 2, HAS_EPS = 4, HAS_POOLING = 8, HAS_CALLEE = 16 };

static const uint8_t op_attributes[ALB_OP_COUNT] = {
    [ALB_OP_LINEAR] = HAS_ACTIVATION, [ALB_OP_ACTIVATION] = HAS_ACTIVATION, [ALB_OP_LAYER_NORM] = HAS_EPS,
    [ALB_OP_ADD_NORM] = HAS_EPS,      [ALB_OP_EMBED_NORM] = HAS_EPS,        [ALB_OP_ATTENTION] = HAS_HEADS,
    [ALB_OP_POOL] = HAS_POOLING,      [ALB_OP_CALL] = HAS_CALLEE,
};

/* Where a message points: a node of a function. */
typedef struct place {
  alb_diag *diag;
  const alb_validation *v;
  const Alb__Function *function;
  size_t function_id, node_id;
} place;

#define BAD_NODE(at, text, ...) \
  ALB_BAD((at)->diag, "function \"%.128s\", node %zu: " text, (at)->function->name, (at)->node_id, __VA_ARGS__)

/* How large functions are with their calls written out: a chain of doubling calls is a bomb. */
typedef struct extent {
  uint32_t nodes, depth;
} extent;

static alb_status check_type(alb_diag *diag, const alb_validation *v, const Alb__Function *f, size_t i) {
  const Alb__Type *type = f->inputs[i];
  if (alb_dtype_bytes((alb_dtype)type->dtype) == 0 || alb_intn_bits((alb_dtype)type->dtype)) {
    return alb_validate_unknown(diag, v, "input dtype", type->dtype);
  }
  if (type->n_dims > ALB_MAX_TENSOR_RANK)
    return ALB_BAD(diag, "function \"%.128s\": input %zu has rank %zu", f->name, i, type->n_dims);
  for (size_t k = 0; k < type->n_dims; k++) {
    const int64_t dim = type->dims[k];
    if (dim < ALB_DIM_ROWS || dim == 0 || (dim > 0 && (uint64_t)dim > ALB_MAX_DIM_SIZE)) {
      return ALB_BAD(diag, "function \"%.128s\": dimension %" PRId64 " of input %zu", f->name, dim, i);
    }
  }
  return ALB_OK;
}

static alb_status check_operand(const place *at, uint32_t operand) {
  const uint32_t id = operand >> 2;
  size_t end = 0;
  switch (operand & 3) {
    case ALB_OPERAND_VALUE:
      end = at->function->n_inputs + at->node_id;
      break;
    case ALB_OPERAND_TENSOR:
      end = at->v->manifest->n_tensors;
      break;
    case ALB_OPERAND_PARAMETER:
      end = at->function->n_parameters;
      break;
    default:
      break;
  }
  return id < end ? ALB_OK : BAD_NODE(at, "operand %" PRIu32 " of kind %" PRIu32, id, operand & 3);
}

static alb_status check_operands(const place *at, const Alb__Node *node) {
  size_t fewest = 0, most = 0;
  (void)alb_op_arity(node->op, &fewest, &most);
  const bool odd = node->op == ALB_OP_ATTENTION && node->n_operands == 2;
  if (node->n_operands < fewest || node->n_operands > most || odd) {
    return BAD_NODE(at, "%s with %zu operands", alb_op_name((alb_op)node->op), node->n_operands);
  }
  for (size_t i = 0; i < node->n_operands; i++) ALB_TRY(check_operand(at, node->operands[i]));
  return ALB_OK;
}

static bool stray_attribute(const Alb__Node *node, unsigned has) {
  return (!(has & HAS_ACTIVATION) && node->activation) || (!(has & HAS_HEADS) && node->heads) ||
         (!(has & HAS_EPS) && node->eps != 0) || (!(has & HAS_POOLING) && node->pooling) ||
         (!(has & HAS_CALLEE) && (node->callee || node->set));
}

static alb_status check_attributes(const place *at, const Alb__Node *node) {
  const unsigned has = op_attributes[node->op];
  if (stray_attribute(node, has)) return BAD_NODE(at, "attribute that %s does not have", alb_op_name((alb_op)node->op));
  if (node->activation >= ALB_ACT_COUNT) return alb_validate_unknown(at->diag, at->v, "activation", node->activation);
  if (node->pooling >= ALB_POOL_COUNT) return alb_validate_unknown(at->diag, at->v, "pooling", node->pooling);
  if (node->op == ALB_OP_ACTIVATION && !node->activation) return BAD_NODE(at, "%s", "activation without a function");
  if ((has & HAS_POOLING) && !node->pooling) return BAD_NODE(at, "%s", "pool without a pooling");
  if ((has & HAS_HEADS) && (node->heads == 0 || node->heads > ALB_MAX_WIDTH))
    return BAD_NODE(at, "%" PRIu32 " heads", node->heads);
  if ((has & HAS_EPS) && !(node->eps > 0 && node->eps < 1)) return BAD_NODE(at, "eps is %g", (double)node->eps);
  if (node->layer > at->v->manifest->config->layers) return BAD_NODE(at, "layer %" PRIu32, node->layer);
  return ALB_OK;
}

/* The callee stands before its caller, so calls can't be circular. */
static alb_status check_call(const place *at, const Alb__Node *node) {
  const Alb__Manifest *m = at->v->manifest;
  if (node->callee >= at->function_id) return BAD_NODE(at, "call of function %" PRIu32, node->callee);
  const Alb__Function *callee = m->functions[node->callee];
  if (node->n_operands != callee->n_inputs || callee->n_outputs != 1) {
    return BAD_NODE(at, "call of \"%.128s\" with %zu operands", callee->name, node->n_operands);
  }
  for (size_t i = 0; i < node->n_operands; i++) {
    if ((node->operands[i] & 3) != ALB_OPERAND_VALUE) return BAD_NODE(at, "operand %zu of a call is no value", i);
  }
  if (node->set >= m->n_sets) return BAD_NODE(at, "parameter set %" PRIu32 " of %zu", node->set, m->n_sets);
  if (m->sets[node->set]->n_tensors != callee->n_parameters) {
    return BAD_NODE(at, "parameter set %" PRIu32 " has %zu tensors, \"%.128s\" has %zu parameters", node->set,
                    m->sets[node->set]->n_tensors, callee->name, callee->n_parameters);
  }
  return ALB_OK;
}

static alb_status check_node(const place *at, extent *extents) {
  const Alb__Node *node = at->function->nodes[at->node_id];
  size_t fewest, most;
  if (!alb_op_arity(node->op, &fewest, &most)) return alb_validate_unknown(at->diag, at->v, "operator", node->op);
  ALB_TRY(check_operands(at, node));
  ALB_TRY(check_attributes(at, node));
  extent *mine = &extents[at->function_id], callee = {0};
  if (node->op == ALB_OP_CALL) {
    ALB_TRY(check_call(at, node));
    callee = extents[node->callee];
  }
  mine->nodes += 1 + callee.nodes; /* both at most ALB_MAX_NODES */
  if (mine->depth < callee.depth + 1) mine->depth = callee.depth + 1;
  if (mine->nodes > ALB_MAX_NODES || mine->depth > ALB_MAX_CALL_DEPTH) {
    return alb_fail(at->diag, ALB_LIMIT, "manifest: function \"%.128s\" is too large with its calls written out",
                    at->function->name);
  }
  return ALB_OK;
}

static alb_status check_names(alb_diag *diag, const char *what, char *const *names, size_t count) {
  alb_strmap map = {0};
  alb_status status = ALB_OK;
  for (size_t i = 0; status == ALB_OK && i < count; i++) {
    size_t index;
    bool inserted = true;
    status = alb_validate_name(diag, what, i, names[i]);
    if (status != ALB_OK) break;
    if (!alb_strmap_add(&map, alb_str_of(names[i]), &index, &inserted)) status = alb_fail_memory(diag, 0, "names");
    if (!inserted) status = alb_fail(diag, ALB_DUPLICATE, "manifest: two %ss \"%.128s\"", what, names[i]);
  }
  alb_strmap_free(&map);
  return status;
}

static alb_status check_function(alb_diag *diag, const alb_validation *v, size_t id, extent *extents) {
  const Alb__Function *f = v->manifest->functions[id];
  if (f->n_inputs > ALB_MAX_NODES || f->n_nodes > ALB_MAX_NODES) {
    return alb_fail(diag, ALB_LIMIT, "manifest: function \"%.128s\" has %zu nodes", f->name, f->n_nodes);
  }
  for (size_t i = 0; i < f->n_inputs; i++) ALB_TRY(check_type(diag, v, f, i));
  ALB_TRY(check_names(diag, "parameter", f->parameters, f->n_parameters));
  place at = {.diag = diag, .v = v, .function = f, .function_id = id};
  for (; at.node_id < f->n_nodes; at.node_id++) ALB_TRY(check_node(&at, extents));
  if (f->n_outputs == 0) return ALB_BAD(diag, "function \"%.128s\" has no output", f->name);
  for (size_t i = 0; i < f->n_outputs; i++) {
    if (f->outputs[i] >= f->n_inputs + f->n_nodes) {
      return ALB_BAD(diag, "function \"%.128s\": output %" PRIu32 " is no value", f->name, f->outputs[i]);
    }
  }
  return ALB_OK;
}

alb_status alb_validate_graph(alb_diag *diag, const alb_validation *v) {
  const Alb__Manifest *m = v->manifest;
  extent extents[ALB_MAX_FUNCTIONS] = {0};
  char *names[ALB_MAX_FUNCTIONS];
  if (m->n_functions > ALB_MAX_FUNCTIONS) return alb_fail(diag, ALB_LIMIT, "manifest: %zu functions", m->n_functions);
  for (size_t i = 0; i < m->n_functions; i++) names[i] = m->functions[i]->name;
  ALB_TRY(check_names(diag, "function", names, m->n_functions));
  for (size_t i = 0; i < m->n_functions; i++) ALB_TRY(check_function(diag, v, i, extents));
  return ALB_OK;
}
