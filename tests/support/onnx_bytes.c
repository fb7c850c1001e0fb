/* ONNX messages written by hand. */
#include "tests/support/onnx_bytes.h"

#include "tests/support/check.h"

static void put(onnx_bytes *out, const void *p, size_t n) {
  assert_true(n <= sizeof out->p - out->n);
  if (n) memcpy(out->p + out->n, p, n);
  out->n += n;
}

void onnx_varint(onnx_bytes *out, uint64_t value) {
  for (;;) {
    const uint8_t byte = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
    put(out, &byte, 1);
    value >>= 7;
    if (!value) return;
  }
}

void onnx_number(onnx_bytes *out, uint32_t field, uint64_t value) {
  onnx_varint(out, field << 3);
  onnx_varint(out, value);
}

void onnx_data(onnx_bytes *out, uint32_t field, const void *p, size_t n) {
  onnx_varint(out, field << 3 | 2);
  onnx_varint(out, n);
  put(out, p, n);
}

void onnx_text(onnx_bytes *out, uint32_t field, const char *text) {
  onnx_data(out, field, text, strlen(text));
}

void onnx_message(onnx_bytes *out, uint32_t field, const onnx_bytes *message) {
  onnx_data(out, field, message->p, message->n);
}

/* Each word of a list as one field. */
static void words(onnx_bytes *out, uint32_t field, const char *list) {
  while (*list) {
    const size_t n = strcspn(list, " ");
    onnx_data(out, field, list, n);
    list += n + (list[n] == ' ');
  }
}

void onnx_node(onnx_bytes *graph, const char *op, const char *inputs, const char *outputs) {
  static onnx_bytes node;
  node.n = 0;
  words(&node, 1, inputs);
  words(&node, 2, outputs);
  onnx_text(&node, 4, op);
  onnx_message(graph, 1, &node);
}

void onnx_floats(onnx_bytes *graph, const char *name, size_t count, const float *values) {
  static onnx_bytes tensor;
  tensor.n = 0;
  onnx_number(&tensor, 1, count);
  onnx_number(&tensor, 2, 1);
  onnx_text(&tensor, 8, name);
  onnx_data(&tensor, 9, values, count * sizeof *values);
  onnx_message(graph, 5, &tensor);
}

void onnx_value(onnx_bytes *graph, uint32_t field, const char *name) {
  static onnx_bytes info;
  info.n = 0;
  onnx_text(&info, 1, name);
  onnx_message(graph, field, &info);
}

void onnx_model(onnx_bytes *out, const onnx_bytes *graph) {
  static onnx_bytes opset;
  opset.n = 0;
  onnx_number(&opset, 2, 17);
  onnx_number(out, 1, 8);
  onnx_message(out, 7, graph);
  onnx_message(out, 8, &opset);
}
