/* From filled roles to the encoder graph. */
#include "graph/build_encoder.h"

typedef struct builder {
  alb_diag *diag;
  const alb_model_spec *spec;
  alb_graph *graph;
  alb_function *function;
  uint32_t layer; /* ALB_NONE outside of layers */
} builder;

static alb_operand role(const builder *b, alb_role r) {
  const alb_model_spec *spec = b->spec;
  const bool layered = alb_role_info(r)->scope == ALB_SCOPE_LAYER;
  return alb_tensor_operand(layered ? spec->layer[b->layer][r] : spec->global[r]);
}

static bool has(const builder *b, alb_role r) {
  return b->spec->global[r] != ALB_NO_TENSOR;
}

static alb_status append(builder *b, alb_node node, size_t count, const alb_operand *operands, uint32_t *value) {
  node.layer = b->layer;
  return alb_function_append(b->diag, b->graph, b->function, node, operands, count, value);
}

static alb_status linear(builder *b, uint32_t x, alb_role weight, alb_role bias, uint32_t *out) {
  const alb_operand in[] = {alb_value(x), role(b, weight), role(b, bias)};
  return append(b, alb_node_make(ALB_OP_LINEAR), in[2].id == ALB_NO_TENSOR ? 2 : 3, in, out);
}

static alb_status norm(builder *b, uint32_t x, alb_role gamma, alb_role beta, uint32_t *out) {
  alb_node node = alb_node_make(ALB_OP_LAYER_NORM);
  node.eps = b->spec->config.layer_norm_eps;
  return append(b, node, 3, (alb_operand[]){alb_value(x), role(b, gamma), role(b, beta)}, out);
}

static alb_status add(builder *b, uint32_t x, uint32_t y, uint32_t *out) {
  return append(b, alb_node_make(ALB_OP_ADD), 2, (alb_operand[]){alb_value(x), alb_value(y)}, out);
}

static alb_status activate(builder *b, uint32_t x, alb_activation activation, uint32_t *out) {
  alb_node node = alb_node_make(ALB_OP_ACTIVATION);
  node.activation = activation;
  return append(b, node, 1, (alb_operand[]){alb_value(x)}, out);
}

static alb_status embedding(builder *b, uint32_t ids, alb_role table, uint32_t *out) {
  return append(b, alb_node_make(ALB_OP_EMBEDDING), 2, (alb_operand[]){alb_value(ids), role(b, table)}, out);
}

/* The three rows are summed in the order in which the original code does: word, type, position. */
static alb_status embeddings(builder *b, uint32_t *out) {
  uint32_t word, type, position, sum;
  ALB_TRY(embedding(b, 0, ALB_ROLE_WORD, &word));
  ALB_TRY(embedding(b, 1, ALB_ROLE_TYPE, &type));
  ALB_TRY(add(b, word, type, &sum));
  ALB_TRY(embedding(b, 2, ALB_ROLE_POSITION, &position));
  ALB_TRY(add(b, sum, position, &sum));
  ALB_TRY(norm(b, sum, ALB_ROLE_EMBED_GAMMA, ALB_ROLE_EMBED_BETA, out));
  if (!has(b, ALB_ROLE_PROJECTION_W)) return ALB_OK;
  return linear(b, *out, ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B, out);
}

static alb_status attention_block(builder *b, uint32_t x, uint32_t *out) {
  uint32_t q, k, v;
  ALB_TRY(linear(b, x, ALB_ROLE_QUERY_W, ALB_ROLE_QUERY_B, &q));
  ALB_TRY(linear(b, x, ALB_ROLE_KEY_W, ALB_ROLE_KEY_B, &k));
  ALB_TRY(linear(b, x, ALB_ROLE_VALUE_W, ALB_ROLE_VALUE_B, &v));
  alb_node node = alb_node_make(ALB_OP_ATTENTION);
  node.heads = b->spec->config.heads;
  ALB_TRY(append(b, node, 3, (alb_operand[]){alb_value(q), alb_value(k), alb_value(v)}, out));
  ALB_TRY(linear(b, *out, ALB_ROLE_OUTPUT_W, ALB_ROLE_OUTPUT_B, out));
  ALB_TRY(add(b, *out, x, out));
  return norm(b, *out, ALB_ROLE_ATTENTION_GAMMA, ALB_ROLE_ATTENTION_BETA, out);
}

static alb_status ffn_block(builder *b, uint32_t x, uint32_t *out) {
  ALB_TRY(linear(b, x, ALB_ROLE_UP_W, ALB_ROLE_UP_B, out));
  ALB_TRY(activate(b, *out, b->spec->config.activation, out));
  ALB_TRY(linear(b, *out, ALB_ROLE_DOWN_W, ALB_ROLE_DOWN_B, out));
  ALB_TRY(add(b, *out, x, out));
  return norm(b, *out, ALB_ROLE_FFN_GAMMA, ALB_ROLE_FFN_BETA, out);
}

static alb_type rows(int64_t count, uint32_t width) {
  return (alb_type){.dtype = ALB_F32, .rank = 2, .dims = {count, width}};
}

