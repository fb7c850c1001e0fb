/* factor-words: words are looked up in a narrower table and projected to the encoder's width, as ALBERT has it but
 * before the sum with positions and types, which a BERT normalises at full width.
 *
 *   %3 = embedding %0 @word              %3 = embedding %0 @factor            factor [V,E]
 *                                 -->    %4 = linear %3 @projection           projection [H,E]
 *   %9 = linear %8 @word @bias           %9 = linear %8 @projection^T
 *                                        %10 = linear %9 @factor @bias
 *
 * options->factor makes the two matrices. A decoder that is the table is replaced with it. An embed_norm is taken apart
 * first. Does nothing without embedding_size. */
#include "graph/build_encoder.h"
#include "passes/pass.h"

typedef struct factorer {
  alb_diag *diag;
  alb_graph *graph;
  uint32_t table, blob; /* the table of words */
  uint32_t factor, projection, transposed;
} factorer;

static alb_status set_node(factorer *f, alb_node *node, const alb_operand *operands, size_t count) {
  node->operands = alb_graph_operands(f->graph, operands, count);
  node->operand_count = count;
  return node->operands ? ALB_OK : alb_fail_memory(f->diag, count * sizeof *operands, "operands");
}

/* embed_norm as the nodes that it stands for. */
static alb_status take_apart(factorer *f, alb_function *function, size_t at) {
  enum { MORE = 5 };
  static const alb_op ops[] = {ALB_OP_EMBEDDING, ALB_OP_EMBEDDING, ALB_OP_ADD, ALB_OP_EMBEDDING, ALB_OP_ADD_NORM};
  const alb_node fused = function->nodes.items[at];
  const alb_operand *in = fused.operands;
  const uint32_t first = (uint32_t)(function->input_count + at);
  const alb_operand operands[][4] = {{in[0], in[3]},
                                     {in[1], in[4]},
                                     {alb_value(first), alb_value(first + 1)},
                                     {in[2], in[5]},
                                     {alb_value(first + 2), alb_value(first + 3), in[6], in[7]}};
  ALB_TRY(alb_function_insert(f->diag, function, at, MORE - 1));
  for (size_t i = 0; i < MORE; i++) {
    alb_node *node = &function->nodes.items[at + i];
    *node = alb_node_make(ops[i]);
    node->layer = fused.layer;
    node->eps = i == MORE - 1 ? fused.eps : node->eps;
    ALB_TRY(set_node(f, node, operands[i], i == MORE - 1 ? 4 : 2));
  }
  return ALB_OK;
}

/* The node that looks words up: its indices are the function's first input. */
static size_t find_words(const alb_function *function, alb_op op) {
  size_t i = 0;
  for (; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    if (node->op == op && alb_operand_equal(node->operands[0], alb_value(0))) break;
  }
  return i;
}

/* x times the first matrix, and that times the second, instead of one node. */
static alb_status make_two(factorer *f, alb_function *function, size_t at, alb_op first_op, uint32_t first,
                           uint32_t second) {
  const alb_node old = function->nodes.items[at];
  const alb_operand value = alb_value((uint32_t)(function->input_count + at));
  ALB_TRY(alb_function_insert(f->diag, function, at, 1));
  alb_node *node = &function->nodes.items[at];
  node[0] = alb_node_make(first_op);
  node[1] = alb_node_make(ALB_OP_LINEAR);
  node[0].layer = node[1].layer = old.layer;
  node[1].activation = old.activation;
  ALB_TRY(set_node(f, &node[0], (alb_operand[]){old.operands[0], alb_tensor_operand(first)}, 2));
  const alb_operand in[] = {value, alb_tensor_operand(second), old.operands[old.operand_count - 1]};
  return set_node(f, &node[1], in, old.operand_count > 2 ? 3 : 2); /* a bias stays behind the second */
}

/* Looks up in the table or multiplies with it, under whatever name. */
static bool uses_table(const factorer *f, const alb_node *node) {
  if (node->op != ALB_OP_EMBEDDING && node->op != ALB_OP_LINEAR) return false;
  const alb_operand weight = node->operands[1];
  return weight.kind == ALB_OPERAND_TENSOR && f->graph->tensors->tensors.items[weight.id].blob == f->blob;
}

