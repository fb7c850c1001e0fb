/* The wire format of protocol buffers, field by field. */
#include "converter/tf_wire.h"

#include "base/varint.h"

bool alb_tf_wire_varint(alb_span *from, uint64_t *value) {
  return alb_take_varint(from, value) == ALB_OK;
}

static bool take_value(alb_span *message, alb_tf_wire_field *field) {
  uint64_t size;
  switch (field->type) {
    case ALB_TF_WIRE_VARINT:
      return alb_tf_wire_varint(message, &field->value);
    case ALB_TF_WIRE_64:
      if (!alb_span_take(message, 8, &field->bytes)) return false;
      field->value = alb_load_u64(field->bytes.p);
      return true;
    case ALB_TF_WIRE_32:
      if (!alb_span_take(message, 4, &field->bytes)) return false;
      field->value = alb_load_u32(field->bytes.p);
      return true;
    case ALB_TF_WIRE_BYTES:
      return alb_tf_wire_varint(message, &size) && size <= message->n &&
             alb_span_take(message, (size_t)size, &field->bytes);
  }
  return false;
}

bool alb_tf_wire_next(alb_span *message, alb_tf_wire_field *field) {
  uint64_t tag;
  *field = (alb_tf_wire_field){0};
  if (!alb_tf_wire_varint(message, &tag) || tag >> 3 == 0 || tag >> 32) return false;
  field->number = (uint32_t)(tag >> 3);
  field->type = (alb_tf_wire_type)(tag & 7);
  return take_value(message, field);
}
