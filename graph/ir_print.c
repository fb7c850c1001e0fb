/* The graph as text (docs/ir.md). */
#include "graph/ir.h"

static const char *const blob_kinds[] = {
#define ALB_BLOB_KIND(id, name) [ALB_BLOB_##id] = (name),
#include "graph/blob_kind.def"
#undef ALB_BLOB_KIND
};

static void print_blob(const alb_graph *graph, size_t id, FILE *out) {
  const alb_blob *blob = &graph->tensors->blobs.items[id];
  fprintf(out, "blob %zu %s %llu", id, alb_dtype_name(blob->dtype), (unsigned long long)blob->elements);
  if (blob->kind != ALB_BLOB_BYTES) {
    fprintf(out, " = %s", blob_kinds[blob->kind]);
    for (size_t i = 0; i < blob->input_count; i++) fprintf(out, " %u", blob->inputs[i]);
    if (blob->rows) fprintf(out, " as %llux%llu", (unsigned long long)blob->rows, (unsigned long long)blob->columns);
    if (blob->of) fprintf(out, " of %s", alb_dtype_name(blob->of));
  }
  fputc('\n', out);
}

static void print_dims(const alb_type *type, FILE *out) {
  static const char *const symbols[] = {"", "tokens", "sequences", "rows"};
  fprintf(out, "%s[", alb_dtype_name(type->dtype));
  for (size_t i = 0; i < type->rank; i++) {
    if (i) fputc(',', out);
    if (type->dims[i] < 0)
      fputs(symbols[-type->dims[i]], out);
    else
      fprintf(out, "%lld", (long long)type->dims[i]);
  }
  fputc(']', out);
}

static void print_tensor(const alb_graph *graph, size_t id, FILE *out) {
  const alb_tensor *tensor = &graph->tensors->tensors.items[id];
  const alb_type type = alb_tensor_type(graph->tensors, (uint32_t)id);
  fprintf(out, "tensor %zu \"%.*s\" ", id, (int)tensor->name.n, tensor->name.p);
  print_dims(&type, out);
  fprintf(out, " blob %u", tensor->blob);
  if (tensor->scale_blob != ALB_NO_BLOB) fprintf(out, " scale %u", tensor->scale_blob);
  fputc('\n', out);
}

static void print_operand(const alb_graph *graph, const alb_function *function, alb_operand operand, FILE *out) {
  if (operand.kind == ALB_OPERAND_VALUE) fprintf(out, " %%%u", operand.id);
  if (operand.kind == ALB_OPERAND_PARAMETER) fprintf(out, " $%s", function->parameters[operand.id]);
  if (operand.kind == ALB_OPERAND_TENSOR) {
    const alb_str name = graph->tensors->tensors.items[operand.id].name;
    fprintf(out, " @%.*s", (int)name.n, name.p);
  }
}

static void print_attributes(const alb_graph *graph, const alb_node *node, FILE *out) {
  if (node->activation) fprintf(out, " activation=%s", alb_activation_name(node->activation));
  if (node->pooling) fprintf(out, " pooling=%s", alb_pooling_name(node->pooling));
  if (node->heads) fprintf(out, " heads=%u", node->heads);
  if (node->eps > 0) fprintf(out, " eps=%.9g", (double)node->eps);
  if (node->op == ALB_OP_CALL) fprintf(out, " callee=%s set=%u", graph->functions.items[node->callee].name, node->set);
  if (node->layer != ALB_NONE) fprintf(out, " layer=%u", node->layer);
}

static void print_function(const alb_graph *graph, size_t id, FILE *out) {
  const alb_function *function = &graph->functions.items[id];
  fprintf(out, "function %s", function->name);
  for (size_t i = 0; i < function->input_count; i++) {
    fputc(' ', out);
    print_dims(&function->inputs[i], out);
  }
  for (size_t i = 0; i < function->parameter_count; i++) fprintf(out, " $%s", function->parameters[i]);
  fputs(" {\n", out);
  for (size_t i = 0; i < function->nodes.count; i++) {
    const alb_node *node = &function->nodes.items[i];
    fprintf(out, "  %%%zu = %s", function->input_count + i, alb_op_name(node->op));
    for (size_t k = 0; k < node->operand_count; k++) print_operand(graph, function, node->operands[k], out);
    print_attributes(graph, node, out);
    fputc('\n', out);
  }
  fprintf(out, "  return %%%u\n}\n", function->output);
}

void alb_graph_print(const alb_graph *graph, FILE *out) {
  for (size_t i = 0; i < graph->tensors->blobs.count; i++) print_blob(graph, i, out);
  for (size_t i = 0; i < graph->tensors->tensors.count; i++) print_tensor(graph, i, out);
  for (size_t i = 0; i < graph->sets.count; i++) {
    const alb_set *set = &graph->sets.items[i];
    fprintf(out, "set %zu \"%s\"", i, set->name);
    for (size_t k = 0; k < set->count; k++) fprintf(out, " %u", set->tensors[k]);
    fputc('\n', out);
  }
  for (size_t i = 0; i < graph->functions.count; i++) print_function(graph, i, out);
}