static alb_status replace_uses(factorer *f, size_t *changes) {
  for (size_t i = 0; i < f->graph->functions.count; i++) {
    alb_function *function = &f->graph->functions.items[i];
    for (size_t n = 0; n < function->nodes.count; n++) {
      const alb_node *node = &function->nodes.items[n];
      if (!uses_table(f, node)) continue;
      const bool look_up = node->op == ALB_OP_EMBEDDING;
      ALB_TRY(
          make_two(f, function, n, node->op, look_up ? f->factor : f->transposed, look_up ? f->projection : f->factor));
      ++*changes;
    }
  }
  return ALB_OK;
}

static alb_status transpose(factorer *f) {
  alb_tensors *tensors = f->graph->tensors;
  const alb_tensor projection = tensors->tensors.items[f->projection];
  const uint64_t turned[] = {projection.dims[1], projection.dims[0]};
  uint32_t blob;
  ALB_TRY(alb_blob_transposed(f->diag, tensors, projection.blob, turned[1], turned[0], &blob));
  return alb_tensors_view(f->diag, tensors, ALB_STR("embeddings.projection.transposed"), 2, turned, blob,
                          &f->transposed);
}

/* The width that the sum of embeddings has; the table must have it too. */
static alb_status check_table(const factorer *f, const alb_function *encoder, size_t size, bool *whole) {
  const alb_tensor *table = &f->graph->tensors->tensors.items[f->table];
  alb_type *types = ALB_NEW_ARRAY(&f->graph->arena, alb_type, encoder->input_count + encoder->nodes.count);
  if (!types) return alb_fail_memory(f->diag, sizeof *types, "types");
  ALB_TRY(alb_function_types(f->diag, f->graph, (uint32_t)(encoder - f->graph->functions.items), types));
  *whole = table->dims[1] == (uint64_t)types[encoder->output].dims[1];
  if (!*whole && table->dims[1] == size) return ALB_OK;
  if (!*whole) {
    return alb_fail(f->diag, ALB_USAGE, "--embedding-size %zu: the table of words is factored already, %llu wide", size,
                    (unsigned long long)table->dims[1]);
  }
  if (alb_dtype_is_float(table->dtype)) return ALB_OK;
  return alb_fail(f->diag, ALB_UNSUPPORTED,
                  "--embedding-size %zu: the table of words is %s already: convert the source", size,
                  alb_dtype_name(table->dtype));
}

static alb_status factor(factorer *f, const alb_pass_options *options, size_t *changes) {
  const uint32_t id = alb_graph_find(f->graph, ALB_FN_ENCODER);
  alb_function *encoder = &f->graph->functions.items[id];
  bool whole;
  size_t at = find_words(encoder, ALB_OP_EMBED_NORM);
  if (at < encoder->nodes.count) ALB_TRY(take_apart(f, encoder, at));
  at = find_words(encoder, ALB_OP_EMBEDDING);
  if (at == encoder->nodes.count) return alb_fail(f->diag, ALB_UNSUPPORTED, "--embedding-size: no table of words");
  f->table = encoder->nodes.items[at].operands[1].id;
  f->blob = f->graph->tensors->tensors.items[f->table].blob;
  ALB_TRY(check_table(f, encoder, options->embedding_size, &whole));
  if (!whole) return ALB_OK;
  ALB_TRY(options->factor(f->diag, options->factor_context, f->graph->tensors, f->table, options->embedding_size,
                          &f->factor, &f->projection));
  ALB_TRY(transpose(f));
  if (options->report) options->report->embedding_size = options->embedding_size;
  return replace_uses(f, changes);
}

alb_status alb_pass_factor_words(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  factorer f = {.diag = diag, .graph = graph};
  if (!options->embedding_size || !options->factor || alb_graph_find(graph, ALB_FN_ENCODER) == ALB_NONE) return ALB_OK;
  return factor(&f, options, changes);
}
