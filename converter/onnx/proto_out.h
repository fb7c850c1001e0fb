/* Writing the protobuf wire format into memory: keys, numbers, texts, messages in messages. */
#ifndef ALB_CONVERTER_ONNX_PROTO_OUT_H
#define ALB_CONVERTER_ONNX_PROTO_OUT_H

#include <stdint.h>

#include "base/vec.h"

/* Start with {0}; alb_proto_free at the end. A failure for lack of memory stays: `failed` is looked
 * at once, after the last field. */
typedef struct alb_proto {
  ALB_VEC(uint8_t) bytes;
  bool failed;
} alb_proto;

void alb_proto_int(alb_proto *p, unsigned field, int64_t value); /* int64, int32, enum: a varint */
void alb_proto_float(alb_proto *p, unsigned field, float value);
void alb_proto_bytes(alb_proto *p, unsigned field, const void *bytes, size_t n);
void alb_proto_text(alb_proto *p, unsigned field, const char *text);
/* The key and the length of n bytes that the caller writes elsewhere. */
void alb_proto_head(alb_proto *p, unsigned field, uint64_t n);
/* Bytes that are fields already. */
void alb_proto_append(alb_proto *p, const void *bytes, size_t n);

/* A message as a field: begin, its fields, end with what begin returned. They nest. */
size_t alb_proto_begin(alb_proto *p, unsigned field);
void alb_proto_end(alb_proto *p, size_t begin);

void alb_proto_free(alb_proto *p);

#endif
