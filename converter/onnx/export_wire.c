/* Nodes, ports, functions and heads of initializers as the messages of onnx.proto (the ONNX project's). */
#include <stdio.h>
#include <string.h>

#include "converter/onnx/export_wire.h"

/* Field numbers of onnx.proto. */
/* clang-format off */
enum {
  MODEL_IR_VERSION = 1, MODEL_PRODUCER = 2, MODEL_PRODUCER_VERSION = 3, MODEL_GRAPH = 7, MODEL_OPSET = 8,
  MODEL_METADATA = 14, MODEL_FUNCTIONS = 25,
  OPSET_DOMAIN = 1, OPSET_VERSION = 2,
  ENTRY_KEY = 1, ENTRY_VALUE = 2,
  GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12,
  NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7,
  ATTR_NAME = 1, ATTR_F = 2, ATTR_I = 3, ATTR_S = 4, ATTR_T = 5, ATTR_INTS = 8, ATTR_TYPE = 20,
  TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9, TENSOR_EXTERNAL = 13, TENSOR_LOCATION = 14,
  VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_ELEM = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1,
  DIM_VALUE = 1, DIM_PARAM = 2,
  FUNCTION_NAME = 1, FUNCTION_INPUT = 4, FUNCTION_OUTPUT = 5, FUNCTION_NODE = 7, FUNCTION_OPSET = 9,
  FUNCTION_DOMAIN = 10,
};
/* clang-format on */

/* TensorProto.DataLocation */
enum { EXTERNAL = 1 };
/* AttributeProto.AttributeType */
enum { TYPE_FLOAT = 1, TYPE_INT = 2, TYPE_STRING = 3, TYPE_TENSOR_ATTR = 4, TYPE_INTS = 7 };

#define LOCAL_DOMAIN "albert_convert"

/* ---- nodes ---- */

static void put_scalar_tensor(alb_proto *p, const alb_out_attr *attr) {
  const size_t tensor = alb_proto_begin(p, ATTR_T);
  if (attr->i64s && !attr->scalar) alb_proto_int(p, TENSOR_DIMS, (int64_t)attr->count);
  alb_proto_int(p, TENSOR_TYPE, attr->i64s ? ALB_OUT_I64 : ALB_OUT_F32);
  alb_proto_head(p, TENSOR_RAW, attr->i64s ? 8 * attr->count : 4);
  for (size_t i = 0; i < attr->count; i++) {
    uint8_t bytes[8];
    alb_store_u64(bytes, (uint64_t)attr->i64s[i]);
    alb_proto_append(p, bytes, sizeof bytes);
  }
  if (!attr->i64s) {
    uint8_t bytes[4];
    uint32_t bits;
    memcpy(&bits, &attr->f, sizeof bits);
    alb_store_u32(bytes, bits);
    alb_proto_append(p, bytes, sizeof bytes);
  }
  alb_proto_end(p, tensor);
}

static void put_attribute(alb_proto *p, const alb_out_attr *attr) {
  static const int types[] = {[ALB_OUT_ATTR_INT] = TYPE_INT,
                              [ALB_OUT_ATTR_FLOAT] = TYPE_FLOAT,
                              [ALB_OUT_ATTR_TEXT] = TYPE_STRING,
                              [ALB_OUT_ATTR_INTS] = TYPE_INTS,
                              [ALB_OUT_ATTR_TENSOR] = TYPE_TENSOR_ATTR};
  const size_t begin = alb_proto_begin(p, NODE_ATTRIBUTE);
  alb_proto_text(p, ATTR_NAME, attr->name);
  if (attr->kind == ALB_OUT_ATTR_FLOAT) alb_proto_float(p, ATTR_F, attr->f);
  if (attr->kind == ALB_OUT_ATTR_INT) alb_proto_int(p, ATTR_I, attr->i);
  if (attr->kind == ALB_OUT_ATTR_TEXT) alb_proto_text(p, ATTR_S, attr->text);
  if (attr->kind == ALB_OUT_ATTR_TENSOR) put_scalar_tensor(p, attr);
  for (size_t i = 0; attr->kind == ALB_OUT_ATTR_INTS && i < attr->count; i++) {
    alb_proto_int(p, ATTR_INTS, attr->i64s[i]);
  }
  alb_proto_int(p, ATTR_TYPE, types[attr->kind]);
  alb_proto_end(p, begin);
}

