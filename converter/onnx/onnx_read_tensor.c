/* TensorProto to a tensor: bytes are borrowed where the file has them as they are needed. */
#include "base/checked.h"
#include "converter/onnx/onnx_reading.h"

enum {
  DIMS = 1,
  DATA_TYPE = 2,
  SEGMENT = 3,
  FLOAT_DATA = 4,
  INT32_DATA = 5,
  STRING_DATA = 6,
  INT64_DATA = 7,
  NAME = 8,
  RAW_DATA = 9,
  DOUBLE_DATA = 10,
  UINT64_DATA = 11,
  EXTERNAL_DATA = 13,
  DATA_LOCATION = 14
};

ALB_WIRE_MESSAGE(tensor_message, "TensorProto", [DIMS] = ALB_WIRE_VARINTS, [DATA_TYPE] = ALB_WIRE_VARINT,
                 [SEGMENT] = ALB_WIRE_BYTES, [FLOAT_DATA] = ALB_WIRE_FIXED32S, [INT32_DATA] = ALB_WIRE_VARINTS,
                 [STRING_DATA] = ALB_WIRE_BYTES, [INT64_DATA] = ALB_WIRE_VARINTS, [NAME] = ALB_WIRE_TEXT,
                 [RAW_DATA] = ALB_WIRE_BYTES, [DOUBLE_DATA] = ALB_WIRE_FIXED64S, [UINT64_DATA] = ALB_WIRE_VARINTS,
                 [EXTERNAL_DATA] = ALB_WIRE_BYTES, [DATA_LOCATION] = ALB_WIRE_VARINT);
ALB_WIRE_MESSAGE(entry_message, "StringStringEntryProto", [1] = ALB_WIRE_TEXT, [2] = ALB_WIRE_TEXT);

/* Where a tensor's elements are, as far as the first look tells. */
typedef struct content {
  alb_span message, raw;
  bool has_raw, is_external, has_location, has_offset, has_length;
  uint32_t typed;  /* the field of typed data; 0 for none */
  bool mixed;      /* typed data in two fields */
  size_t elements; /* in typed data */
  size_t pieces;   /* of typed data */
  alb_span piece;  /* the last one */
  alb_str location;
  uint64_t offset, length;
  uint64_t type;
  alb_str name;
} content;

static alb_status wrong(alb_onnx_reading *r, const content *c, alb_status status, const char *what) {
  return alb_fail(r->diag, status, "onnx: tensor \"%.*s\": %s", ALB_STR_ARGS(c->name), what);
}

static size_t count_varints(alb_span bytes) {
  size_t n = 0;
  for (size_t i = 0; i < bytes.n; i++) n += bytes.p[i] < 0x80;
  return n;
}

static void note_typed(content *c, const alb_wire_field *f) {
  const size_t size = f->number == FLOAT_DATA ? 4 : f->number == DOUBLE_DATA ? 8 : 0;
  if (f->bytes.n == 0) return;
  c->mixed = c->mixed || (c->typed && c->typed != f->number);
  c->typed = f->number;
  c->elements += size ? f->bytes.n / size : count_varints(f->bytes);
  c->pieces++;
  c->piece = f->bytes;
}

static alb_status add_dims(alb_onnx_reading *r, const content *c, alb_span packed, alb_onnx_tensor *out) {
  alb_wire wire = {r->diag, r->file, packed};
  while (wire.rest.n > 0) {
    uint64_t dim;
    ALB_TRY(alb_wire_varint(&wire, &dim));
    if (out->rank == ALB_ONNX_MAX_RANK) return wrong(r, c, ALB_LIMIT, "rank is above the limit of 8");
    out->dims[out->rank++] = (int64_t)dim;
  }
  return ALB_OK;
}

/* A decimal number without sign, spaces or leading text. */
static bool parse_number(alb_str text, uint64_t *out) {
  *out = 0;
  if (text.n == 0 || text.n > 20) return false;
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] < '0' || text.p[i] > '9') return false;
    if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(text.p[i] - '0'), out)) {
      return false;
    }
  }
  return true;
}

