/* An ONNX model in memory: values, nodes, constants; local functions are inlined, names kept. Everything that
 * works on ONNX sees this, never the file's bytes.
 *
 * All graphs of a model (0 is the main one, the others belong to attributes such as If's then_branch) share one
 * table of values, so a subgraph uses an outer value simply by its id.
 *
 * To change a graph: add values, constants and nodes, let other values stand for old ones (alb_onnx_forward), clear
 * or overwrite nodes in place, then call alb_onnx_settle once, which brings everything in order again. */
#ifndef ALB_CONVERTER_ONNX_GRAPH_H
#define ALB_CONVERTER_ONNX_GRAPH_H

#include "base/arena.h"
#include "base/file.h"
#include "base/vec.h"
#include "converter/onnx/onnx_tensor.h"

#define ALB_ONNX_NONE UINT32_MAX /* no value, node, constant, graph: an input that is left out, for instance */

/* Operators that are known (onnx_ops.def); any other is ALB_ONNX_OP_UNKNOWN and has only its names. */
typedef enum alb_onnx_op {
  ALB_ONNX_OP_UNKNOWN = 0,
#define ALB_ONNX_OP(id, domain, name, min_in, max_in, max_out, function) ALB_ONNX_OP_##id,
#include "converter/onnx/onnx_ops.def"
#undef ALB_ONNX_OP
  ALB_ONNX_OP_COUNT
} alb_onnx_op;

/* One dimension of a declared shape. */
typedef struct alb_onnx_dim {
  int64_t size; /* -1: symbolic or unknown */
  alb_str name; /* "batch"; empty when it has none */
} alb_onnx_dim;

typedef struct alb_onnx_value {
  alb_str name;       /* as in the file; may be empty; inside an inlined function not unique */
  uint32_t graph;     /* the graph that defines it */
  uint32_t node;      /* its node in that graph, or ALB_ONNX_NONE */
  uint32_t constant;  /* its constant, or ALB_ONNX_NONE */
  uint32_t uses;      /* by inputs of nodes (also in subgraphs) and graph outputs; set by alb_onnx_settle */
  uint32_t forward;   /* the value that stands for it, or ALB_ONNX_NONE; until alb_onnx_settle */
  alb_onnx_type type; /* as declared in the file, or ALB_ONNX_NO_TYPE */
  int32_t rank;       /* as declared, or -1 */
  alb_onnx_dim *dims; /* [rank] */
} alb_onnx_value;

typedef enum alb_onnx_attribute_kind { /* values of AttributeProto.AttributeType */
                                       ALB_ONNX_ATTR_FLOAT = 1,
                                       ALB_ONNX_ATTR_INT = 2,
                                       ALB_ONNX_ATTR_STRING = 3,
                                       ALB_ONNX_ATTR_TENSOR = 4,
                                       ALB_ONNX_ATTR_GRAPH = 5,
                                       ALB_ONNX_ATTR_FLOATS = 6,
                                       ALB_ONNX_ATTR_INTS = 7,
                                       ALB_ONNX_ATTR_STRINGS = 8,
                                       ALB_ONNX_ATTR_OTHER = 99 /* a kind that no encoder uses; only its name is kept */
} alb_onnx_attribute_kind;

typedef struct alb_onnx_attribute {
  alb_str name;
  alb_onnx_attribute_kind kind;
  size_t count; /* of floats, ints, strings */
  union {
    float f;
    int64_t i;
    alb_str s;
    const alb_onnx_tensor *tensor;
    uint32_t graph;
    const float *floats;
    const int64_t *ints;
    const alb_str *strings;
  };
} alb_onnx_attribute;

typedef struct alb_onnx_node {
  alb_str name, type, domain; /* domain "" is ai.onnx */
  alb_onnx_op op;             /* ALB_ONNX_OP_UNKNOWN with type.n == 0: cleared, alb_onnx_settle drops it */
  uint32_t opset;             /* version of its domain */
  uint32_t input_count, output_count, attribute_count, capture_count;
  uint32_t *inputs;   /* values, or ALB_ONNX_NONE where one is left out */
  uint32_t *outputs;  /* the same */
  uint32_t *captures; /* outer values that its subgraphs use */
  alb_onnx_attribute *attributes;
} alb_onnx_node;

typedef struct alb_onnx_graph {
  alb_str name;
  ALB_VEC(alb_onnx_node) nodes; /* in an order in which they can run */
  uint32_t input_count, output_count;
  uint32_t *inputs;  /* values; initialisers that are also declared as inputs are constants, not inputs */
  uint32_t *outputs; /* values; may be inputs or constants */
  uint32_t capture_count;
  uint32_t *captures; /* outer values that a subgraph used when it was read; alb_onnx_node.captures is what counts */
} alb_onnx_graph;

typedef struct alb_onnx_opset {
  alb_str domain;
  int64_t version;
} alb_onnx_opset;

