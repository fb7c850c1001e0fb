/* split-qkv: multiply with query, key and value weights one by one: fuse-qkv undone, for files whose readers
 * know three products.
 *
 *   %1 = linear %0 $qkv $qkvb                  %1 = linear %0 $q $qb          (rows of the stack)
 *   %2 = attention %1 heads=h         -->      %2 = linear %0 $k $kb
 *                                              %3 = linear %0 $v $vb
 *                                              %4 = attention %1 %2 %3 heads=h
 *
 * In every function, where the linear has no activation and no other user. Sets of a function that has
 * been split are made anew, each once. Keeps all values. */
#include "graph/row_slice.h"
#include "passes/pass.h"

enum { PARTS = 3 };

static const char *const part_names[PARTS] = {"query", "key", "value"};

/* What is split: the linear of a function, and the sets that are bound to it, old and new. */
typedef struct splitter {
  alb_diag *diag;
  alb_graph *graph;
  uint32_t function;
  uint32_t *new_sets; /* by old set; ALB_NONE: not made yet */
  alb_arena scratch;
} splitter;

static alb_function *function_of(const splitter *s) {
  return &s->graph->functions.items[s->function];
}

/* The linear before the node, when both are to be split; else NULL. */
static const alb_node *stacked_linear(const alb_function *function, const alb_node *node) {
  if (node->op != ALB_OP_ATTENTION || node->operand_count != 1) return NULL;
  const alb_node *linear = alb_definition(function, node->operands[0]);
  if (!linear || linear->op != ALB_OP_LINEAR || linear->activation) return NULL;
  return alb_use_count(function, node->operands[0].id) == 1 ? linear : NULL;
}

/* "attention.qkv.weight" -> "attention.key.weight" */
static const char *part_name(alb_arena *arena, alb_str stacked, size_t part) {
  static const char word[] = "qkv";
  const char *at = memmem(stacked.p, stacked.n, word, sizeof word - 1);
  if (!at) return alb_arena_printf(arena, "%.*s.%s", (int)stacked.n, stacked.p, part_names[part]);
  const char *rest = at + sizeof word - 1;
  return alb_arena_printf(arena, "%.*s%s%.*s", (int)(at - stacked.p), stacked.p, part_names[part],
                          (int)(stacked.p + stacked.n - rest), rest);
}

static alb_status split_tensor(splitter *s, uint32_t tensor, uint32_t parts[PARTS]) {
  alb_tensors *tensors = s->graph->tensors;
  const alb_tensor stacked = tensors->tensors.items[tensor];
  const uint64_t rows = stacked.dims[0] / PARTS;
  for (size_t i = 0; i < PARTS; i++) {
    const char *name = part_name(&s->scratch, stacked.name, i);
    if (!name) return alb_fail_memory(s->diag, stacked.name.n, "a name");
    ALB_TRY(alb_tensors_slice(s->diag, tensors, alb_str_of(name), tensor, i * rows, rows, &parts[i]));
  }
  return ALB_OK;
}

/* A set with the parameter's tensor split: the first part in its place, the others at the end. */
static alb_status split_set(splitter *s, uint32_t old, uint32_t parameter, uint32_t *out) {
  const alb_set set = s->graph->sets.items[old];
  uint32_t parts[PARTS], *tensors = ALB_NEW_ARRAY(&s->scratch, uint32_t, set.count + PARTS - 1);
  if (!tensors) return alb_fail_memory(s->diag, set.count * sizeof *tensors, "a parameter set");
  ALB_TRY(split_tensor(s, set.tensors[parameter], parts));
  memcpy(tensors, set.tensors, set.count * sizeof *tensors);
  tensors[parameter] = parts[0];
  for (size_t i = 1; i < PARTS; i++) tensors[set.count + i - 1] = parts[i];
  return alb_graph_add_set(s->diag, s->graph, set.name, tensors, set.count + PARTS - 1, out);
}