static alb_status set_number(alb_onnx_reading *r, const content *c, alb_str text, bool *has, uint64_t *out) {
  if (*has) return wrong(r, c, ALB_DUPLICATE, "an entry of external data stands twice");
  *has = true;
  return parse_number(text, out) ? ALB_OK
                                 : wrong(r, c, ALB_MALFORMED, "offset and length of external data must be numbers");
}

static alb_status read_entry(alb_onnx_reading *r, content *c, alb_span bytes) {
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  alb_str key = {0}, value = {0};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &entry_message, &f, &more));
    if (!more) break;
    if (f.number == 1) key = alb_wire_text(&f);
    if (f.number == 2) value = alb_wire_text(&f);
  }
  if (alb_str_is(key, "offset")) return set_number(r, c, value, &c->has_offset, &c->offset);
  if (alb_str_is(key, "length")) return set_number(r, c, value, &c->has_length, &c->length);
  if (!alb_str_is(key, "location")) return ALB_OK;
  if (c->has_location) return wrong(r, c, ALB_DUPLICATE, "an entry of external data stands twice");
  c->has_location = true;
  c->location = value;
  return ALB_OK;
}

static alb_status take_field(alb_onnx_reading *r, content *c, const alb_wire_field *f, alb_onnx_tensor *out) {
  switch (f->number) {
    case DIMS:
      return add_dims(r, c, f->bytes, out);
    case DATA_TYPE:
      c->type = f->value;
      return ALB_OK;
    case NAME:
      c->name = alb_wire_text(f);
      return ALB_OK;
    case RAW_DATA:
      c->raw = f->bytes;
      c->has_raw = true;
      return ALB_OK;
    case EXTERNAL_DATA:
      return read_entry(r, c, f->bytes);
    case DATA_LOCATION:
      c->is_external = f->value == 1;
      return f->value <= 1 ? ALB_OK : wrong(r, c, ALB_MALFORMED, "its data_location is not 0 or 1");
    case SEGMENT:
    case STRING_DATA:
      return f->bytes.n == 0 && f->number == SEGMENT
                 ? ALB_OK
                 : wrong(r, c, ALB_UNSUPPORTED, f->number == SEGMENT ? "segments" : "elements of type string");
    default:
      note_typed(c, f);
      return ALB_OK;
  }
}

static uint32_t typed_field_of(alb_onnx_type type) {
  switch (type) {
    case ALB_ONNX_FLOAT:
      return FLOAT_DATA;
    case ALB_ONNX_DOUBLE:
      return DOUBLE_DATA;
    case ALB_ONNX_INT64:
      return INT64_DATA;
    case ALB_ONNX_UINT32:
    case ALB_ONNX_UINT64:
      return UINT64_DATA;
    default:
      return INT32_DATA;
  }
}

/* Packed integers; 16-bit floats come as their bits. */
static alb_status decode_varints(alb_onnx_reading *r, alb_span packed, alb_onnx_tensor *out, size_t *at) {
  const size_t bytes = alb_onnx_type_bytes(out->type);
  alb_wire wire = {r->diag, r->file, packed};
  while (wire.rest.n > 0) {
    uint64_t value;
    uint8_t little[8];
    ALB_TRY(alb_wire_varint(&wire, &value));
    if (out->type == ALB_ONNX_BOOL) value = value != 0;
    alb_store_u64(little, value);
    memcpy(alb_onnx_tensor_data(out) + bytes * (*at)++, little, bytes);
  }
  return ALB_OK;
}

/* All pieces of typed data; their number of elements is known to be the tensor's. */
static alb_status decode_typed(alb_onnx_reading *r, const content *c, alb_onnx_tensor *out) {
  alb_wire wire = {r->diag, r->file, c->message};
  const bool fixed = c->typed == FLOAT_DATA || c->typed == DOUBLE_DATA;
  alb_wire_field f;
  size_t at = 0;
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &tensor_message, &f, &more));
    if (!more) return ALB_OK;
    if (f.number != c->typed || f.bytes.n == 0) continue;
    if (fixed) {
      memcpy(alb_onnx_tensor_data(out) + at, f.bytes.p, f.bytes.n);
      at += f.bytes.n;
    } else {
      ALB_TRY(decode_varints(r, f.bytes, out, &at));
    }
  }
}

