/* The manifest message of a package: graph, tensors and settings as protobuf-c structs. */
#include "converter/manifest.h"

typedef struct builder {
  alb_diag *diag;
  alb_arena *arena;
  const alb_package *package;
  const alb_numbers *numbers;
} builder;

/* Protobuf-c does not write what it is given to pack, but its pointers are not const. */
#define TEXT(text) ((char *)(uintptr_t)(text))

static alb_status no_memory(const builder *b) {
  return alb_fail_memory(b->diag, 0, "the manifest");
}

/* A new message of the type, in the arena, as its init function leaves it. */
#define NEW_MESSAGE(b, Type, init, out) \
  do {                                  \
    *(out) = ALB_NEW((b)->arena, Type); \
    if (!*(out)) return no_memory(b);   \
    init(*(out));                       \
  } while (0)

static alb_status build_config(const builder *b, Alb__Config **out) {
  const alb_encoder_config *c = b->package->config;
  NEW_MESSAGE(b, Alb__Config, alb__config__init, out);
  Alb__Config *m = *out;
  m->architecture = TEXT(c->architecture);
  m->task = TEXT(b->package->task);
  m->layers = c->layers;
  m->hidden = c->hidden;
  m->embedding = c->embedding;
  m->heads = c->heads;
  m->intermediate = c->intermediate;
  m->vocab = c->vocab;
  m->max_positions = c->max_positions;
  m->type_vocab = c->type_vocab;
  m->position_offset = c->position_offset;
  m->activation = TEXT(alb_activation_name(c->activation));
  m->layer_norm_eps = c->layer_norm_eps;
  m->dtype = TEXT(b->package->dtype);
  m->share = TEXT(b->package->share);
  m->pad_id = c->pad_id;
  if (alb_graph_find(b->package->graph, ALB_FN_CLASSIFY) == ALB_NONE) return ALB_OK;
  m->class_score = TEXT(b->package->class_score);
  m->rank_score = TEXT(b->package->rank_score);
  return ALB_OK;
}

/* The base as the tensor's elements, and its factors. */
static void build_residual(const builder *b, uint32_t blob, Alb__Tensor *out) {
  const alb_tensors *tensors = b->package->graph->tensors;
  const alb_residual parts = alb_blob_residual(tensors, blob);
  out->dtype = tensors->blobs.items[parts.base].dtype;
  out->blob = b->numbers->blob[parts.base];
  out->scale_blob = parts.base_scale == ALB_NO_BLOB ? 0 : b->numbers->blob[parts.base_scale] + 1;
  out->left_blob = b->numbers->blob[parts.left] + 1;
  out->right_blob = b->numbers->blob[parts.right] + 1;
}

static alb_status build_tensor(const builder *b, uint32_t id, Alb__Tensor **out) {
  const alb_tensor *t = &b->package->graph->tensors->tensors.items[id];
  NEW_MESSAGE(b, Alb__Tensor, alb__tensor__init, out);
  (*out)->name = alb_arena_strdup(b->arena, t->name);
  (*out)->dtype = t->dtype;
  (*out)->n_dims = t->rank;
  (*out)->dims = ALB_NEW_ARRAY(b->arena, uint64_t, t->rank);
  if (!(*out)->name || !(*out)->dims) return no_memory(b);
  memcpy((*out)->dims, t->dims, t->rank * sizeof *t->dims);
  if (alb_blob_is_residual(b->package->graph->tensors, t->blob)) {
    build_residual(b, t->blob, *out);
    return ALB_OK;
  }
  (*out)->blob = b->numbers->blob[t->blob];
  (*out)->scale_blob = t->scale_blob == ALB_NO_BLOB ? 0 : b->numbers->blob[t->scale_blob] + 1;
  return ALB_OK;
}

static alb_status build_tensors(const builder *b, Alb__Manifest *m) {
  m->n_tensors = b->numbers->tensor_count;
  m->tensors = ALB_NEW_ARRAY(b->arena, Alb__Tensor *, m->n_tensors);
  if (!m->tensors) return no_memory(b);
  for (size_t i = 0; i < m->n_tensors; i++) ALB_TRY(build_tensor(b, b->numbers->tensors[i], &m->tensors[i]));
  return ALB_OK;
}

static alb_status build_set(const builder *b, const alb_set *set, Alb__ParameterSet **out) {
  NEW_MESSAGE(b, Alb__ParameterSet, alb__parameter_set__init, out);
  (*out)->name = TEXT(set->name);
  (*out)->n_tensors = set->count;
  (*out)->tensors = ALB_NEW_ARRAY(b->arena, uint32_t, set->count);
  if (!(*out)->tensors) return no_memory(b);
  for (size_t i = 0; i < set->count; i++) (*out)->tensors[i] = b->numbers->tensor[set->tensors[i]];
  return ALB_OK;
}

