/* What the parts of the ONNX reader share while a file is read. Not for others. */
#ifndef ALB_CONVERTER_ONNX_READING_H
#define ALB_CONVERTER_ONNX_READING_H

#include "base/strmap.h"
#include "converter/onnx/onnx_graph.h"
#include "converter/onnx/onnx_wire.h"

enum {
  ALB_ONNX_MAX_NODES = 1 << 18, /* of all graphs together, with functions inlined */
  ALB_ONNX_MAX_VALUES = 1 << 19,
  ALB_ONNX_MAX_FUNCTIONS = 1024,
  ALB_ONNX_MAX_ATTRIBUTES = 256, /* of a node; defaults of a function */
  ALB_ONNX_MAX_DEPTH = 16,       /* of subgraphs and of calls of functions, together */
  ALB_ONNX_MIN_OPSET = 1,        /* tests of old operators; encoders begin at 7 */
  ALB_ONNX_MAX_OPSET = 24
};

/* A local function, not read before it is called. */
typedef struct alb_onnx_function {
  alb_str domain, name, overload;
  alb_span bytes;
  ALB_VEC(alb_onnx_opset) opsets;
  ALB_VEC(alb_span) defaults; /* AttributeProto each */
} alb_onnx_function;

/* Bytes of an external file that a tensor has. */
typedef struct alb_onnx_range {
  size_t file, begin, end;
} alb_onnx_range;

typedef struct alb_onnx_reading {
  alb_diag *diag;
  const uint8_t *file;
  const char *folder; /* of external data; NULL for none */
  alb_onnx_model *model;
  size_t nodes; /* read so far, calls of functions included */
  ALB_VEC(alb_onnx_function) functions;
  alb_strmap external; /* location -> file of the model */
  ALB_VEC(alb_onnx_range) ranges;
} alb_onnx_reading;

/* A name of a scope. */
typedef struct alb_onnx_binding {
  uint32_t value; /* ALB_ONNX_NONE: an input that the call leaves out */
  bool open;      /* output of a function that no node has made yet */
} alb_onnx_binding;

/* The names that a list of nodes sees. */
typedef struct alb_onnx_scope {
  struct alb_onnx_scope *outer; /* of a subgraph; NULL for the main graph and for bodies of functions */
  uint32_t graph;               /* where nodes go */
  size_t depth;
  alb_strmap names;
  ALB_VEC(alb_onnx_binding) bindings; /* of names */
  ALB_VEC(uint32_t) captures;         /* outer values that were looked up */
  const alb_onnx_opset *opsets;
  size_t opset_count;
  const alb_onnx_node *call;         /* whose attributes references name; NULL outside of functions */
  const alb_onnx_function *function; /* the same, with its defaults */
} alb_onnx_scope;

void alb_onnx_scope_free(alb_onnx_scope *scope);
/* Makes a new value with a name that the scope does not have yet (ALB_DUPLICATE), or takes an open one. */
alb_status alb_onnx_define(alb_onnx_reading *r, alb_onnx_scope *scope, alb_str name, uint32_t *value);
/* The value of a name here or in an outer scope; ALB_MISSING. Empty names are ALB_ONNX_NONE. */
alb_status alb_onnx_resolve(alb_onnx_reading *r, alb_onnx_scope *scope, alb_str name, uint32_t *value);

/* TensorProto. *out borrows the file's bytes where it can. */
alb_status alb_onnx_read_tensor(alb_onnx_reading *r, alb_span bytes, alb_str *name, alb_onnx_tensor *out);
/* The bytes of external data: `need` bytes at `offset` of the file `location`. Maps each file once. */
alb_status alb_onnx_external(alb_onnx_reading *r, alb_str location, uint64_t offset, size_t need, alb_span *out);
/* Two tensors have the same external bytes (they are tied) or none in common: ALB_MALFORMED. Sorts the ranges. */
alb_status alb_onnx_check_ranges(alb_onnx_reading *r);
/* AttributeProto; *present is false for a reference to an attribute that the call does not have. */
alb_status alb_onnx_read_attribute(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, alb_onnx_attribute *out,
                                   bool *present);
/* All nodes of a message (field `number`) into the scope's graph; local functions are inlined. */
alb_status alb_onnx_read_nodes(alb_onnx_reading *r, alb_onnx_scope *scope, alb_wire wire,
                               const alb_wire_message *message, uint32_t number);
/* GraphProto into a new graph; *graph is its number. `outer` is NULL for the main graph. */
alb_status alb_onnx_read_graph(alb_onnx_reading *r, alb_onnx_scope *scope, alb_span bytes, uint32_t *graph);
/* A call of a local function: its body's nodes instead of `node`, which has its inputs, outputs and attributes. */
alb_status alb_onnx_inline(alb_onnx_reading *r, alb_onnx_scope *scope, const alb_onnx_function *function,
                           const alb_onnx_node *node);
/* OperatorSetIdProto, added to the list; ALB_DUPLICATE. */
alb_status alb_onnx_read_opset(alb_onnx_reading *r, alb_span bytes, alb_onnx_opset *out);

extern const alb_wire_message alb_onnx_node_message, alb_onnx_function_message;

#define ALB_WIRE_MESSAGE(id, name, ...)              \
  static const uint8_t id##_kinds[] = {__VA_ARGS__}; \
  static const alb_wire_message id = {name, sizeof id##_kinds, id##_kinds}

#endif