static alb_status take_typed(alb_onnx_reading *r, const content *c, alb_onnx_tensor *out) {
  if (c->typed != typed_field_of(out->type)) return wrong(r, c, ALB_MALFORMED, "its data is in another type's field");
  if (c->elements != out->count) {
    return alb_fail(r->diag, ALB_SHAPE, "onnx: tensor \"%.*s\": %zu elements where its shape has %zu",
                    ALB_STR_ARGS(c->name), c->elements, out->count);
  }
  if (c->pieces == 1 && (c->typed == FLOAT_DATA || c->typed == DOUBLE_DATA)) {
    out->data = c->piece.p;
    return ALB_OK;
  }
  alb_onnx_tensor decoded = {0};
  ALB_TRY(alb_onnx_tensor_new(r->diag, out->type, out->rank, out->dims, &decoded));
  *out = decoded; /* given back by the caller when the next line fails */
  return decode_typed(r, c, out);
}

static alb_status take_external(alb_onnx_reading *r, const content *c, size_t need, alb_span *bytes) {
  if (!c->has_location) return wrong(r, c, ALB_MALFORMED, "external data needs a location");
  if (c->has_length && c->length != need) return wrong(r, c, ALB_SHAPE, "length of external data is not its shape's");
  return alb_onnx_external(r, c->location, c->offset, need, bytes);
}

static alb_status take_data(alb_onnx_reading *r, const content *c, alb_onnx_tensor *out) {
  const size_t need = alb_onnx_tensor_bytes(out);
  alb_span bytes = c->raw;
  if (c->mixed || (c->is_external + (c->raw.n > 0) + (c->typed != 0) > 1)) {
    return wrong(r, c, ALB_MALFORMED, "its data stands in two places");
  }
  if (c->typed) return take_typed(r, c, out);
  if (c->is_external) ALB_TRY(take_external(r, c, need, &bytes));
  if (bytes.n != need) {
    return alb_fail(r->diag, ALB_SHAPE, "onnx: tensor \"%.*s\": %zu bytes of data where its shape and type need %zu",
                    ALB_STR_ARGS(c->name), bytes.n, need);
  }
  out->data = bytes.p;
  return ALB_OK;
}

static alb_status set_type(alb_onnx_reading *r, const content *c, alb_onnx_tensor *out) {
  out->type = alb_onnx_type_of(c->type);
  if (alb_onnx_type_bytes(out->type)) return ALB_OK;
  return alb_fail(r->diag, ALB_UNSUPPORTED, "onnx: tensor \"%.*s\": elements of type %s (%llu)", ALB_STR_ARGS(c->name),
                  alb_onnx_type_name(out->type), (unsigned long long)c->type);
}

alb_status alb_onnx_read_tensor(alb_onnx_reading *r, alb_span bytes, alb_str *name, alb_onnx_tensor *out) {
  content c = {.message = bytes};
  alb_wire wire = {r->diag, r->file, bytes};
  alb_wire_field f;
  size_t size;
  *out = (alb_onnx_tensor){0};
  for (bool more;;) {
    ALB_TRY(alb_wire_next(&wire, &tensor_message, &f, &more));
    if (!more) break;
    ALB_TRY(take_field(r, &c, &f, out));
  }
  *name = c.name;
  ALB_TRY(set_type(r, &c, out));
  alb_status status = alb_onnx_count(r->diag, out->rank, out->dims, &out->count);
  if (status != ALB_OK) alb_diag_prefix(r->diag, "onnx: tensor \"%.*s\"", ALB_STR_ARGS(c.name));
  if (status == ALB_OK && !alb_mul_ok(out->count, alb_onnx_type_bytes(out->type), &size)) {
    status = wrong(r, &c, ALB_OVERFLOW, "its size overflows");
  }
  if (status == ALB_OK) status = take_data(r, &c, out);
  if (status != ALB_OK) alb_onnx_tensor_free(out);
  return status;
}
