/* From a graph back to roles. The graph is read backwards from each function's output; every step says what must
 * stand there, so that a graph that computes something else is refused and not misread. */
#include "graph/encoder_roles.h"

#include "graph/build_encoder.h"
#include "graph/row_slice.h"

/* Where the matcher is: a function and the set that is bound to it. */
typedef struct matcher {
  alb_diag *diag;
  alb_arena *arena;
  const alb_graph *graph;
  const alb_function *function;
  const alb_set *set; /* NULL: not called */
  alb_model_spec *spec;
  uint32_t layer; /* ALB_NONE outside of layers */
} matcher;

static alb_status refuse(const matcher *m, const char *expected) {
  if (m->layer == ALB_NONE) {
    return alb_fail(m->diag, ALB_UNSUPPORTED, "function %s is not a BERT encoder's: no %s where one must be",
                    m->function->name, expected);
  }
  return alb_fail(m->diag, ALB_UNSUPPORTED, "layer %u is not a BERT encoder's: no %s where one must be", m->layer,
                  expected);
}

/* The node of that operator which defines the value, or NULL. */
static const alb_node *node_of(const matcher *m, alb_operand value, alb_op op) {
  const alb_node *node = alb_definition(m->function, value);
  return node && node->op == op ? node : NULL;
}

/* ---- tensors ---- */

static uint32_t *slot(const matcher *m, alb_role role) {
  const bool layered = alb_role_info(role)->scope == ALB_SCOPE_LAYER;
  return layered ? &m->spec->layer[m->layer][role] : &m->spec->global[role];
}

static alb_status tensor_of(const matcher *m, alb_operand operand, uint32_t *tensor) {
  const bool bound = operand.kind == ALB_OPERAND_PARAMETER && m->set && operand.id < m->set->count;
  if (operand.kind != ALB_OPERAND_TENSOR && !bound) return refuse(m, "tensor");
  *tensor = bound ? m->set->tensors[operand.id] : operand.id;
  return ALB_OK;
}

/* Gives a tensor its role when it has the role's shape. */
static alb_status fill(const matcher *m, alb_role role, uint32_t tensor) {
  const alb_tensor *t = &m->graph->tensors->tensors.items[tensor];
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&m->spec->config, role, dims);
  if (t->rank != rank || memcmp(t->dims, dims, rank * sizeof *dims) != 0) {
    return alb_fail(m->diag, ALB_SHAPE, "tensor \"%.*s\" has not the shape of %s", ALB_STR_ARGS(t->name),
                    alb_role_info(role)->name);
  }
  *slot(m, role) = tensor;
  return ALB_OK;
}

static alb_status take(const matcher *m, alb_role role, alb_operand operand) {
  uint32_t tensor = ALB_NO_TENSOR;
  ALB_TRY(tensor_of(m, operand, &tensor));
  return fill(m, role, tensor);
}

/* ---- steps, each from a value to what it is made of ---- */

static alb_status take_linear(const matcher *m, const alb_node *node, alb_role weight, alb_role bias) {
  ALB_TRY(take(m, weight, node->operands[1]));
  return node->operand_count > 2 ? take(m, bias, node->operands[2]) : ALB_OK;
}

/* linear, with this activation inside of it or behind it (NONE: without one). */
static alb_status match_linear(const matcher *m, alb_operand *x, alb_activation activation, alb_role weight,
                               alb_role bias) {
  const alb_node *outer = activation ? node_of(m, *x, ALB_OP_ACTIVATION) : NULL;
  const alb_node *node = node_of(m, outer ? outer->operands[0] : *x, ALB_OP_LINEAR);
  if (!node) return refuse(m, "linear");
  const bool plain = outer && outer->activation == activation && node->activation == ALB_ACT_NONE;
  if (outer ? !plain : node->activation != activation)
    return refuse(m, "linear with the activation of the configuration");
  ALB_TRY(take_linear(m, node, weight, bias));
  *x = node->operands[0];
  return ALB_OK;
}

/* layer_norm, of a sum when `residual` is given: add_norm, or add and layer_norm. *x becomes the sum's branch. */
static alb_status match_norm(const matcher *m, alb_operand *x, alb_operand *residual, alb_role gamma, alb_role beta) {
  const alb_node *norm = node_of(m, *x, residual ? ALB_OP_ADD_NORM : ALB_OP_LAYER_NORM), *sum = norm;
  if (!norm && residual) {
    norm = node_of(m, *x, ALB_OP_LAYER_NORM);
    sum = norm ? node_of(m, norm->operands[0], ALB_OP_ADD) : NULL;
  }
  if (!norm || !sum) return refuse(m, "layer norm");
  if (norm->eps != m->spec->config.layer_norm_eps) return refuse(m, "layer norm with the epsilon of the configuration");
  ALB_TRY(take(m, gamma, norm->operands[norm->operand_count - 2]));
  ALB_TRY(take(m, beta, norm->operands[norm->operand_count - 1]));
  *x = sum->operands[0];
  if (residual) *residual = sum->operands[1];
  return ALB_OK;
}

/* ---- the attention block ---- */

