/* Weights of an ONNX graph: which initializer a tensor becomes, and how nodes get f32 from it.
 *
 *   f32        the initializer itself
 *   f16, bf16  Cast of the initializer, once a weight; a table's rows are cast after Gather
 *   int8       DequantizeLinear of the initializer, once a weight. A table's rows are gathered as int8, with
 *              their scales, and multiplied. In the form "integer" products take the int8 itself.
 *
 * Matrices are stored [in,out], as MatMul takes them, with two exceptions, stored [out,in] as the source has
 * them: one that is a table too; and an int8 one of several products. ONNX Runtime repeats a DequantizeLinear
 * for each of its users: a matrix of 12 layers would be made f32 12 times a run, and held 12 times. A Transpose
 * between is one user, and becomes part of the products. */
#include "converter/onnx/export.h"

alb_weight_use alb_operand_use(const alb_node *node, size_t operand) {
  if (node->op == ALB_OP_LINEAR && operand == 1) return ALB_WEIGHT_MATRIX;
  if (node->op == ALB_OP_EMBEDDING && operand == 1) return ALB_WEIGHT_TABLE;
  if (node->op == ALB_OP_EMBED_NORM && operand >= 3 && operand <= 5) return ALB_WEIGHT_TABLE;
  return ALB_WEIGHT_VECTOR;
}

static void note_use(const alb_export *model, uint32_t tensor, alb_weight_use use, alb_blob_use *uses) {
  alb_blob_use *blob = &uses[model->package->graph->tensors->tensors.items[tensor].blob];
  blob->is_table |= use == ALB_WEIGHT_TABLE;
  blob->products += use == ALB_WEIGHT_MATRIX;
}

/* What the callee of a call does with the call's tensors. */
static void note_call(const alb_export *model, const alb_node *call, alb_blob_use *uses) {
  const alb_graph *graph = model->package->graph;
  const alb_nodes *nodes = &graph->functions.items[call->callee].nodes;
  for (size_t i = 0; i < nodes->count; i++) {
    const alb_node *node = &nodes->items[i];
    for (size_t k = 0; k < node->operand_count; k++) {
      const alb_operand o = node->operands[k];
      if (o.kind != ALB_OPERAND_PARAMETER) continue;
      note_use(model, graph->sets.items[call->set].tensors[o.id], alb_operand_use(node, k), uses);
    }
  }
}

alb_status alb_export_find_uses(alb_export *model) {
  const alb_graph *graph = model->package->graph;
  alb_blob_use *uses = ALB_NEW_ARRAY(model->arena, alb_blob_use, graph->tensors->blobs.count);
  if (!uses) return alb_fail_memory(model->diag, graph->tensors->blobs.count * sizeof *uses, "uses of weights");
  model->uses = uses;
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      const alb_node *node = &nodes->items[i];
      if (node->op == ALB_OP_CALL) note_call(model, node, uses);
      for (size_t k = 0; k < node->operand_count; k++) {
        const alb_operand o = node->operands[k];
        if (o.kind == ALB_OPERAND_TENSOR) note_use(model, o.id, alb_operand_use(node, k), uses);
      }
    }
  }
  return ALB_OK;
}

/* The place of what is known by four numbers; *inserted when it was not known. */
static alb_status find_key(alb_export *model, alb_strmap *map, const uint64_t key[4], size_t *index, bool *inserted) {
  const char *copy = alb_arena_strdup(model->arena, (alb_str){(const char *)key, 4 * sizeof *key});
  if (copy && alb_strmap_add(map, (alb_str){copy, 4 * sizeof *key}, index, inserted)) return ALB_OK;
  return alb_fail_memory(model->diag, 4 * sizeof *key, "a weight");
}

static alb_status add_initializer(alb_export *model, alb_initializer item, alb_str name, const char **out) {
  const uint64_t key[4] = {item.blob, item.rank, item.dims[0]};
  size_t index;
  bool inserted;
  ALB_TRY(find_key(model, &model->initializer_keys, key, &index, &inserted));
  if (!inserted) {
    *out = model->initializers.items[index].name;
    return ALB_OK;
  }
  *out = item.name = alb_export_name(model, &model->graph, name);
  return alb_vec_push(&model->initializers, item) ? ALB_OK : alb_fail_memory(model->diag, sizeof item, "a weight");
}

/* The tensor's own bytes, transposed for a matrix that nobody needs as rows. */
static alb_status store(alb_export *model, const alb_tensor *tensor, alb_out_weight *weight) {
  alb_initializer item = {.dtype = tensor->dtype, .rank = tensor->rank, .blob = tensor->blob};
  for (size_t i = 0; i < tensor->rank; i++) item.dims[i] = tensor->dims[i];
  if (weight->use == ALB_WEIGHT_MATRIX && !weight->as_rows) {
    item.dims[0] = tensor->dims[1];
    item.dims[1] = tensor->dims[0];
    ALB_TRY(alb_blob_transposed(model->diag, model->package->graph->tensors, tensor->blob, tensor->dims[0],
                                tensor->dims[1], &item.blob));
  }
  return add_initializer(model, item, tensor->name, &weight->name);
}

