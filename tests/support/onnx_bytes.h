/* ONNX messages written by hand, for unit tests. */
#ifndef ALB_TESTS_ONNX_BYTES_H
#define ALB_TESTS_ONNX_BYTES_H

#include "base/span.h"

/* Bytes being written; start with {0}. Tests are small: it holds 64 KiB and fails the test beyond. */
typedef struct onnx_bytes {
  uint8_t p[65536];
  size_t n;
} onnx_bytes;

void onnx_varint(onnx_bytes *out, uint64_t value);
void onnx_number(onnx_bytes *out, uint32_t field, uint64_t value);
void onnx_data(onnx_bytes *out, uint32_t field, const void *p, size_t n);
void onnx_text(onnx_bytes *out, uint32_t field, const char *text);
void onnx_message(onnx_bytes *out, uint32_t field, const onnx_bytes *message);

/* A NodeProto field: operator, then inputs and outputs as "a b" and "c". */
void onnx_node(onnx_bytes *graph, const char *op, const char *inputs, const char *outputs);
/* An initialiser of floats. */
void onnx_floats(onnx_bytes *graph, const char *name, size_t count, const float *values);
void onnx_value(onnx_bytes *graph, uint32_t field, const char *name);
/* A model of that graph, opset 17. */
void onnx_model(onnx_bytes *out, const onnx_bytes *graph);

static inline alb_span onnx_span(const onnx_bytes *bytes) {
  return (alb_span){bytes->p, bytes->n};
}

#endif