static const alb_role qkv_weights[] = {ALB_ROLE_QUERY_W, ALB_ROLE_KEY_W, ALB_ROLE_VALUE_W};
static const alb_role qkv_biases[] = {ALB_ROLE_QUERY_B, ALB_ROLE_KEY_B, ALB_ROLE_VALUE_B};

/* The three parts of a stacked weight or bias. */
static alb_status split(const matcher *m, alb_operand operand, const alb_role roles[3]) {
  const uint32_t hidden = m->spec->config.hidden;
  uint32_t stacked = ALB_NO_TENSOR, part;
  ALB_TRY(tensor_of(m, operand, &stacked));
  if (m->graph->tensors->tensors.items[stacked].dims[0] != 3ull * hidden) return refuse(m, "stack of three weights");
  for (size_t i = 0; i < 3; i++) {
    const char *name = alb_arena_printf(m->arena, "layer.%u.%s", m->layer, alb_role_info(roles[i])->name);
    if (!name) return alb_fail_memory(m->diag, 1, "a name");
    ALB_TRY(alb_tensors_slice(m->diag, m->graph->tensors, alb_str_of(name), stacked, i * hidden, hidden, &part));
    ALB_TRY(fill(m, roles[i], part));
  }
  return ALB_OK;
}

static alb_status match_stacked(const matcher *m, alb_operand *x) {
  const alb_node *node = node_of(m, *x, ALB_OP_LINEAR);
  if (!node || node->activation) return refuse(m, "linear before the attention");
  ALB_TRY(split(m, node->operands[1], qkv_weights));
  if (node->operand_count > 2) ALB_TRY(split(m, node->operands[2], qkv_biases));
  *x = node->operands[0];
  return ALB_OK;
}

static alb_status match_attention(const matcher *m, alb_operand *x) {
  const alb_node *node = node_of(m, *x, ALB_OP_ATTENTION);
  if (!node || node->heads != m->spec->config.heads) return refuse(m, "attention with the heads of the configuration");
  *x = node->operands[0];
  if (node->operand_count == 1) return match_stacked(m, x);
  for (size_t i = 0; i < 3; i++) {
    alb_operand input = node->operands[i];
    ALB_TRY(match_linear(m, &input, ALB_ACT_NONE, qkv_weights[i], qkv_biases[i]));
    if (i && !alb_operand_equal(*x, input)) return refuse(m, "common input of query, key and value");
    *x = input;
  }
  return ALB_OK;
}

/* ---- a layer ---- */

/* From a layer's output to its input. */
static alb_status match_body(const matcher *m, alb_operand *x) {
  alb_operand skipped;
  ALB_TRY(match_norm(m, x, &skipped, ALB_ROLE_FFN_GAMMA, ALB_ROLE_FFN_BETA));
  ALB_TRY(match_linear(m, x, ALB_ACT_NONE, ALB_ROLE_DOWN_W, ALB_ROLE_DOWN_B));
  ALB_TRY(match_linear(m, x, m->spec->config.activation, ALB_ROLE_UP_W, ALB_ROLE_UP_B));
  if (!alb_operand_equal(*x, skipped)) return refuse(m, "residual of the FFN block");
  ALB_TRY(match_norm(m, x, &skipped, ALB_ROLE_ATTENTION_GAMMA, ALB_ROLE_ATTENTION_BETA));
  ALB_TRY(match_linear(m, x, ALB_ACT_NONE, ALB_ROLE_OUTPUT_W, ALB_ROLE_OUTPUT_B));
  ALB_TRY(match_attention(m, x));
  return alb_operand_equal(*x, skipped) ? ALB_OK : refuse(m, "residual of the attention block");
}

static alb_status match_layer(const matcher *m, alb_operand *x) {
  const alb_node *call = node_of(m, *x, ALB_OP_CALL);
  if (!call) return match_body(m, x);
  matcher inner = *m;
  inner.function = &m->graph->functions.items[call->callee];
  inner.set = &m->graph->sets.items[call->set];
  alb_operand inside = alb_value(inner.function->output);
  ALB_TRY(match_body(&inner, &inside));
  if (!alb_operand_equal(inside, alb_value(0)) || call->operand_count != 1) return refuse(&inner, "layer's one input");
  *x = call->operands[0];
  return ALB_OK;
}

/* ---- embeddings ---- */

static alb_status match_table(const matcher *m, alb_operand x, uint32_t input, alb_role table) {
  const alb_node *node = node_of(m, x, ALB_OP_EMBEDDING);
  if (!node || !alb_operand_equal(node->operands[0], alb_value(input))) return refuse(m, "embedding");
  return take(m, table, node->operands[1]);
}

/* layer_norm(word + type + position), step by step. */
static alb_status match_sums(const matcher *m, alb_operand x) {
  alb_operand position;
  ALB_TRY(match_norm(m, &x, &position, ALB_ROLE_EMBED_GAMMA, ALB_ROLE_EMBED_BETA));
  const alb_node *sum = node_of(m, x, ALB_OP_ADD);
  if (!sum) return refuse(m, "sum of embeddings");
  ALB_TRY(match_table(m, position, 2, ALB_ROLE_POSITION));
  ALB_TRY(match_table(m, sum->operands[0], 0, ALB_ROLE_WORD));
  return match_table(m, sum->operands[1], 1, ALB_ROLE_TYPE);
}

