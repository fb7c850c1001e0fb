/* quantize-weights: store matrices and tables in the asked dtype, vectors in f32.
 *
 *   tensor 0 "w" f32[4,8] blob 0    -- int8 -->  tensor 0 "w" int8[4,8] blob 2 scale 3
 *   tensor 1 "b" f16[4] blob 1                   tensor 1 "b" f32[4] blob 4
 *
 * int8 is symmetric with one scale a row: a row is an output channel of a matrix, a word of a
 * table. int4 has a scale for each 32 of a row, and is for matrices: tables become int8. Every use of a
 * shared tensor sees the same quantised bytes, stored once. */
#include "base/int4.h"
#include "graph/build_encoder.h"
#include "passes/layer_table.h"

/* A matrix that is a table too is treated as a table. */
typedef enum use { USE_NONE, USE_VECTOR, USE_MATRIX, USE_TABLE } use;

static void note_use(use *uses, uint32_t tensor, use found) {
  if (found > uses[tensor]) uses[tensor] = found;
}

static use operand_use(const alb_node *node, size_t operand) {
  if (node->op == ALB_OP_LINEAR && operand == 1) return USE_MATRIX;
  if (node->op == ALB_OP_EMBEDDING && operand == 1) return USE_TABLE;
  return node->op == ALB_OP_EMBED_NORM && operand >= 3 && operand <= 5 ? USE_TABLE : USE_VECTOR;
}

/* What the nodes of a function take a parameter as. */
static use parameter_use(const alb_function *function, uint32_t parameter) {
  use found = USE_VECTOR;
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      if (!alb_operand_equal(node->operands[k], alb_parameter(parameter))) continue;
      if (operand_use(node, k) > found) found = operand_use(node, k);
    }
  }
  return found;
}

static void find_uses(const alb_graph *graph, use *uses) {
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      const alb_node *node = &nodes->items[i];
      for (size_t k = 0; k < node->operand_count; k++) {
        if (node->operands[k].kind == ALB_OPERAND_TENSOR) note_use(uses, node->operands[k].id, operand_use(node, k));
      }
      if (node->op != ALB_OP_CALL) continue;
      const alb_function *callee = &graph->functions.items[node->callee];
      for (uint32_t p = 0; p < callee->parameter_count; p++) {
        note_use(uses, graph->sets.items[node->set].tensors[p], parameter_use(callee, p));
      }
    }
  }
}

/* A matrix whose blob is a table as well, under another name, is stored once, as the table. */
static alb_status join_uses(alb_diag *diag, alb_arena *scratch, const alb_tensors *tensors, use *uses) {
  bool *is_table = ALB_NEW_ARRAY(scratch, bool, tensors->blobs.count);
  if (!is_table) return alb_fail_memory(diag, tensors->blobs.count, "uses");
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    if (uses[t] == USE_TABLE) is_table[tensors->tensors.items[t].blob] = true;
  }
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    if (uses[t] == USE_MATRIX && is_table[tensors->tensors.items[t].blob]) uses[t] = USE_TABLE;
  }
  return ALB_OK;
}

static alb_status add_recipe(alb_diag *diag, alb_tensors *tensors, const alb_tensor *tensor, alb_blob_kind kind,
                             alb_dtype dtype, uint32_t *blob) {
  const uint32_t input = tensor->blob;
  alb_blob recipe = {.kind = kind,
                     .dtype = dtype,
                     .elements = tensors->blobs.items[input].elements,
                     .inputs = &input,
                     .input_count = 1};
  if (kind != ALB_BLOB_CAST) {
    recipe.rows = tensor->dims[0];
    recipe.columns = tensor->dims[1];
  }
  if (kind == ALB_BLOB_SCALE) {
    recipe.elements = recipe.rows * (dtype == ALB_F16 ? alb_int4_groups(recipe.columns) : 1);
  }
  return alb_tensors_recipe(diag, tensors, &recipe, blob);
}

static alb_status convert(alb_diag *diag, alb_tensors *tensors, uint32_t id, alb_dtype dtype) {
  alb_tensor *tensor = &tensors->tensors.items[id];
  uint32_t blob, scale = ALB_NO_BLOB;
  if (dtype == ALB_I8 || dtype == ALB_I4) {
    const alb_dtype scales = dtype == ALB_I8 ? ALB_F32 : ALB_F16;
    ALB_TRY(add_recipe(diag, tensors, tensor, ALB_BLOB_SCALE, scales, &scale));
    ALB_TRY(add_recipe(diag, tensors, tensor, ALB_BLOB_QUANT, dtype, &blob));
  } else {
    ALB_TRY(add_recipe(diag, tensors, tensor, ALB_BLOB_CAST, dtype, &blob));
  }
  tensor->blob = blob;
  tensor->scale_blob = scale;
  tensor->dtype = dtype;
  return ALB_OK;
}

static alb_dtype wanted_dtype(use found, alb_dtype asked) {
  if (found == USE_VECTOR) return ALB_F32;
  return found == USE_TABLE && asked == ALB_I4 ? ALB_I8 : asked;
}

alb_status alb_pass_quantize_weights(alb_diag *diag, alb_graph *graph, const alb_pass_options *options,
                                     size_t *changes) {
  const alb_dtype asked = options->dtype ? options->dtype : ALB_F32;
  alb_tensors *tensors = graph->tensors;
  alb_arena scratch = {0};
  use *uses = ALB_NEW_ARRAY(&scratch, use, tensors->tensors.count);
  alb_status status = uses ? ALB_OK : alb_fail_memory(diag, tensors->tensors.count * sizeof *uses, "uses");
  if (uses) find_uses(graph, uses);
  if (uses) status = join_uses(diag, &scratch, tensors, uses);
  for (uint32_t t = 0; status == ALB_OK && t < tensors->tensors.count; t++) {
    const alb_dtype now = tensors->tensors.items[t].dtype, wanted = wanted_dtype(uses[t], asked);
    if (uses[t] == USE_NONE || now == wanted || now == ALB_I8 || now == ALB_I4) continue;
    status = convert(diag, tensors, t, wanted);
    ++*changes;
  }
  alb_arena_free(&scratch);
  return status;
}
