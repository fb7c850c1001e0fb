/* AttributeProto to an attribute: numbers, texts, tensors, subgraphs, references to a call's attributes. */
#include "converter/onnx/onnx_reading.h"

enum { NAME = 1, F, I, S, T, G, FLOATS, INTS, STRINGS, TENSORS, GRAPHS, TYPE = 20, REF = 21 };

ALB_WIRE_MESSAGE(
    attribute_message, "AttributeProto", [NAME] = ALB_WIRE_TEXT, [F] = ALB_WIRE_FIXED32, [I] = ALB_WIRE_VARINT,
    [S] = ALB_WIRE_BYTES, [T] = ALB_WIRE_BYTES, [G] = ALB_WIRE_BYTES, [FLOATS] = ALB_WIRE_FIXED32S,
    [INTS] = ALB_WIRE_VARINTS, [STRINGS] = ALB_WIRE_BYTES, [TYPE] = ALB_WIRE_VARINT, [REF] = ALB_WIRE_TEXT);

/* The fields of a message, before its kind is known. */
typedef struct fields {
  alb_span message;
  alb_str name, ref;
  uint64_t type;
  bool has[TYPE]; /* by field, F to STRINGS */
  alb_wire_field last[TYPE];
  size_t count[TYPE]; /* of numbers in FLOATS, INTS; of STRINGS */
} fields;

static alb_status wrong(alb_onnx_reading *r, const fields *a, alb_status status, const char *what) {
  return alb_fail(r->diag, status, "onnx: attribute \"%.*s\": %s", ALB_STR_ARGS(a->name), what);
}

static size_t numbers_in(const alb_wire_field *f) {
  size_t n = 0;
  if (f->number == FLOATS) return f->bytes.n / 4;
  if (f->number == STRINGS) return 1;
  for (size_t i = 0; i < f->bytes.n; i++) n += f->bytes.p[i] < 0x80;
  return n;
}

static alb_status scan(alb_onnx_reading *r, alb_span bytes, fields *a) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  *a = (fields){.message = bytes};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &attribute_message, &f, &more));
    if (!more) break;
    if (f.number == NAME) a->name = alb_wire_text(&f);
    if (f.number == REF) a->ref = alb_wire_text(&f);
    if (f.number == TYPE) a->type = f.value;
    if (f.number < F || f.number > STRINGS) continue;
    if ((f.number == T || f.number == G) && a->has[f.number]) return wrong(r, a, ALB_DUPLICATE, "stands twice");
    a->has[f.number] = true;
    a->last[f.number] = f;
    a->count[f.number] += numbers_in(&f);
  }
  if (a->name.n == 0) return alb_fail(r->diag, ALB_MISSING, "onnx: an attribute has no name");
  return ALB_OK;
}

/* The kind that is stated, or, in old files, that of the field that is there. */
static alb_onnx_attribute_kind kind_of(const fields *a) {
  static const alb_onnx_attribute_kind by_field[] = {
      [F] = ALB_ONNX_ATTR_FLOAT,   [I] = ALB_ONNX_ATTR_INT,          [S] = ALB_ONNX_ATTR_STRING,
      [T] = ALB_ONNX_ATTR_TENSOR,  [G] = ALB_ONNX_ATTR_GRAPH,        [FLOATS] = ALB_ONNX_ATTR_FLOATS,
      [INTS] = ALB_ONNX_ATTR_INTS, [STRINGS] = ALB_ONNX_ATTR_STRINGS};
  if (a->type) return a->type <= ALB_ONNX_ATTR_STRINGS ? (alb_onnx_attribute_kind)a->type : ALB_ONNX_ATTR_OTHER;
  for (size_t f = F; f <= STRINGS; f++) {
    if (a->has[f]) return by_field[f];
  }
  return ALB_ONNX_ATTR_OTHER;
}

static alb_status read_ints(alb_onnx_reading *r, alb_span packed, int64_t *ints, size_t *at) {
  alb_wire wire = {r->diag, r->file, packed};
  while (wire.rest.n > 0) {
    uint64_t value;
    ALB_TRY(alb_wire_varint(&wire, &value));
    ints[(*at)++] = (int64_t)value;
  }
  return ALB_OK;
}

/* All numbers or texts of a repeated field into an array with room for them. */
static alb_status read_list(alb_onnx_reading *r, const fields *a, uint32_t number, uint8_t *array) {
  alb_wire wire = {r->diag, r->file, a->message};
  alb_wire_field f;
  size_t at = 0;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &attribute_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number != number) continue;
    if (number == INTS) {
      ALB_TRY(read_ints(r, f.bytes, (int64_t *)(void *)array, &at));
    } else if (number == FLOATS) {
      if (f.bytes.n) memcpy(array + at, f.bytes.p, f.bytes.n);
      at += f.bytes.n;
    } else {
      ((alb_str *)(void *)array)[at++] = alb_wire_text(&f);
    }
  }
}

