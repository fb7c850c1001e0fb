/* The graph: functions of single-output nodes in SSA order, parameter sets, and calls that bind
 * a set to a function's parameters. A 12-layer ALBERT is one function, twelve calls, one set.
 * docs/ir.md describes the text form and the invariants. */
#ifndef ALB_GRAPH_IR_H
#define ALB_GRAPH_IR_H

#include <stdbool.h>
#include <stdio.h>

#include "base/vocabulary.h"
#include "graph/tensors.h"

#define ALB_NONE UINT32_MAX
enum { ALB_MAX_OPERANDS = 8 };

/* dims: sizes >= 1 or ALB_DIM_TOKENS / _SEQUENCES / _ROWS. */
typedef struct alb_type {
  alb_dtype dtype;
  size_t rank;
  int64_t dims[ALB_MAX_RANK];
} alb_type;

/* A value (input or node result of the function), a tensor of the table, or a formal parameter. */
typedef struct alb_operand {
  alb_operand_kind kind;
  uint32_t id;
} alb_operand;

typedef struct alb_node {
  alb_op op;
  const alb_operand *operands; /* in the graph's arena */
  size_t operand_count;
  alb_activation activation; /* linear, activation */
  alb_pooling pooling;       /* pool */
  uint32_t heads;            /* attention */
  float eps;                 /* layer_norm, add_norm, embed_norm */
  uint32_t callee, set;      /* call; else ALB_NONE */
  uint32_t layer;            /* index of the layer the node belongs to, or ALB_NONE */
} alb_node;

typedef ALB_VEC(alb_node) alb_nodes;

/* Value ids: inputs are 0 .. input_count-1, node i defines input_count + i. */
typedef struct alb_function {
  const char *name;
  const alb_type *inputs;
  size_t input_count;
  const char *const *parameters; /* names; tensors come by set */
  size_t parameter_count;
  alb_nodes nodes;
  uint32_t output; /* value id */
} alb_function;

/* tensors[i] is bound to parameter i of the callee. */
typedef struct alb_set {
  const char *name;
  const uint32_t *tensors;
  size_t count;
} alb_set;

/* Start with {0} and a tensor table (borrowed). alb_graph_free releases all but the tensors. */
typedef struct alb_graph {
  alb_arena arena;
  alb_tensors *tensors;
  ALB_VEC(alb_function) functions; /* a callee stands before its caller */
  ALB_VEC(alb_set) sets;
} alb_graph;

static inline alb_operand alb_value(uint32_t id) {
  return (alb_operand){ALB_OPERAND_VALUE, id};
}

static inline alb_operand alb_tensor_operand(uint32_t id) {
  return (alb_operand){ALB_OPERAND_TENSOR, id};
}

static inline alb_operand alb_parameter(uint32_t id) {
  return (alb_operand){ALB_OPERAND_PARAMETER, id};
}

static inline bool alb_operand_equal(alb_operand a, alb_operand b) {
  return a.kind == b.kind && a.id == b.id;
}

/* Operands and sets lie in the graph's own arena, so that whoever holds the graph may change them. */
static inline alb_operand *alb_node_operands(alb_node *node) {
  return (alb_operand *)(uintptr_t)node->operands;
}

static inline uint32_t *alb_set_tensors(alb_set *set) {
  return (uint32_t *)(uintptr_t)set->tensors;
}

/* A node with no attributes set. */
alb_node alb_node_make(alb_op op);

/* A copy of operands in the graph's arena; NULL: out of memory. */
const alb_operand *alb_graph_operands(alb_graph *graph, const alb_operand *operands, size_t count);

/* Appends a node with a copy of its operands; *value is what it defines. */
alb_status alb_function_append(alb_diag *diag, alb_graph *graph, alb_function *function, alb_node node,
                               const alb_operand *operands, size_t count, uint32_t *value);

/* Appends an empty function; its id is the count before. Types are copied. */
alb_status alb_graph_add_function(alb_diag *diag, alb_graph *graph, const char *name, const alb_type *inputs,
                                  size_t input_count, uint32_t *id);
alb_status alb_graph_add_set(alb_diag *diag, alb_graph *graph, const char *name, const uint32_t *tensors, size_t count,
                             uint32_t *id);

/* The id of the function of that name, or ALB_NONE. */
uint32_t alb_graph_find(const alb_graph *graph, const char *name);

/* The node that defines a value, or NULL for an input or anything else. */
const alb_node *alb_definition(const alb_function *function, alb_operand operand);
/* How often a value is used in the function, its output counted. */
size_t alb_use_count(const alb_function *function, uint32_t value);
/* Makes every use of value `from` a use of `to`. */
void alb_replace_uses(alb_graph *graph, alb_function *function, uint32_t from, uint32_t to);
/* Makes room for `count` nodes before node `at`, for the caller to fill: values from there on get other numbers. */
alb_status alb_function_insert(alb_diag *diag, alb_function *function, size_t at, size_t count);
/* Removes nodes nobody uses; returns how many. Ids are renumbered, order is kept. */
size_t alb_remove_dead(alb_graph *graph, alb_function *function);

void alb_graph_free(alb_graph *graph);

/* The result type of a node whose operand types are given; the callee's result type for a call.
 * Errors name the operator and what was expected. (shape.c) */
alb_status alb_infer_type(alb_diag *diag, const alb_graph *graph, const alb_node *node, const alb_type *operands,
                          alb_type *result);
/* Types of all values of a function, in `types` (input_count + nodes.count of them). Parameter
 * types are those of the first set that is bound to the function. */
alb_status alb_function_types(alb_diag *diag, const alb_graph *graph, uint32_t function, alb_type *types);
/* The type of a tensor of the table. */
alb_type alb_tensor_type(const alb_tensors *tensors, uint32_t id);
bool alb_type_equal(const alb_type *a, const alb_type *b);

/* All invariants of docs/ir.md; the first one broken is named (ALB_INTERNAL). (verify.c) */
alb_status alb_graph_verify(alb_diag *diag, const alb_graph *graph);

/* Text form. Printing never fails but for output errors, which the caller finds at the stream. */
void alb_graph_print(const alb_graph *graph, FILE *out);
/* Parses a text into an empty graph with an empty tensor table; source blobs get no bytes.
 * Errors name line and column. (ir_parse.c) */
alb_status alb_graph_parse(alb_diag *diag, alb_str text, alb_graph *graph);

#endif