static alb_status match_embed_norm(const matcher *m, const alb_node *node) {
  static const alb_role roles[] = {ALB_ROLE_WORD, ALB_ROLE_TYPE, ALB_ROLE_POSITION, ALB_ROLE_EMBED_GAMMA,
                                   ALB_ROLE_EMBED_BETA};
  for (uint32_t i = 0; i < 3; i++) {
    if (!alb_operand_equal(node->operands[i], alb_value(i))) return refuse(m, "embedding of the inputs");
  }
  if (node->eps != m->spec->config.layer_norm_eps) return refuse(m, "layer norm with the epsilon of the configuration");
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) ALB_TRY(take(m, roles[i], node->operands[3 + i]));
  return ALB_OK;
}

static alb_status match_encoder(matcher *m) {
  alb_operand x = alb_value(m->function->output);
  for (uint32_t l = m->spec->config.layers; l-- > 0;) {
    m->layer = l;
    ALB_TRY(match_layer(m, &x));
  }
  m->layer = ALB_NONE;
  if (node_of(m, x, ALB_OP_LINEAR)) {
    ALB_TRY(match_linear(m, &x, ALB_ACT_NONE, ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B));
  }
  const alb_node *fused = node_of(m, x, ALB_OP_EMBED_NORM);
  return fused ? match_embed_norm(m, fused) : match_sums(m, x);
}

/* ---- heads ---- */

static alb_status match_input(const matcher *m, alb_operand x) {
  return alb_operand_equal(x, alb_value(0)) ? ALB_OK : refuse(m, "input");
}

static alb_status match_embed(matcher *m) {
  alb_operand x = alb_value(m->function->output);
  const alb_node *normalize = node_of(m, x, ALB_OP_NORMALIZE);
  const alb_node *pool = node_of(m, normalize ? normalize->operands[0] : x, ALB_OP_POOL);
  if (!pool) return refuse(m, "pooling");
  m->spec->normalize = normalize != NULL;
  m->spec->pooling = pool->pooling;
  return match_input(m, pool->operands[0]);
}

static alb_status match_pooler(matcher *m) {
  alb_operand x = alb_value(m->function->output);
  ALB_TRY(match_linear(m, &x, ALB_ACT_TANH, ALB_ROLE_POOLER_W, ALB_ROLE_POOLER_B));
  const alb_node *pool = node_of(m, x, ALB_OP_POOL);
  if (!pool || pool->pooling != ALB_POOL_CLS) return refuse(m, "first token's vector");
  return match_input(m, pool->operands[0]);
}

static alb_status match_mlm(matcher *m) {
  alb_operand x = alb_value(m->function->output);
  ALB_TRY(match_linear(m, &x, ALB_ACT_NONE, ALB_ROLE_MLM_DECODER_W, ALB_ROLE_MLM_DECODER_B));
  ALB_TRY(match_norm(m, &x, NULL, ALB_ROLE_MLM_GAMMA, ALB_ROLE_MLM_BETA));
  ALB_TRY(match_linear(m, &x, m->spec->config.activation, ALB_ROLE_MLM_DENSE_W, ALB_ROLE_MLM_DENSE_B));
  return match_input(m, x);
}

/* The functions that a graph may have, and how each is read. */
static const struct {
  const char *name;
  alb_status (*match)(matcher *m);
} readers[] = {
    {ALB_FN_ENCODER, match_encoder},
    {ALB_FN_EMBED, match_embed},
    {ALB_FN_POOLER, match_pooler},
    {ALB_FN_MLM, match_mlm},
};

/* The layer function is read where it is called. */
static alb_status match_function(matcher *m) {
  for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
    if (strcmp(readers[i].name, m->function->name) == 0) return readers[i].match(m);
  }
  if (strcmp(m->function->name, ALB_FN_LAYER) == 0) return ALB_OK;
  return alb_fail(m->diag, ALB_UNSUPPORTED, "function \"%s\" is not known as a part of an encoder", m->function->name);
}

alb_status alb_encoder_roles(alb_diag *diag, alb_arena *arena, const alb_graph *graph, const alb_encoder_config *config,
                             alb_model_spec *out) {
  *out = (alb_model_spec){.config = *config, .tensors = graph->tensors};
  memset(out->global, 0xff, sizeof out->global);
  out->layer = alb_arena_array(arena, config->layers, sizeof *out->layer);
  if (!out->layer) return alb_fail_memory(diag, config->layers * sizeof *out->layer, "layers");
  memset(out->layer, 0xff, config->layers * sizeof *out->layer);
  if (alb_graph_find(graph, ALB_FN_ENCODER) == ALB_NONE) return alb_fail(diag, ALB_UNSUPPORTED, "there is no encoder");
  for (size_t i = 0; i < graph->functions.count; i++) {
    matcher m = {diag, arena, graph, &graph->functions.items[i], NULL, out, ALB_NONE};
    ALB_TRY(match_function(&m));
  }
  return ALB_OK;
}