static alb_status build_sets(const builder *b, Alb__Manifest *m) {
  m->n_sets = b->package->graph->sets.count;
  m->sets = ALB_NEW_ARRAY(b->arena, Alb__ParameterSet *, m->n_sets);
  if (!m->sets) return no_memory(b);
  for (size_t i = 0; i < m->n_sets; i++) ALB_TRY(build_set(b, &b->package->graph->sets.items[i], &m->sets[i]));
  return ALB_OK;
}

static uint32_t operand_code(const builder *b, alb_operand operand) {
  const uint32_t id = operand.kind == ALB_OPERAND_TENSOR ? b->numbers->tensor[operand.id] : operand.id;
  return id * 4 + (uint32_t)operand.kind;
}

static alb_status build_node(const builder *b, const alb_node *node, Alb__Node **out) {
  NEW_MESSAGE(b, Alb__Node, alb__node__init, out);
  Alb__Node *m = *out;
  m->op = (uint32_t)node->op;
  m->n_operands = node->operand_count;
  m->operands = ALB_NEW_ARRAY(b->arena, uint32_t, node->operand_count);
  if (!m->operands) return no_memory(b);
  for (size_t k = 0; k < node->operand_count; k++) m->operands[k] = operand_code(b, node->operands[k]);
  m->callee = node->op == ALB_OP_CALL ? node->callee : 0;
  m->set = node->op == ALB_OP_CALL ? node->set : 0;
  m->activation = (uint32_t)node->activation;
  m->pooling = (uint32_t)node->pooling;
  m->heads = node->heads;
  m->eps = node->eps;
  m->layer = node->layer == ALB_NONE ? 0 : node->layer + 1;
  return ALB_OK;
}

static alb_status build_inputs(const builder *b, const alb_function *function, Alb__Function *m) {
  m->n_inputs = function->input_count;
  m->inputs = ALB_NEW_ARRAY(b->arena, Alb__Type *, m->n_inputs);
  if (!m->inputs) return no_memory(b);
  for (size_t i = 0; i < m->n_inputs; i++) {
    const alb_type *type = &function->inputs[i];
    NEW_MESSAGE(b, Alb__Type, alb__type__init, &m->inputs[i]);
    m->inputs[i]->dtype = type->dtype;
    m->inputs[i]->n_dims = type->rank;
    m->inputs[i]->dims = ALB_NEW_ARRAY(b->arena, int64_t, type->rank);
    if (!m->inputs[i]->dims) return no_memory(b);
    memcpy(m->inputs[i]->dims, type->dims, type->rank * sizeof *type->dims);
  }
  return ALB_OK;
}

static alb_status build_function(const builder *b, const alb_function *function, Alb__Function **out) {
  NEW_MESSAGE(b, Alb__Function, alb__function__init, out);
  Alb__Function *m = *out;
  m->name = TEXT(function->name);
  m->n_parameters = function->parameter_count;
  m->parameters = (char **)(uintptr_t)function->parameters;
  ALB_TRY(build_inputs(b, function, m));
  m->n_nodes = function->nodes.count;
  m->nodes = ALB_NEW_ARRAY(b->arena, Alb__Node *, m->n_nodes);
  m->outputs = ALB_NEW(b->arena, uint32_t);
  if (!m->nodes || !m->outputs) return no_memory(b);
  for (size_t i = 0; i < m->n_nodes; i++) ALB_TRY(build_node(b, &function->nodes.items[i], &m->nodes[i]));
  m->n_outputs = 1;
  m->outputs[0] = function->output;
  return ALB_OK;
}

static alb_status build_functions(const builder *b, Alb__Manifest *m) {
  m->n_functions = b->package->graph->functions.count;
  m->functions = ALB_NEW_ARRAY(b->arena, Alb__Function *, m->n_functions);
  if (!m->functions) return no_memory(b);
  for (size_t i = 0; i < m->n_functions; i++) {
    ALB_TRY(build_function(b, &b->package->graph->functions.items[i], &m->functions[i]));
  }
  return ALB_OK;
}

alb_status alb_manifest_build(alb_diag *diag, alb_arena *arena, const alb_package *package, const alb_numbers *numbers,
                              Alb__Manifest **out) {
  const builder b = {diag, arena, package, numbers};
  NEW_MESSAGE(&b, Alb__Manifest, alb__manifest__init, out);
  Alb__Manifest *m = *out;
  ALB_TRY(build_config(&b, &m->config));
  ALB_TRY(build_tensors(&b, m));
  ALB_TRY(build_sets(&b, m));
  ALB_TRY(build_functions(&b, m));
  m->tokenizer = package->tokenizer;
  m->labels = package->labels;
  m->n_labels = package->label_count;
  m->embedding = package->embedding;
  m->provenance = package->provenance;
  m->golden = package->golden;
  m->n_golden = package->golden_count;
  return ALB_OK;
}
