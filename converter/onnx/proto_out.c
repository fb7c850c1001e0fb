/* Writing the protobuf wire format into memory (protobuf.dev/programming-guides/encoding). */
#include "converter/onnx/proto_out.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_32 = 5, MAX_VARINT = 10 };

void alb_proto_append(alb_proto *p, const void *bytes, size_t n) {
  if (p->failed || !alb_vec_reserve(&p->bytes, n)) {
    p->failed = true;
    return;
  }
  if (n) memcpy(p->bytes.items + p->bytes.count, bytes, n);
  p->bytes.count += n;
}

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static size_t encode(uint64_t value, uint8_t out[MAX_VARINT]) {
  size_t n = 0;
  for (; value >= 0x80; value >>= 7) out[n++] = (uint8_t)(value | 0x80);
  out[n++] = (uint8_t)value;
  return n;
}

static void put_varint(alb_proto *p, uint64_t value) {
  uint8_t bytes[MAX_VARINT];
  alb_proto_append(p, bytes, encode(value, bytes));
}

static void put_key(alb_proto *p, unsigned field, unsigned wire) {
  put_varint(p, (uint64_t)field << 3 | wire);
}

void alb_proto_int(alb_proto *p, unsigned field, int64_t value) {
  put_key(p, field, WIRE_VARINT);
  put_varint(p, (uint64_t)value);
}

void alb_proto_float(alb_proto *p, unsigned field, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(p, field, WIRE_32);
  const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
  alb_proto_append(p, bytes, sizeof bytes);
}

void alb_proto_head(alb_proto *p, unsigned field, uint64_t n) {
  put_key(p, field, WIRE_BYTES);
  put_varint(p, n);
}

void alb_proto_bytes(alb_proto *p, unsigned field, const void *bytes, size_t n) {
  alb_proto_head(p, field, n);
  alb_proto_append(p, bytes, n);
}

void alb_proto_text(alb_proto *p, unsigned field, const char *text) {
  alb_proto_bytes(p, field, text, strlen(text));
}

size_t alb_proto_begin(alb_proto *p, unsigned field) {
  put_key(p, field, WIRE_BYTES);
  return p->bytes.count;
}

/* The length goes before what was written since begin: messages are small, so moving them is cheap. */
void alb_proto_end(alb_proto *p, size_t begin) {
  uint8_t length[MAX_VARINT];
  if (p->failed) return;
  const size_t size = p->bytes.count - begin, n = encode(size, length);
  alb_proto_append(p, length, n);
  if (p->failed) return;
  memmove(p->bytes.items + begin + n, p->bytes.items + begin, size);
  memcpy(p->bytes.items + begin, length, n);
}

void alb_proto_free(alb_proto *p) {
  alb_vec_free(&p->bytes);
  p->failed = false;
}