static alb_status take_list(alb_onnx_reading *r, const fields *a, uint32_t number, size_t size, const void **out,
                            size_t *count) {
  uint8_t *array = alb_arena_array(&r->model->arena, a->count[number], size);
  if (!array) return alb_fail_memory(r->diag, a->count[number] * size, "an attribute");
  *out = array;
  *count = a->count[number];
  return read_list(r, a, number, array);
}

static alb_status take_tensor(alb_onnx_reading *r, const fields *a, const alb_onnx_tensor **out) {
  alb_str name;
  alb_onnx_tensor *tensor = ALB_NEW(&r->model->arena, alb_onnx_tensor);
  if (!tensor || !alb_vec_push(&r->model->owned, tensor)) return alb_fail_memory(r->diag, sizeof *tensor, "a tensor");
  *out = tensor;
  return alb_onnx_read_tensor(r, a->last[T].bytes, &name, tensor);
}

static alb_status take_graph(alb_onnx_reading *r, alb_onnx_scope *outer, const fields *a, uint32_t *graph) {
  alb_onnx_scope scope = {.outer = outer,
                          .depth = outer->depth + 1,
                          .opsets = outer->opsets,
                          .opset_count = outer->opset_count,
                          .call = outer->call,
                          .function = outer->function};
  const alb_status status = alb_onnx_read_graph(r, &scope, a->last[G].bytes, graph);
  alb_onnx_scope_free(&scope);
  return status;
}

static alb_status take_value(alb_onnx_reading *r, alb_onnx_scope *scope, const fields *a, alb_onnx_attribute *out) {
  const void *list = NULL;
  switch (out->kind) {
    case ALB_ONNX_ATTR_FLOAT:
      if (a->has[F]) memcpy(&out->f, a->last[F].bytes.p, sizeof out->f);
      return ALB_OK;
    case ALB_ONNX_ATTR_INT:
      out->i = (int64_t)a->last[I].value;
      return ALB_OK;
    case ALB_ONNX_ATTR_STRING:
      out->s = alb_wire_text(&a->last[S]);
      return ALB_OK;
    case ALB_ONNX_ATTR_TENSOR:
      return a->has[T] ? take_tensor(r, a, &out->tensor) : wrong(r, a, ALB_MISSING, "has no tensor");
    case ALB_ONNX_ATTR_GRAPH:
      return a->has[G] ? take_graph(r, scope, a, &out->graph) : wrong(r, a, ALB_MISSING, "has no graph");
    case ALB_ONNX_ATTR_FLOATS:
      ALB_TRY(take_list(r, a, FLOATS, sizeof(float), &list, &out->count));
      out->floats = list;
      return ALB_OK;
    case ALB_ONNX_ATTR_INTS:
      ALB_TRY(take_list(r, a, INTS, sizeof(int64_t), &list, &out->count));
      out->ints = list;
      return ALB_OK;
    case ALB_ONNX_ATTR_STRINGS:
      ALB_TRY(take_list(r, a, STRINGS, sizeof(alb_str), &list, &out->count));
      out->strings = list;
      return ALB_OK;
    case ALB_ONNX_ATTR_OTHER:
      break;
  }
  return ALB_OK;
}

/* The default of a function's attribute; *present stays false when there is none. */
static alb_status find_default(alb_onnx_reading *r, alb_onnx_scope *scope, alb_str ref, alb_onnx_attribute *out,
                               bool *present) {
  for (size_t i = 0; i < scope->function->defaults.count; i++) {
    fields a;
    ALB_TRY(scan(r, scope->function->defaults.items[i], &a));
    if (!alb_str_equal(a.name, ref)) continue;
    if (a.ref.n) return wrong(r, &a, ALB_MALFORMED, "a default refers to another attribute");
    out->kind = kind_of(&a);
    *present = true;
    return take_value(r, scope, &a, out);
  }
  return ALB_OK;
}

static alb_status take_reference(alb_onnx_reading *r, alb_onnx_scope *scope, const fields *a, alb_onnx_attribute *out,
                                 bool *present) {
  *present = false;
  if (!scope->call) return wrong(r, a, ALB_MALFORMED, "refers to a function's attribute, outside of a function");
  for (size_t i = 0; i < scope->call->attribute_count; i++) {
    if (!alb_str_equal(scope->call->attributes[i].name, a->ref)) continue;
    *out = scope->call->attributes[i];
    *present = true;
  }
  if (!*present) ALB_TRY(find_default(r, scope, a->ref, out, present));
  out->name = a->name;
  return ALB_OK;
}

alb_status alb_onnx_read_attribute(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, alb_onnx_attribute *out,
                                   bool *present) {
  fields a;
  ALB_TRY(scan(r, bytes, &a));
  *out = (alb_onnx_attribute){.name = a.name, .kind = kind_of(&a)};
  *present = true;
  if (a.ref.n) return take_reference(r, scope, &a, out, present);
  return take_value(r, scope, &a, out);
}