static alb_status store_scale(alb_export *model, const alb_tensor *tensor, const char **out) {
  const alb_initializer item = {
      .dtype = ALB_F32, .rank = 1, .dims = {tensor->dims[0]}, .blob = tensor->scale_blob, .is_scale = true};
  const char *name = alb_arena_printf(model->arena, "%.*s.scale", (int)tensor->name.n, tensor->name.p);
  if (!name) return alb_fail_memory(model->diag, tensor->name.n, "a name");
  return add_initializer(model, item, alb_str_of(name), out);
}

/* What stands between a stored weight and its users. */
static void make_ready(alb_export *model, alb_out_weight *weight) {
  alb_scope s = {.model = model, .block = &model->graph, .prefix = "weights/"};
  if (weight->use == ALB_WEIGHT_TABLE || weight->dtype == ALB_F32) return;
  if (weight->dtype != ALB_I8) {
    weight->name = ALB_EMIT_WITH(&s, "Cast", ALB_OUT_INT("to", ALB_OUT_F32), weight->name);
  } else if (!model->options.integer) {
    const alb_out_attr axis = ALB_OUT_INT("axis", weight->as_rows ? 0 : 1);
    weight->name = ALB_EMIT_WITH(&s, "DequantizeLinear", axis, weight->name, weight->scale);
    weight->scale = NULL;
  }
  if (weight->dtype == ALB_I8 && weight->as_rows && (model->options.integer || !model->uses[weight->blob].is_table)) {
    weight->name = ALB_EMIT(&s, "Transpose", weight->name);
    weight->as_rows = false;
  }
  if (!weight->scale) weight->dtype = ALB_F32;
}

/* Whether a matrix is stored as [out,in]. */
static bool is_stored_as_rows(const alb_export *model, const alb_tensor *tensor) {
  const alb_blob_use *uses = &model->uses[tensor->blob];
  return uses->is_table || (tensor->dtype == ALB_I8 && !model->options.integer && uses->products > 1);
}

static alb_status check_storable(alb_export *model, const alb_tensor *t, alb_weight_use use) {
  const bool rank_fits = use == ALB_WEIGHT_VECTOR ? t->rank == 1 : t->rank == 2;
  const bool type_fits = t->dtype == ALB_F32 || t->dtype == ALB_F16 || t->dtype == ALB_BF16 ||
                         (t->dtype == ALB_I8 && use != ALB_WEIGHT_VECTOR && t->scale_blob != ALB_NO_BLOB);
  if (rank_fits && type_fits) return ALB_OK;
  return alb_fail(model->diag, ALB_UNSUPPORTED, "tensor \"%.*s\": a weight of rank %zu as %s has no ONNX form here",
                  ALB_STR_ARGS(t->name), t->rank, alb_dtype_name(t->dtype));
}

static alb_status make_weight(alb_export *model, const alb_tensor *t, alb_weight_use use, alb_out_weight *out) {
  ALB_TRY(check_storable(model, t, use));
  *out = (alb_out_weight){.dtype = t->dtype, .blob = t->blob, .use = use};
  out->as_rows = use == ALB_WEIGHT_MATRIX && is_stored_as_rows(model, t);
  ALB_TRY(store(model, t, out));
  if (t->dtype == ALB_I8) ALB_TRY(store_scale(model, t, &out->scale));
  make_ready(model, out);
  return alb_vec_push(&model->weights, *out) ? ALB_OK : alb_fail_memory(model->diag, sizeof *out, "a weight");
}

alb_status alb_export_weight(alb_export *model, uint32_t tensor, alb_weight_use use, alb_out_weight *out) {
  const alb_tensor t = model->package->graph->tensors->tensors.items[tensor];
  const uint64_t key[4] = {t.blob, t.scale_blob, use, t.rank ? t.dims[0] : 0}; /* equal int8 may differ in scale */
  size_t index;
  bool inserted;
  ALB_TRY(find_key(model, &model->weight_keys, key, &index, &inserted));
  if (inserted) return make_weight(model, &t, use, out);
  *out = model->weights.items[index];
  return ALB_OK;
}

alb_status alb_scope_weight(alb_scope *s, const alb_node *node, size_t operand, alb_out_weight *out) {
  const alb_operand o = node->operands[operand];
  if (o.kind == ALB_OPERAND_PARAMETER && s->parameters) {
    *out = s->parameters[o.id];
    return ALB_OK;
  }
  if (o.kind == ALB_OPERAND_PARAMETER && !s->set) {
    return alb_fail(s->model->diag, ALB_INTERNAL, "a parameter outside of a call");
  }
  const uint32_t tensor = o.kind == ALB_OPERAND_PARAMETER ? s->set->tensors[o.id] : o.id;
  return alb_export_weight(s->model, tensor, alb_operand_use(node, operand), out);
}
