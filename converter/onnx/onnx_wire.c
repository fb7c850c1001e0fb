/* The wire form of protobuf: varints, lengths, groups; every length is checked against what is left. */
#include "converter/onnx/onnx_wire.h"

#include "base/utf8.h"
#include "base/varint.h"

enum { MAX_GROUPS = 100, TYPE_VARINT = 0, TYPE_FIXED64, TYPE_BYTES, TYPE_START, TYPE_END, TYPE_FIXED32 };

static size_t offset(const alb_wire *wire) {
  return (size_t)(wire->rest.p - wire->file);
}

static alb_status wrong(const alb_wire *wire, alb_status status, const char *what) {
  return alb_fail(wire->diag, status, "protobuf: %s (offset %zu)", what, offset(wire));
}

alb_status alb_wire_varint(alb_wire *wire, uint64_t *value) {
  const alb_status status = alb_take_varint(&wire->rest, value);
  if (status == ALB_OK) return ALB_OK;
  return wrong(wire, status, status == ALB_TRUNCATED ? "ends within a varint" : "a varint is longer than 64 bits");
}

static alb_status take(alb_wire *wire, size_t n, alb_span *out) {
  if (alb_span_take(&wire->rest, n, out)) return ALB_OK;
  return alb_fail(wire->diag, ALB_TRUNCATED, "protobuf: a field of %zu bytes where %zu are left (offset %zu)", n,
                  wire->rest.n, offset(wire));
}

static alb_status take_tag(alb_wire *wire, uint32_t *number, uint32_t *type) {
  uint64_t tag;
  ALB_TRY(alb_wire_varint(wire, &tag));
  *type = (uint32_t)(tag & 7);
  if (tag >> 3 == 0 || tag >> 32 != 0) return wrong(wire, ALB_MALFORMED, "a field's number must be 1 to 2^29-1");
  if (*type > TYPE_FIXED32) return wrong(wire, ALB_MALFORMED, "a wire type must be 0 to 5");
  *number = (uint32_t)(tag >> 3);
  return ALB_OK;
}

/* The content of a field that is no group. */
static alb_status take_content(alb_wire *wire, uint32_t type, alb_wire_field *field) {
  const uint8_t *begin = wire->rest.p;
  uint64_t n;
  if (type == TYPE_FIXED64) return take(wire, 8, &field->bytes);
  if (type == TYPE_FIXED32) return take(wire, 4, &field->bytes);
  ALB_TRY(alb_wire_varint(wire, &n));
  if (type == TYPE_BYTES) return take(wire, n, &field->bytes);
  field->value = n;
  field->bytes = (alb_span){begin, (size_t)(wire->rest.p - begin)};
  return ALB_OK;
}

/* A group, without a look at what is in it, after its first tag. */
static alb_status skip_group(alb_wire *wire, uint32_t first) {
  uint32_t open[MAX_GROUPS] = {first}, number = 0, type = 0;
  for (size_t depth = 1; depth > 0;) {
    alb_wire_field ignored;
    ALB_TRY(take_tag(wire, &number, &type));
    if (type == TYPE_START) {
      if (depth == MAX_GROUPS) return wrong(wire, ALB_LIMIT, "groups are nested deeper than 100");
      open[depth++] = number;
    } else if (type == TYPE_END) {
      if (open[--depth] != number) return wrong(wire, ALB_MALFORMED, "a group ends that was not begun");
    } else {
      ALB_TRY(take_content(wire, type, &ignored));
    }
  }
  return ALB_OK;
}

/* The wire type of a field is one that its kind can have. */
static bool fits(uint8_t kind, uint32_t type) {
  switch (kind) {
    case ALB_WIRE_VARINT:
      return type == TYPE_VARINT;
    case ALB_WIRE_FIXED32:
      return type == TYPE_FIXED32;
    case ALB_WIRE_VARINTS:
      return type == TYPE_VARINT || type == TYPE_BYTES;
    case ALB_WIRE_FIXED32S:
      return type == TYPE_FIXED32 || type == TYPE_BYTES;
    case ALB_WIRE_FIXED64S:
      return type == TYPE_FIXED64 || type == TYPE_BYTES;
    default:
      return type == TYPE_BYTES;
  }
}

static alb_status check(const alb_wire *wire, const alb_wire_message *message, uint8_t kind, uint32_t type,
                        const alb_wire_field *field) {
  if (!fits(kind, type)) {
    return alb_fail(wire->diag, ALB_MALFORMED, "protobuf: field %u of a %s has wire type %u (offset %zu)",
                    field->number, message->name, type, offset(wire));
  }
  const bool whole =
      (kind != ALB_WIRE_FIXED32S || field->bytes.n % 4 == 0) && (kind != ALB_WIRE_FIXED64S || field->bytes.n % 8 == 0);
  if (!whole) return wrong(wire, ALB_MALFORMED, "packed numbers end within one");
  if (kind == ALB_WIRE_TEXT && !alb_utf8_valid(alb_wire_text(field))) {
    return wrong(wire, ALB_MALFORMED, "a text is not UTF-8");
  }
  return ALB_OK;
}

alb_status alb_wire_next(alb_wire *wire, const alb_wire_message *message, alb_wire_field *field, bool *more) {
  while (wire->rest.n > 0) {
    uint32_t type;
    *field = (alb_wire_field){0};
    ALB_TRY(take_tag(wire, &field->number, &type));
    if (type == TYPE_END) return wrong(wire, ALB_MALFORMED, "a group ends that was not begun");
    const uint8_t kind = field->number < message->count ? message->kinds[field->number] : ALB_WIRE_SKIP;
    if (type == TYPE_START && kind == ALB_WIRE_SKIP) {
      ALB_TRY(skip_group(wire, field->number));
      continue;
    }
    if (type != TYPE_START) ALB_TRY(take_content(wire, type, field));
    if (kind == ALB_WIRE_SKIP) continue;
    *more = true;
    return check(wire, message, kind, type, field);
  }
  *more = false;
  return ALB_OK;
}

alb_status alb_wire_count(alb_wire wire, const alb_wire_message *message, uint32_t number, size_t *count) {
  alb_wire_field field;
  bool more;
  *count = 0;
  for (;;) {
    ALB_TRY(alb_wire_next(&wire, message, &field, &more));
    if (!more) return ALB_OK;
    *count += field.number == number;
  }
}

alb_status alb_wire_any(alb_wire *wire, alb_wire_field *field, alb_span *whole, bool *more) {
  const uint8_t *begin = wire->rest.p;
  uint32_t type;
  *field = (alb_wire_field){0};
  *more = wire->rest.n > 0;
  if (!*more) return ALB_OK;
  ALB_TRY(take_tag(wire, &field->number, &type));
  if (type == TYPE_END) return wrong(wire, ALB_MALFORMED, "a group ends that was not begun");
  ALB_TRY(type == TYPE_START ? skip_group(wire, field->number) : take_content(wire, type, field));
  *whole = (alb_span){begin, (size_t)(wire->rest.p - begin)};
  return ALB_OK;
}
