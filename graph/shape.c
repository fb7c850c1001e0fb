/* Result types of nodes: one rule an operator, in a table. */
#include <string.h>

#include "graph/ir.h"

bool alb_type_equal(const alb_type *a, const alb_type *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (size_t i = 0; i < a->rank; i++) {
    if (a->dims[i] != b->dims[i]) return false;
  }
  return true;
}

alb_type alb_tensor_type(const alb_tensors *tensors, uint32_t id) {
  const alb_tensor *tensor = &tensors->tensors.items[id];
  alb_type type = {.dtype = tensor->dtype, .rank = tensor->rank};
  for (size_t i = 0; i < tensor->rank; i++) type.dims[i] = (int64_t)tensor->dims[i];
  return type;
}

static alb_status expect(alb_diag *diag, const alb_node *node, bool holds, const char *what) {
  return holds ? ALB_OK : alb_fail(diag, ALB_INTERNAL, "%s: %s", alb_op_name(node->op), what);
}

/* f32 values with rows (a symbolic count) of `width` elements. */
static bool is_rows(const alb_type *t) {
  return t->dtype == ALB_F32 && t->rank == 2 && t->dims[0] < 0 && t->dims[1] > 0;
}

static bool is_indices(const alb_type *t) {
  return t->dtype == ALB_I32 && t->rank == 1 && t->dims[0] < 0;
}

/* Weights may be of any stored type: they are widened where they are used. */
static bool is_weight(const alb_type *t, size_t rank, int64_t last) {
  return t->dtype != ALB_I32 && t->rank == rank && t->dims[0] > 0 && t->dims[rank - 1] == last;
}

static alb_type rows_of(int64_t rows, int64_t width) {
  return (alb_type){.dtype = ALB_F32, .rank = 2, .dims = {rows, width}};
}

static alb_status infer_embedding(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(expect(diag, node, is_indices(&in[0]), "operand 0 must be indices"));
  ALB_TRY(expect(diag, node, in[1].rank == 2 && in[1].dims[1] > 0, "operand 1 must be a table"));
  *out = rows_of(in[0].dims[0], in[1].dims[1]);
  return ALB_OK;
}

static alb_status infer_add(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(expect(diag, node, is_rows(&in[0]) && alb_type_equal(&in[0], &in[1]), "operands must be equal rows"));
  *out = in[0];
  return ALB_OK;
}

static alb_status infer_linear(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(expect(diag, node, is_rows(&in[0]), "operand 0 must be rows"));
  ALB_TRY(expect(diag, node, is_weight(&in[1], 2, in[0].dims[1]), "weight must be [out, width of the rows]"));
  if (node->operand_count == 3) {
    ALB_TRY(expect(diag, node, is_weight(&in[2], 1, in[1].dims[0]), "bias must be [out]"));
  }
  *out = rows_of(in[0].dims[0], in[1].dims[0]);
  return ALB_OK;
}

static alb_status expect_norm(alb_diag *diag, const alb_node *node, const alb_type *in, int64_t width) {
  ALB_TRY(expect(diag, node, is_weight(&in[0], 1, width), "gamma must be [width]"));
  ALB_TRY(expect(diag, node, is_weight(&in[1], 1, width), "beta must be [width]"));
  return expect(diag, node, node->eps >= 0, "eps must not be negative");
}

static alb_status infer_layer_norm(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(expect(diag, node, is_rows(&in[0]), "operand 0 must be rows"));
  *out = in[0];
  return expect_norm(diag, node, in + 1, in[0].dims[1]);
}

static alb_status infer_same(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  *out = in[0];
  return expect(diag, node, is_rows(&in[0]), "operand 0 must be rows");
}

static alb_status infer_attention(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  const bool merged = node->operand_count == 1;
  const int64_t width = merged ? in[0].dims[1] / 3 : in[0].dims[1];
  ALB_TRY(expect(diag, node, node->operand_count != 2, "takes qkv, or q, k and v"));
  ALB_TRY(expect(diag, node, is_rows(&in[0]) && in[0].dims[0] == ALB_DIM_TOKENS, "operands must be token rows"));
  ALB_TRY(expect(diag, node, !merged || in[0].dims[1] % 3 == 0, "qkv must be three equal parts"));
  ALB_TRY(expect(diag, node, merged || (alb_type_equal(&in[0], &in[1]) && alb_type_equal(&in[0], &in[2])),
                 "q, k and v must be equal rows"));
  ALB_TRY(expect(diag, node, node->heads > 0 && width % node->heads == 0, "heads must divide the width"));
  *out = rows_of(ALB_DIM_TOKENS, width);
  return ALB_OK;
}

static alb_status infer_pool(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(expect(diag, node, is_rows(&in[0]) && in[0].dims[0] == ALB_DIM_TOKENS, "operand 0 must be token rows"));
  ALB_TRY(expect(diag, node, node->pooling != ALB_POOL_NONE && node->pooling < ALB_POOL_COUNT, "unknown pooling"));
  *out = rows_of(ALB_DIM_SEQUENCES, in[0].dims[1]);
  return ALB_OK;
}

static alb_status infer_add_norm(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  ALB_TRY(infer_add(diag, node, in, out));
  return expect_norm(diag, node, in + 2, out->dims[1]);
}

