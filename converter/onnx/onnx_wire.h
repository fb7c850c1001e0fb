/* The wire form of protobuf, read field by field where it lies: nothing is copied, no message is built.
 * https://protobuf.dev/programming-guides/encoding */
#ifndef ALB_CONVERTER_ONNX_WIRE_H
#define ALB_CONVERTER_ONNX_WIRE_H

#include "base/span.h"
#include "base/status.h"

/* One message being read; `file` is the whole file, for offsets in messages. */
typedef struct alb_wire {
  alb_diag *diag;
  const uint8_t *file;
  alb_span rest;
} alb_wire;

/* What a field holds, at [number] of a message's table; 0: a field that is passed over. */
typedef enum alb_wire_kind {
  ALB_WIRE_SKIP = 0,
  ALB_WIRE_VARINT,   /* int32, int64, enum, bool */
  ALB_WIRE_FIXED32,  /* float */
  ALB_WIRE_BYTES,    /* bytes, a message, packed numbers */
  ALB_WIRE_TEXT,     /* BYTES that must be UTF-8 */
  ALB_WIRE_VARINTS,  /* repeated: one number or packed ones */
  ALB_WIRE_FIXED32S, /* repeated float: the same */
  ALB_WIRE_FIXED64S  /* repeated double: the same */
} alb_wire_kind;

typedef struct alb_wire_message {
  const char *name;
  size_t count; /* of kinds */
  const uint8_t *kinds;
} alb_wire_message;

/* A field with its content: a varint's value, or bytes of the file. Numbers of fixed size and packed ones
 * come as bytes, a lone varint of a repeated field also in `bytes`. */
typedef struct alb_wire_field {
  uint32_t number;
  uint64_t value;
  alb_span bytes;
} alb_wire_field;

/* The next field that the table has; *more is false at the end of the message. Fields that the table lacks, and groups
 * (nested at most 100 deep), are passed over. ALB_MALFORMED, ALB_TRUNCATED, ALB_LIMIT. */
alb_status alb_wire_next(alb_wire *wire, const alb_wire_message *message, alb_wire_field *field, bool *more);

/* Takes one varint from the front of packed ones. */
alb_status alb_wire_varint(alb_wire *wire, uint64_t *value);

/* How many fields of that number a message has. Errors as above. */
alb_status alb_wire_count(alb_wire wire, const alb_wire_message *message, uint32_t number, size_t *count);

static inline alb_wire alb_wire_of(const alb_wire *outer, alb_span bytes) {
  return (alb_wire){outer->diag, outer->file, bytes};
}

static inline alb_str alb_wire_text(const alb_wire_field *field) {
  return (alb_str){(const char *)field->bytes.p, field->bytes.n};
}

#endif
