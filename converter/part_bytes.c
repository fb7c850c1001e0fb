/* Where the bytes of a model are, told by the functions that use them. */
#include "converter/part_bytes.h"

#include <stdlib.h>

#include "graph/build_encoder.h"

const char *alb_model_part_name(alb_model_part part) {
  static const char *const names[] = {"embeddings", "attention", "ffn", "heads", "rest"};
  return names[part];
}

static alb_model_part block_of(const char *role) {
  return alb_str_starts(alb_str_of(role), ALB_STR("ffn.")) ? ALB_MODEL_FFN : ALB_MODEL_ATTENTION;
}

/* Nodes of layers stand in the encoder itself where there is one layer only; then the names of roles tell the block. */
static alb_model_part part_of(const alb_function *function, const alb_node *node, alb_str name) {
  if (strcmp(function->name, ALB_FN_ENCODER) != 0) return ALB_MODEL_HEADS;
  if (node->layer == ALB_NONE) return ALB_MODEL_EMBEDDINGS;
  return memmem(name.p, name.n, ".ffn.", 5) ? ALB_MODEL_FFN : ALB_MODEL_ATTENTION;
}

/* One that is counted already counts nothing. */
static void count_blob(const alb_tensors *tensors, uint32_t blob, bool *seen, uint64_t *sum) {
  if (blob == ALB_NO_BLOB || seen[blob]) return;
  seen[blob] = true;
  *sum += alb_blob_bytes(tensors, blob);
}

/* What is stored of a base and factors. */
static void count_residual(const alb_tensors *tensors, uint32_t blob, bool *seen, uint64_t *sum) {
  const alb_residual parts = alb_blob_residual(tensors, blob);
  count_blob(tensors, parts.base, seen, sum);
  count_blob(tensors, parts.base_scale, seen, sum);
  count_blob(tensors, parts.left, seen, sum);
  count_blob(tensors, parts.right, seen, sum);
}

static void count_tensor(const alb_tensors *tensors, uint32_t id, bool *seen, uint64_t *sum) {
  if (alb_blob_is_residual(tensors, tensors->tensors.items[id].blob)) {
    count_residual(tensors, tensors->tensors.items[id].blob, seen, sum);
    return;
  }
  count_blob(tensors, tensors->tensors.items[id].blob, seen, sum);
  count_blob(tensors, tensors->tensors.items[id].scale_blob, seen, sum);
}

static void count_node(const alb_graph *graph, const alb_function *function, const alb_node *node, bool *seen,
                       uint64_t *out) {
  const alb_tensors *tensors = graph->tensors;
  for (size_t k = 0; k < node->operand_count; k++) {
    if (node->operands[k].kind != ALB_OPERAND_TENSOR) continue;
    const uint32_t id = node->operands[k].id;
    count_tensor(tensors, id, seen, &out[part_of(function, node, tensors->tensors.items[id].name)]);
  }
  if (node->op != ALB_OP_CALL) return;
  const alb_function *callee = &graph->functions.items[node->callee];
  for (size_t p = 0; p < callee->parameter_count; p++)
    count_tensor(tensors, graph->sets.items[node->set].tensors[p], seen, &out[block_of(callee->parameters[p])]);
}

alb_status alb_part_bytes(alb_diag *diag, const alb_graph *graph, uint64_t *out) {
  bool *seen = calloc(graph->tensors->blobs.count + 1, sizeof *seen);
  if (!seen) return alb_fail_memory(diag, graph->tensors->blobs.count, "blobs");
  memset(out, 0, ALB_MODEL_PARTS * sizeof *out);
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_function *function = &graph->functions.items[f];
    for (size_t i = 0; i < function->nodes.count; i++)
      count_node(graph, function, &function->nodes.items[i], seen, out);
  }
  free(seen);
  return ALB_OK;
}