static alb_status split_bound_sets(splitter *s, uint32_t parameter) {
  const size_t count = s->graph->sets.count;
  s->new_sets = ALB_NEW_ARRAY(&s->scratch, uint32_t, count);
  if (!s->new_sets) return alb_fail_memory(s->diag, count * sizeof *s->new_sets, "parameter sets");
  memset(s->new_sets, 0xff, count * sizeof *s->new_sets);
  for (size_t f = 0; f < s->graph->functions.count; f++) {
    alb_nodes *nodes = &s->graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      alb_node *node = &nodes->items[i];
      if (node->op != ALB_OP_CALL || node->callee != s->function) continue;
      uint32_t *made = &s->new_sets[node->set];
      if (*made == ALB_NONE) ALB_TRY(split_set(s, node->set, parameter, made));
      node->set = *made;
    }
  }
  return ALB_OK;
}

static alb_status split_parameter(splitter *s, uint32_t parameter, alb_operand parts[PARTS]) {
  alb_function *function = function_of(s);
  const size_t count = function->parameter_count;
  const char **names = ALB_NEW_ARRAY(&s->graph->arena, const char *, count + PARTS - 1);
  if (!names) return alb_fail_memory(s->diag, count * sizeof *names, "parameters");
  memcpy(names, function->parameters, count * sizeof *names);
  for (size_t i = 0; i < PARTS; i++) {
    const uint32_t at = i ? (uint32_t)(count + i - 1) : parameter;
    names[at] = part_name(&s->graph->arena, alb_str_of(function->parameters[parameter]), i);
    if (!names[at]) return alb_fail_memory(s->diag, 1, "a name");
    parts[i] = alb_parameter(at);
  }
  ALB_TRY(split_bound_sets(s, parameter));
  function->parameters = names;
  function->parameter_count = count + PARTS - 1;
  return ALB_OK;
}

static alb_status split_operand(splitter *s, alb_operand stacked, alb_operand parts[PARTS]) {
  if (stacked.kind == ALB_OPERAND_PARAMETER) return split_parameter(s, stacked.id, parts);
  uint32_t tensors[PARTS];
  ALB_TRY(split_tensor(s, stacked.id, tensors));
  for (size_t i = 0; i < PARTS; i++) parts[i] = alb_tensor_operand(tensors[i]);
  return ALB_OK;
}

static alb_status split_at(splitter *s, size_t linear, size_t attention) {
  const alb_node stacked = function_of(s)->nodes.items[linear];
  alb_operand in[PARTS][3], parts[PARTS], values[PARTS];
  for (size_t k = 1; k < stacked.operand_count; k++) {
    ALB_TRY(split_operand(s, stacked.operands[k], parts));
    for (size_t i = 0; i < PARTS; i++) in[i][k] = parts[i];
  }
  ALB_TRY(alb_function_insert(s->diag, function_of(s), linear + 1, PARTS - 1));
  alb_function *function = function_of(s);
  for (size_t i = 0; i < PARTS; i++) {
    alb_node *node = &function->nodes.items[linear + i];
    *node = stacked;
    in[i][0] = stacked.operands[0];
    node->operands = alb_graph_operands(s->graph, in[i], stacked.operand_count);
    values[i] = alb_value((uint32_t)(function->input_count + linear + i));
    if (!node->operands) return alb_fail_memory(s->diag, sizeof in, "operands");
  }
  alb_node *node = &function->nodes.items[attention + PARTS - 1];
  node->operands = alb_graph_operands(s->graph, values, PARTS);
  node->operand_count = PARTS;
  return node->operands ? ALB_OK : alb_fail_memory(s->diag, sizeof values, "operands");
}

alb_status alb_pass_split_qkv(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  splitter s = {.diag = diag, .graph = graph};
  alb_status status = ALB_OK;
  for (; status == ALB_OK && s.function < graph->functions.count; s.function++) {
    for (size_t i = 0; status == ALB_OK && i < function_of(&s)->nodes.count; i++) {
      const alb_function *function = function_of(&s);
      const alb_node *linear = stacked_linear(function, &function->nodes.items[i]);
      if (!linear) continue;
      status = split_at(&s, (size_t)(linear - function->nodes.items), i);
      ++*changes;
    }
  }
  alb_arena_free(&s.scratch);
  return status;
}
