/* ModelProto to a graph in memory, and telling an ONNX file by its first bytes. The file is read where it lies
 * (onnx_wire.h): a message of protobuf-c would hold every tensor a second time. */
#include "converter/onnx/onnx_reading.h"

enum { IR_VERSION = 1, PRODUCER = 2, PRODUCER_VERSION = 3, GRAPH = 7, OPSET = 8, FUNCTIONS = 25 };

ALB_WIRE_MESSAGE(
    model_message,
    "ModelProto", [IR_VERSION] = ALB_WIRE_VARINT, [PRODUCER] = ALB_WIRE_TEXT, [PRODUCER_VERSION] = ALB_WIRE_TEXT,
    [GRAPH] = ALB_WIRE_BYTES, [OPSET] = ALB_WIRE_BYTES, [FUNCTIONS] = ALB_WIRE_BYTES);
ALB_WIRE_MESSAGE(opset_message, "OperatorSetIdProto", [1] = ALB_WIRE_TEXT, [2] = ALB_WIRE_VARINT);

/* Types of the fields of a ModelProto, for the probe: 'v' a varint, 'b' bytes. */
static const char probe_fields[] = "?vbbbvbbb?????b?????b????bb";

bool alb_looks_like_onnx(alb_span head) {
  alb_diag diag = {0};
  alb_wire wire = {&diag, head.p, head};
  bool version = false, ok = true;
  while (ok && wire.rest.n > 0) {
    uint64_t tag, value;
    alb_span skipped;
    if (alb_wire_varint(&wire, &tag) != ALB_OK) break; /* cut by the end of the head */
    const uint64_t number = tag >> 3;
    const char type = (tag & 7) == 0 ? 'v' : (tag & 7) == 2 ? 'b' : '!';
    ok = number < sizeof probe_fields - 1 && probe_fields[number] == type;
    if (!ok || alb_wire_varint(&wire, &value) != ALB_OK) break;
    if (number == IR_VERSION) ok = value >= 2 && value < 256; /* 1: a SavedModel; no operator sets then */
    version = version || number == IR_VERSION;
    if (type == 'b' && !alb_span_take(&wire.rest, value, &skipped)) break;
  }
  alb_diag_free(&diag);
  return ok && version;
}

alb_status alb_onnx_read_opset(alb_onnx_reading *r, alb_span bytes, alb_onnx_opset *out) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  *out = (alb_onnx_opset){0};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &opset_message, &f, &more));
    if (!more) break;
    if (f.number == 1) out->domain = alb_wire_text(&f);
    if (f.number == 2) out->version = (int64_t)f.value;
  }
  if (alb_str_is(out->domain, "ai.onnx")) out->domain.n = 0;
  const int64_t low = out->domain.n ? 1 : ALB_ONNX_MIN_OPSET, high = out->domain.n ? INT32_MAX : ALB_ONNX_MAX_OPSET;
  if (out->version >= low && out->version <= high) return ALB_OK;
  return alb_fail(r->diag, ALB_UNSUPPORTED, "onnx: opset %lld of domain \"%.*s\"; supported are %lld to %lld",
                  (long long)out->version, ALB_STR_ARGS(out->domain), (long long)low, (long long)high);
}

static alb_status check_new(alb_onnx_reading *r, const alb_onnx_opset *all, size_t count, const alb_onnx_opset *one) {
  if (count == 256) return alb_fail(r->diag, ALB_LIMIT, "onnx: more than 256 domains");
  for (size_t i = 0; i < count; i++) {
    if (alb_str_equal(all[i].domain, one->domain)) {
      return alb_fail(r->diag, ALB_DUPLICATE, "onnx: two opsets for domain \"%.*s\"", ALB_STR_ARGS(one->domain));
    }
  }
  return ALB_OK;
}

static alb_status add_model_opset(alb_onnx_reading *r, alb_span bytes) {
  alb_onnx_opset opset;
  ALB_TRY(alb_onnx_read_opset(r, bytes, &opset));
  ALB_TRY(check_new(r, r->model->opsets.items, r->model->opsets.count, &opset));
  return alb_vec_push(&r->model->opsets, opset) ? ALB_OK : alb_fail_memory(r->diag, sizeof opset, "an opset");
}

static alb_status add_function_opset(alb_onnx_reading *r, alb_span bytes, alb_onnx_function *function) {
  alb_onnx_opset opset;
  ALB_TRY(alb_onnx_read_opset(r, bytes, &opset));
  ALB_TRY(check_new(r, function->opsets.items, function->opsets.count, &opset));
  return alb_vec_push(&function->opsets, opset) ? ALB_OK : alb_fail_memory(r->diag, sizeof opset, "an opset");
}