static alb_status infer_embed_norm(alb_diag *diag, const alb_node *node, const alb_type *in, alb_type *out) {
  for (int i = 0; i < 3; i++) {
    ALB_TRY(expect(diag, node, is_indices(&in[i]), "operands 0 to 2 must be indices"));
    ALB_TRY(expect(diag, node, is_weight(&in[3 + i], 2, in[3].dims[1]), "operands 3 to 5 must be equally wide tables"));
  }
  *out = rows_of(in[0].dims[0], in[3].dims[1]);
  return expect_norm(diag, node, in + 6, out->dims[1]);
}

typedef alb_status (*infer_fn)(alb_diag *, const alb_node *, const alb_type *, alb_type *);

static const infer_fn rules[ALB_OP_COUNT] = {
    [ALB_OP_EMBEDDING] = infer_embedding, [ALB_OP_ADD] = infer_add,
    [ALB_OP_LINEAR] = infer_linear,       [ALB_OP_LAYER_NORM] = infer_layer_norm,
    [ALB_OP_ACTIVATION] = infer_same,     [ALB_OP_ATTENTION] = infer_attention,
    [ALB_OP_POOL] = infer_pool,           [ALB_OP_NORMALIZE] = infer_same,
    [ALB_OP_ADD_NORM] = infer_add_norm,   [ALB_OP_EMBED_NORM] = infer_embed_norm,
};

/* A call gives what its callee gives; callees stand before callers, so the depth is bounded by the
 * number of functions, and the verifier allows calls only from a function that nobody calls. */
static alb_status infer_call(alb_diag *diag, const alb_graph *graph, const alb_node *node, const alb_type *in,
                             alb_type *out) {
  const alb_function *callee = &graph->functions.items[node->callee];
  ALB_TRY(expect(diag, node, node->operand_count == callee->input_count, "wrong number of arguments"));
  for (size_t i = 0; i < callee->input_count; i++) {
    ALB_TRY(expect(diag, node, alb_type_equal(&in[i], &callee->inputs[i]), "argument of the wrong type"));
  }
  const size_t values = callee->input_count + callee->nodes.count;
  alb_arena scratch = {0};
  alb_type *types = ALB_NEW_ARRAY(&scratch, alb_type, values);
  alb_status status = types ? alb_function_types(diag, graph, node->callee, types)
                            : alb_fail_memory(diag, values * sizeof *types, "types");
  if (status == ALB_OK) *out = types[callee->output];
  alb_arena_free(&scratch);
  return status;
}

alb_status alb_infer_type(alb_diag *diag, const alb_graph *graph, const alb_node *node, const alb_type *operands,
                          alb_type *result) {
  size_t fewest, most;
  if (!alb_op_arity(node->op, &fewest, &most))
    return alb_fail(diag, ALB_INTERNAL, "unknown operator %d", (int)node->op);
  ALB_TRY(expect(diag, node, node->operand_count >= fewest && node->operand_count <= most, "wrong number of operands"));
  if (node->op == ALB_OP_CALL) return infer_call(diag, graph, node, operands, result);
  return rules[node->op](diag, node, operands, result);
}

/* The first set that some call binds to the function, or NULL. */
static const alb_set *bound_set(const alb_graph *graph, uint32_t function) {
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      if (nodes->items[i].op == ALB_OP_CALL && nodes->items[i].callee == function) {
        return &graph->sets.items[nodes->items[i].set];
      }
    }
  }
  return NULL;
}

static alb_status operand_type(alb_diag *diag, const alb_graph *graph, const alb_set *set, const alb_type *types,
                               alb_operand operand, alb_type *out) {
  switch (operand.kind) {
    case ALB_OPERAND_VALUE:
      *out = types[operand.id];
      return ALB_OK;
    case ALB_OPERAND_TENSOR:
      *out = alb_tensor_type(graph->tensors, operand.id);
      return ALB_OK;
    case ALB_OPERAND_PARAMETER:
      if (!set) return alb_fail(diag, ALB_INTERNAL, "a function with parameters is never called");
      *out = alb_tensor_type(graph->tensors, set->tensors[operand.id]);
      return ALB_OK;
    case ALB_OPERAND_NONE:
      break;
  }
  return alb_fail(diag, ALB_INTERNAL, "operand of no kind");
}

alb_status alb_function_types(alb_diag *diag, const alb_graph *graph, uint32_t function, alb_type *types) {
  const alb_function *f = &graph->functions.items[function];
  const alb_set *set = bound_set(graph, function);
  memcpy(types, f->inputs, f->input_count * sizeof *types);
  for (size_t i = 0; i < f->nodes.count; i++) {
    const alb_node *node = &f->nodes.items[i];
    alb_type in[ALB_MAX_OPERANDS];
    if (node->operand_count > ALB_MAX_OPERANDS) return alb_fail(diag, ALB_INTERNAL, "too many operands");
    for (size_t k = 0; k < node->operand_count; k++) {
      ALB_TRY(operand_type(diag, graph, set, types, node->operands[k], &in[k]));
    }
    ALB_TRY(alb_infer_type(diag, graph, node, in, &types[f->input_count + i]));
  }
  return ALB_OK;
}