static void put_node(alb_proto *p, unsigned field, const alb_out_node *node) {
  const size_t begin = alb_proto_begin(p, field);
  for (size_t i = 0; i < node->input_count; i++) alb_proto_text(p, NODE_INPUT, node->inputs[i]);
  for (size_t i = 0; i < node->output_count; i++) alb_proto_text(p, NODE_OUTPUT, node->outputs[i]);
  alb_proto_text(p, NODE_NAME, node->outputs[0]);
  alb_proto_text(p, NODE_OP, node->op);
  for (size_t i = 0; i < node->attr_count; i++) put_attribute(p, &node->attrs[i]);
  if (node->domain) alb_proto_text(p, NODE_DOMAIN, node->domain);
  alb_proto_end(p, begin);
}

static void put_nodes(alb_proto *p, unsigned field, const alb_out_block *block) {
  for (size_t i = 0; i < block->nodes.count; i++) put_node(p, field, &block->nodes.items[i]);
}

/* ---- what stands around the weights ---- */

static void put_port(alb_proto *p, unsigned field, const alb_out_port *port) {
  static const char *const symbols[] = {"", "batch_size", "sequence_length"};
  const size_t value = alb_proto_begin(p, field);
  alb_proto_text(p, VALUE_NAME, port->name);
  const size_t type = alb_proto_begin(p, VALUE_TYPE), tensor = alb_proto_begin(p, TYPE_TENSOR);
  alb_proto_int(p, TENSOR_ELEM, port->type);
  const size_t shape = alb_proto_begin(p, TENSOR_SHAPE);
  for (size_t i = 0; i < port->rank; i++) {
    const size_t dim = alb_proto_begin(p, SHAPE_DIM);
    if (port->dims[i] < 0) alb_proto_text(p, DIM_PARAM, symbols[-port->dims[i]]);
    if (port->dims[i] >= 0) alb_proto_int(p, DIM_VALUE, port->dims[i]);
    alb_proto_end(p, dim);
  }
  alb_proto_end(p, shape);
  alb_proto_end(p, tensor);
  alb_proto_end(p, type);
  alb_proto_end(p, value);
}

static void put_opset(alb_proto *p, unsigned field, const char *domain, int64_t version) {
  const size_t begin = alb_proto_begin(p, field);
  alb_proto_text(p, OPSET_DOMAIN, domain);
  alb_proto_int(p, OPSET_VERSION, version);
  alb_proto_end(p, begin);
}

static void put_entry(alb_proto *p, unsigned field, const char *key, const char *value) {
  const size_t begin = alb_proto_begin(p, field);
  alb_proto_text(p, ENTRY_KEY, key);
  alb_proto_text(p, ENTRY_VALUE, value);
  alb_proto_end(p, begin);
}

static void put_function(alb_proto *p, const alb_out_function *f, unsigned opset) {
  const size_t begin = alb_proto_begin(p, MODEL_FUNCTIONS);
  alb_proto_text(p, FUNCTION_NAME, f->name);
  for (size_t i = 0; i < f->input_count; i++) alb_proto_text(p, FUNCTION_INPUT, f->inputs[i]);
  alb_proto_text(p, FUNCTION_OUTPUT, f->output);
  put_nodes(p, FUNCTION_NODE, &f->body);
  put_opset(p, FUNCTION_OPSET, "", opset);
  alb_proto_text(p, FUNCTION_DOMAIN, LOCAL_DOMAIN);
  alb_proto_end(p, begin);
}