static alb_status add_default(alb_onnx_reading *r, alb_span bytes, alb_onnx_function *function) {
  if (function->defaults.count == ALB_ONNX_MAX_ATTRIBUTES) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d attributes", ALB_ONNX_MAX_ATTRIBUTES);
  }
  return alb_vec_push(&function->defaults, bytes) ? ALB_OK : alb_fail_memory(r->diag, sizeof bytes, "a function");
}

/* Only what a call must know to find the function. */
static alb_status add_function(alb_onnx_reading *r, alb_span bytes) {
  if (r->functions.count == ALB_ONNX_MAX_FUNCTIONS) {
    return alb_fail(r->diag, ALB_LIMIT, "onnx: more than %d functions", ALB_ONNX_MAX_FUNCTIONS);
  }
  if (!alb_vec_push(&r->functions, (alb_onnx_function){.bytes = bytes})) {
    return alb_fail_memory(r->diag, sizeof(alb_onnx_function), "a function");
  }
  alb_onnx_function *function = &r->functions.items[r->functions.count - 1];
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &alb_onnx_function_message, &f, &more));
    if (!more) break;
    if (f.number == 1) function->name = alb_wire_text(&f);
    if (f.number == 10) function->domain = alb_wire_text(&f);
    if (f.number == 13) function->overload = alb_wire_text(&f);
    if (f.number == 9) ALB_TRY(add_function_opset(r, f.bytes, function));
    if (f.number == 11) ALB_TRY(add_default(r, f.bytes, function));
  }
  if (alb_str_is(function->domain, "ai.onnx")) function->domain.n = 0;
  for (size_t i = 0; i + 1 < r->functions.count; i++) {
    const alb_onnx_function *other = &r->functions.items[i];
    if (alb_str_equal(other->name, function->name) && alb_str_equal(other->domain, function->domain) &&
        alb_str_equal(other->overload, function->overload)) {
      return alb_fail(r->diag, ALB_DUPLICATE, "onnx: function \"%.*s\" is defined twice", ALB_STR_ARGS(function->name));
    }
  }
  return ALB_OK;
}

static alb_status read_main(alb_onnx_reading *r, alb_span graph) {
  uint32_t number;
  alb_onnx_scope scope = {.opsets = r->model->opsets.items, .opset_count = r->model->opsets.count};
  const alb_status status = alb_onnx_read_graph(r, &scope, graph, &number);
  alb_onnx_scope_free(&scope);
  return status;
}

static alb_status read_model(alb_onnx_reading *r, alb_span bytes) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  alb_span graph = {0};
  bool has_graph = false;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &model_message, &f, &more));
    if (!more) break;
    if (f.number == IR_VERSION) r->model->ir_version = (int64_t)f.value;
    if (f.number == PRODUCER) r->model->producer = alb_wire_text(&f);
    if (f.number == PRODUCER_VERSION) r->model->producer_version = alb_wire_text(&f);
    if (f.number == OPSET) ALB_TRY(add_model_opset(r, f.bytes));
    if (f.number == FUNCTIONS) ALB_TRY(add_function(r, f.bytes));
    if (f.number != GRAPH) continue;
    if (has_graph) return alb_fail(r->diag, ALB_DUPLICATE, "onnx: the model has two graphs");
    graph = f.bytes;
    has_graph = true;
  }
  if (!has_graph) return alb_fail(r->diag, ALB_MISSING, "onnx: the model has no graph");
  ALB_TRY(read_main(r, graph));
  ALB_TRY(alb_onnx_check_ranges(r));
  return alb_onnx_settle(r->diag, r->model);
}

alb_status alb_onnx_read(alb_diag *diag, alb_span bytes, const char *folder, alb_onnx_model *out) {
  alb_onnx_reading r = {.diag = diag, .file = bytes.p, .folder = folder, .model = out};
  const alb_status status = read_model(&r, bytes);
  for (size_t i = 0; i < r.functions.count; i++) {
    alb_vec_free(&r.functions.items[i].opsets);
    alb_vec_free(&r.functions.items[i].defaults);
  }
  alb_vec_free(&r.functions);
  alb_strmap_free(&r.external);
  alb_vec_free(&r.ranges);
  if (status != ALB_OK) alb_onnx_model_free(out);
  return status;
}

alb_status alb_onnx_tensor_parse(alb_diag *diag, alb_span bytes, alb_str *name, alb_onnx_tensor *out) {
  alb_onnx_model none = {0};
  alb_onnx_reading r = {.diag = diag, .file = bytes.p, .model = &none};
  const alb_status status = alb_onnx_read_tensor(&r, bytes, name, out);
  alb_onnx_model_free(&none);
  return status;
}