static alb_status begin(builder *b, const char *name, const alb_type *inputs, size_t count) {
  uint32_t id;
  ALB_TRY(alb_graph_add_function(b->diag, b->graph, name, inputs, count, &id));
  b->function = &b->graph->functions.items[id];
  b->layer = ALB_NONE;
  return ALB_OK;
}

static alb_status build_encoder(builder *b) {
  const alb_type indices = {.dtype = ALB_I32, .rank = 1, .dims = {ALB_DIM_TOKENS}};
  ALB_TRY(begin(b, ALB_FN_ENCODER, (alb_type[]){indices, indices, indices}, 3));
  uint32_t x;
  ALB_TRY(embeddings(b, &x));
  for (b->layer = 0; b->layer < b->spec->config.layers; b->layer++) {
    ALB_TRY(attention_block(b, x, &x));
    ALB_TRY(ffn_block(b, x, &x));
  }
  b->function->output = x;
  return ALB_OK;
}

static alb_status pool(builder *b, alb_pooling pooling, uint32_t *out) {
  alb_node node = alb_node_make(ALB_OP_POOL);
  node.pooling = pooling;
  return append(b, node, 1, (alb_operand[]){alb_value(0)}, out);
}

static alb_status build_embed(builder *b) {
  const alb_type hidden = rows(ALB_DIM_TOKENS, b->spec->config.hidden);
  uint32_t x;
  ALB_TRY(begin(b, ALB_FN_EMBED, &hidden, 1));
  ALB_TRY(pool(b, b->spec->pooling, &x));
  if (b->spec->normalize) ALB_TRY(append(b, alb_node_make(ALB_OP_NORMALIZE), 1, (alb_operand[]){alb_value(x)}, &x));
  b->function->output = x;
  return ALB_OK;
}

static alb_status pooled(builder *b, uint32_t *out) {
  ALB_TRY(pool(b, ALB_POOL_CLS, out));
  ALB_TRY(linear(b, *out, ALB_ROLE_POOLER_W, ALB_ROLE_POOLER_B, out));
  return activate(b, *out, ALB_ACT_TANH, out);
}

static alb_status build_pooler(builder *b) {
  const alb_type hidden = rows(ALB_DIM_TOKENS, b->spec->config.hidden);
  ALB_TRY(begin(b, ALB_FN_POOLER, &hidden, 1));
  return pooled(b, &b->function->output);
}

static alb_status build_classify(builder *b) {
  const alb_type hidden = rows(ALB_DIM_TOKENS, b->spec->config.hidden);
  uint32_t x;
  ALB_TRY(begin(b, ALB_FN_CLASSIFY, &hidden, 1));
  ALB_TRY(pooled(b, &x));
  return linear(b, x, ALB_ROLE_CLASSIFIER_W, ALB_ROLE_CLASSIFIER_B, &b->function->output);
}

/* A head that is one product on every token. */
static alb_status build_token_head(builder *b, const char *name, alb_role weight, alb_role bias) {
  const alb_type hidden = rows(ALB_DIM_TOKENS, b->spec->config.hidden);
  ALB_TRY(begin(b, name, &hidden, 1));
  return linear(b, 0, weight, bias, &b->function->output);
}

static alb_status build_mlm(builder *b) {
  const alb_type hidden = rows(ALB_DIM_ROWS, b->spec->config.hidden);
  uint32_t x;
  ALB_TRY(begin(b, ALB_FN_MLM, &hidden, 1));
  ALB_TRY(linear(b, 0, ALB_ROLE_MLM_DENSE_W, ALB_ROLE_MLM_DENSE_B, &x));
  ALB_TRY(activate(b, x, b->spec->config.activation, &x));
  ALB_TRY(norm(b, x, ALB_ROLE_MLM_GAMMA, ALB_ROLE_MLM_BETA, &x));
  return linear(b, x, ALB_ROLE_MLM_DECODER_W, ALB_ROLE_MLM_DECODER_B, &b->function->output);
}

static alb_status build_classifier(builder *b) {
  if (!b->spec->token_classes) return build_classify(b);
  return build_token_head(b, ALB_FN_NER, ALB_ROLE_CLASSIFIER_W, ALB_ROLE_CLASSIFIER_B);
}

alb_status alb_build_encoder(alb_diag *diag, const alb_model_spec *spec, alb_graph *graph) {
  builder b = {.diag = diag, .spec = spec, .graph = graph};
  graph->tensors = spec->tensors;
  ALB_TRY(build_encoder(&b));
  if (spec->pooling != ALB_POOL_NONE) ALB_TRY(build_embed(&b));
  if (has(&b, ALB_ROLE_POOLER_W)) ALB_TRY(build_pooler(&b));
  if (has(&b, ALB_ROLE_MLM_DENSE_W)) ALB_TRY(build_mlm(&b));
  if (has(&b, ALB_ROLE_CLASSIFIER_W)) ALB_TRY(build_classifier(&b));
  if (has(&b, ALB_ROLE_SPAN_W)) ALB_TRY(build_token_head(&b, ALB_FN_QA, ALB_ROLE_SPAN_W, ALB_ROLE_SPAN_B));
  return ALB_OK;
}