/* Start with {0}; alb_onnx_model_free at the end. Borrows the bytes it was read from. */
typedef struct alb_onnx_model {
  alb_arena arena; /* names that are made, arrays of nodes, attributes */
  int64_t ir_version;
  alb_str producer, producer_version;
  ALB_VEC(alb_onnx_opset) opsets;
  ALB_VEC(alb_onnx_value) values;
  ALB_VEC(alb_onnx_tensor) constants;
  ALB_VEC(alb_onnx_graph) graphs;   /* [0] is the main graph */
  ALB_VEC(alb_onnx_tensor *) owned; /* tensors of attributes whose bytes are the model's */
  ALB_VEC(alb_file) files;          /* external data, mapped */
} alb_onnx_model;

void alb_onnx_model_free(alb_onnx_model *model);

/* Looks at the first bytes (some hundred are enough) of a file: does a ModelProto begin here? */
bool alb_looks_like_onnx(alb_span head);

/* Reads a ModelProto. `bytes` is borrowed and must outlive the model: the data of tensors is not copied, but for
 * integers that the file has as varints. `folder` is where external data may lie; NULL refuses external data.
 * Errors: ALB_MALFORMED, ALB_TRUNCATED, ALB_DUPLICATE, ALB_MISSING, ALB_LIMIT, ALB_OVERFLOW, ALB_SHAPE,
 * ALB_UNSUPPORTED (element types, opsets), ALB_IO, ALB_MEMORY. Operators that are not known are no error here. */
alb_status alb_onnx_read(alb_diag *diag, alb_span bytes, const char *folder, alb_onnx_model *out);

/* Reads one TensorProto, as files of test data hold it. *out and *name borrow `bytes`. Errors as above. */
alb_status alb_onnx_tensor_parse(alb_diag *diag, alb_span bytes, alb_str *name, alb_onnx_tensor *out);

/* ---- looking ---- */

alb_onnx_op alb_onnx_op_find(alb_str domain, alb_str type); /* ALB_ONNX_OP_UNKNOWN when not known */
const char *alb_onnx_op_name(alb_onnx_op op);               /* "Add"; "?" for UNKNOWN */
/* The constant of a value; NULL when it has none (or value is ALB_ONNX_NONE). */
const alb_onnx_tensor *alb_onnx_constant(const alb_onnx_model *model, uint32_t value);
/* The node that makes a value; NULL for inputs, constants and ALB_ONNX_NONE. */
const alb_onnx_node *alb_onnx_producer(const alb_onnx_model *model, uint32_t value);
/* NULL when the node has no such attribute. */
const alb_onnx_attribute *alb_onnx_attribute_find(const alb_onnx_node *node, const char *name);
/* The attribute's value, or `otherwise` when there is none or it is of another kind. */
int64_t alb_onnx_attr_int(const alb_onnx_node *node, const char *name, int64_t otherwise);
float alb_onnx_attr_float(const alb_onnx_node *node, const char *name, float otherwise);
alb_str alb_onnx_attr_string(const alb_onnx_node *node, const char *name, alb_str otherwise);
/* "Add node \"/layer.0/Add\"" and the like, for messages; valid until the next call with the same buffer. */
const char *alb_onnx_node_label(const alb_onnx_node *node, char buffer[300]);

/* ---- changing; false and ALB_ONNX_NONE: out of memory ---- */

uint32_t alb_onnx_add_value(alb_onnx_model *model, alb_str name, uint32_t graph);
/* Takes over what the tensor owns (also when it fails). The value has the constant's type and shape. */
uint32_t alb_onnx_add_constant(alb_onnx_model *model, alb_str name, alb_onnx_tensor *tensor);
/* Makes an existing value a constant; its node no longer produces it. Takes over what the tensor owns. */
bool alb_onnx_make_constant(alb_onnx_model *model, uint32_t value, alb_onnx_tensor *tensor);
/* Appends a node (op of domain "" or as onnx_ops.def has it) with room for that many inputs and outputs, all
 * ALB_ONNX_NONE, in the model's arena. The pointer is valid until the next append to the same graph; NULL: out of
 * memory. */
alb_onnx_node *alb_onnx_add_node(alb_onnx_model *model, uint32_t graph, alb_onnx_op op, uint32_t inputs,
                                 uint32_t outputs, uint32_t attributes);
/* From alb_onnx_settle on, every use of `value` (also as an output of a graph) is one of `by`. */
void alb_onnx_forward(alb_onnx_model *model, uint32_t value, uint32_t by);
/* Empties a node; alb_onnx_settle drops it. */
void alb_onnx_clear_node(alb_onnx_node *node);

/* Follows forwards, drops nodes whose outputs nobody uses, puts nodes into an order in which they can run (nodes that
 * are so already keep their order), sets values' nodes and uses. O(size of the model). ALB_MALFORMED: a cycle. */
alb_status alb_onnx_settle(alb_diag *diag, alb_onnx_model *model);

#endif
