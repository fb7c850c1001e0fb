/* The wire format of protocol buffers, field by field, borrowed: for the few small messages of a TensorFlow
 * checkpoint's index. https://protobuf.dev/programming-guides/encoding/ */
#ifndef ALB_CONVERTER_TF_WIRE_H
#define ALB_CONVERTER_TF_WIRE_H

#include "base/span.h"

typedef enum alb_tf_wire_type {
  ALB_TF_WIRE_VARINT = 0,
  ALB_TF_WIRE_64 = 1,
  ALB_TF_WIRE_BYTES = 2,
  ALB_TF_WIRE_32 = 5
} alb_tf_wire_type;

typedef struct alb_tf_wire_field {
  uint32_t number;
  alb_tf_wire_type type;
  uint64_t value; /* VARINT, 64, 32 */
  alb_span bytes; /* BYTES: part of the message */
} alb_tf_wire_field;

/* Takes a varint of at most 64 bits off *from; false: cut short or too long (*from is then undefined). */
bool alb_tf_wire_varint(alb_span *from, uint64_t *value);

/* Takes the next field off *message, which is not empty. False: malformed (also groups, which nobody writes). */
bool alb_tf_wire_next(alb_span *message, alb_tf_wire_field *field);

#endif