/* What the graph does not say: for people, and for a way back. */
static void put_metadata(alb_proto *p, const alb_package *package) {
  put_entry(p, MODEL_METADATA, "architecture", package->config->architecture);
  put_entry(p, MODEL_METADATA, "task", package->task);
  put_entry(p, MODEL_METADATA, "dtype", package->dtype);
  put_entry(p, MODEL_METADATA, "share", package->share);
  if (!package->embedding || !package->embedding->stated) return;
  put_entry(p, MODEL_METADATA, "pooling", package->embedding->pooling);
  put_entry(p, MODEL_METADATA, "normalize", package->embedding->normalize ? "true" : "false");
}

/* The lowest version of the format that has the opset. */
static int64_t ir_version(unsigned opset) {
  return opset >= 21 ? 10 : opset >= 19 ? 9 : 8;
}

/* ---- the parts of a file ---- */

void alb_export_wire_head(const alb_export *model, uint64_t graph, alb_proto *p) {
  alb_proto_int(p, MODEL_IR_VERSION, ir_version(model->options.opset));
  alb_proto_text(p, MODEL_PRODUCER, "albert-convert");
  alb_proto_text(p, MODEL_PRODUCER_VERSION, ALB_VERSION_TEXT);
  alb_proto_head(p, MODEL_GRAPH, graph);
}

void alb_export_wire_nodes(const alb_export *model, alb_proto *p) {
  put_nodes(p, GRAPH_NODE, &model->graph);
  alb_proto_text(p, GRAPH_NAME, model->package->config->architecture);
}

void alb_export_wire_ports(const alb_export *model, alb_proto *p) {
  for (size_t i = 0; i < model->inputs.count; i++) put_port(p, GRAPH_INPUT, &model->inputs.items[i]);
  for (size_t i = 0; i < model->outputs.count; i++) put_port(p, GRAPH_OUTPUT, &model->outputs.items[i]);
}

void alb_export_wire_tail(const alb_export *model, alb_proto *p) {
  put_opset(p, MODEL_OPSET, "", model->options.opset);
  if (model->functions.count) put_opset(p, MODEL_OPSET, LOCAL_DOMAIN, 1);
  put_metadata(p, model->package);
  for (size_t i = 0; i < model->functions.count; i++) put_function(p, model->functions.items[i], model->options.opset);
}

static int64_t tensor_type(alb_dtype dtype) {
  switch (dtype) {
    case ALB_F16:
      return ALB_OUT_F16;
    case ALB_BF16:
      return ALB_OUT_BF16;
    case ALB_I8:
      return ALB_OUT_I8;
    default:
      return ALB_OUT_F32;
  }
}

static void put_number_entry(alb_proto *p, const char *key, uint64_t number) {
  char text[24];
  (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  put_entry(p, TENSOR_EXTERNAL, key, text);
}

void alb_export_wire_initializer(const alb_initializer *item, uint64_t bytes, const char *location, uint64_t offset,
                                 alb_proto *p) {
  alb_proto tensor = {0};
  for (size_t i = 0; i < item->rank; i++) alb_proto_int(&tensor, TENSOR_DIMS, (int64_t)item->dims[i]);
  alb_proto_int(&tensor, TENSOR_TYPE, tensor_type(item->dtype));
  alb_proto_text(&tensor, TENSOR_NAME, item->name);
  if (location) {
    put_entry(&tensor, TENSOR_EXTERNAL, "location", location);
    put_number_entry(&tensor, "offset", offset);
    put_number_entry(&tensor, "length", bytes);
    alb_proto_int(&tensor, TENSOR_LOCATION, EXTERNAL);
  } else {
    alb_proto_head(&tensor, TENSOR_RAW, bytes);
  }
  alb_proto_head(p, GRAPH_INITIALIZER, tensor.bytes.count + (location ? 0 : bytes));
  alb_proto_append(p, tensor.bytes.items, tensor.bytes.count);
  p->failed |= tensor.failed;
  alb_proto_free(&tensor);
}
