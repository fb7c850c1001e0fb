/* Names, nodes and constants of an ONNX graph in the making. */
#include <string.h>

#include "converter/onnx/export.h"

/* Names are read by many tools: printable ASCII without spaces stays, the rest becomes "_". An empty
 * name would mean "no input". */
static char *clean(alb_arena *arena, alb_str text) {
  char *copy = alb_arena_strdup(arena, text.n ? text : ALB_STR("_"));
  for (char *c = copy; copy && *c; c++) {
    if (*c <= ' ' || *c > '~') *c = '_';
  }
  return copy && !*copy ? alb_arena_strdup(arena, ALB_STR("_")) : copy;
}

const char *alb_export_name(alb_export *model, alb_out_block *block, alb_str text) {
  const char *base = clean(model->arena, text), *name = base;
  bool inserted = false;
  for (size_t n = block->names.count; name; n++) { /* names.count grows, so tries are few */
    size_t index;
    if (!alb_strmap_add(&block->names, alb_str_of(name), &index, &inserted)) break;
    if (inserted) return name;
    name = alb_arena_printf(model->arena, "%s_%zu", base, n);
  }
  model->failed = true;
  return "";
}

static const char *new_value(alb_scope *s, const char *op) {
  const char *text = alb_arena_printf(s->model->arena, "%s%s_%zu", s->prefix, op, s->block->nodes.count);
  if (!text) s->model->failed = true;
  return alb_export_name(s->model, s->block, alb_str_of(text ? text : ""));
}

void alb_export_node(alb_scope *s, const char *op, const char *const *inputs, const alb_out_attr *attrs,
                     size_t attr_count, size_t outputs, const char **out) {
  alb_export *model = s->model;
  alb_out_node node = {.op = op, .attr_count = attr_count, .output_count = outputs};
  while (inputs[node.input_count]) node.input_count++;
  node.inputs = ALB_NEW_ARRAY(model->arena, const char *, node.input_count);
  if (node.inputs && node.input_count) memcpy(node.inputs, inputs, node.input_count * sizeof *inputs);
  for (size_t i = 0; i < attr_count; i++) node.attrs[i] = attrs[i];
  for (size_t i = 0; i < outputs; i++) out[i] = node.outputs[i] = new_value(s, op);
  if (!node.inputs || !alb_vec_push(&s->block->nodes, node)) model->failed = true;
}

const char *alb_export_op(alb_scope *s, const char *op, alb_out_attr attr, const char *const *inputs) {
  const char *out;
  alb_export_node(s, op, inputs, &attr, attr.name != NULL, 1, &out);
  return out;
}

/* A Constant node under a name that says its value; a second one of that name is the first. */
static const char *constant(alb_scope *s, const char *name, alb_out_attr value) {
  size_t index;
  bool inserted;
  alb_out_node node = {.op = "Constant", .attr_count = 1, .output_count = 1};
  node.inputs = ALB_NEW_ARRAY(s->model->arena, const char *, 0);
  if (!name || !node.inputs || !alb_strmap_add(&s->block->names, alb_str_of(name), &index, &inserted)) {
    s->model->failed = true;
    return "";
  }
  if (!inserted) return name;
  node.outputs[0] = name;
  node.attrs[0] = value;
  node.attrs[0].name = "value";
  node.attrs[0].kind = ALB_OUT_ATTR_TENSOR;
  if (!alb_vec_push(&s->block->nodes, node)) s->model->failed = true;
  return name;
}

const char *alb_export_f32(alb_scope *s, float value) {
  return constant(s, alb_arena_printf(s->model->arena, "/f32/%.9g", (double)value), (alb_out_attr){.f = value});
}

static const int64_t *copy_i64s(alb_scope *s, const int64_t *values, size_t count) {
  int64_t *copy = ALB_NEW_ARRAY(s->model->arena, int64_t, count);
  if (copy && count) memcpy(copy, values, count * sizeof *copy);
  if (!copy) s->model->failed = true;
  return copy;
}

const char *alb_export_i64(alb_scope *s, int64_t value) {
  return constant(s, alb_arena_printf(s->model->arena, "/i64/%lld", (long long)value),
                  (alb_out_attr){.i64s = copy_i64s(s, &value, 1), .count = 1, .scalar = true});
}

const char *alb_export_i64s(alb_scope *s, const int64_t *values, size_t count) {
  const char *name = "/i64s";
  for (size_t i = 0; name && i < count; i++) {
    name = alb_arena_printf(s->model->arena, "%s/%lld", name, (long long)values[i]);
  }
  return constant(s, name, (alb_out_attr){.i64s = copy_i64s(s, values, count), .count = count});
}
