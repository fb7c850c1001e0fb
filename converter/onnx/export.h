/* A model on its way to an ONNX file: nodes and initializers as structs, named and shared, before
 * they are bytes. Internal to converter/onnx; write_onnx.c is the way in.
 *
 * Values of the graph become ONNX values so (B: batch_size, S: sequence_length):
 *   indices[tokens] -> int64 [B,S]     [tokens,W] and [rows,W] -> f32 [B,S,W]     [sequences,W] -> f32 [B,W] */
#ifndef ALB_CONVERTER_ONNX_EXPORT_H
#define ALB_CONVERTER_ONNX_EXPORT_H

#include "converter/convert.h"
#include "converter/package.h"

enum { ALB_OUT_OPSET_MIN = 17, ALB_OUT_OPSET_MAX = 21, ALB_OUT_IN = 8, ALB_OUT_OUT = 3, ALB_OUT_ATTRS = 4 };

/* TensorProto.DataType */
enum { ALB_OUT_F32 = 1, ALB_OUT_I8 = 3, ALB_OUT_I64 = 7, ALB_OUT_BOOL = 9, ALB_OUT_F16 = 10, ALB_OUT_BF16 = 16 };

/* An attribute: of its kind, one member is set. */
typedef struct alb_out_attr {
  const char *name;
  enum { ALB_OUT_ATTR_INT, ALB_OUT_ATTR_FLOAT, ALB_OUT_ATTR_TEXT, ALB_OUT_ATTR_INTS, ALB_OUT_ATTR_TENSOR } kind;
  int64_t i;
  float f;
  const char *text;
  const int64_t *i64s; /* INTS; TENSOR: [count], or the only one as a scalar; NULL: the scalar f */
  size_t count;
  bool scalar;
} alb_out_attr;

#define ALB_OUT_INT(key, value) ((alb_out_attr){.name = (key), .kind = ALB_OUT_ATTR_INT, .i = (value)})
#define ALB_OUT_FLOAT(key, value) ((alb_out_attr){.name = (key), .kind = ALB_OUT_ATTR_FLOAT, .f = (value)})
#define ALB_OUT_TEXT(key, value) ((alb_out_attr){.name = (key), .kind = ALB_OUT_ATTR_TEXT, .text = (value)})

/* All texts are in the export's arena or static. */
typedef struct alb_out_node {
  const char *op, *domain; /* domain NULL: the standard one */
  const char **inputs;
  size_t input_count, output_count, attr_count;
  const char *outputs[ALB_OUT_OUT];
  alb_out_attr attrs[ALB_OUT_ATTRS];
} alb_out_node;

/* Where nodes go: the graph, or the body of a local function. */
typedef struct alb_out_block {
  ALB_VEC(alb_out_node) nodes;
  alb_strmap names; /* of all values: none is used twice */
} alb_out_block;

/* A weight that is stored once. rank 1 or 2. */
typedef struct alb_initializer {
  const char *name;
  alb_dtype dtype;
  size_t rank;
  uint64_t dims[2];
  uint32_t blob;
  bool is_scale; /* of an int8 weight */
} alb_initializer;

/* What a weight is for decides how it is stored. */
typedef enum alb_weight_use {
  ALB_WEIGHT_VECTOR, /* [W] */
  ALB_WEIGHT_MATRIX, /* [in,out], or [out,in] (export_weights.c) */
  ALB_WEIGHT_TABLE   /* [rows,width] */
} alb_weight_use;

/* What the nodes of all functions, calls counted each, do with a blob. */
typedef struct alb_blob_use {
  bool is_table;
  uint32_t products;
} alb_blob_use;

/* A weight as nodes see it. A float matrix or vector is ready to use; a table is as it is stored. */
typedef struct alb_out_weight {
  const char *name;
  const char *scale; /* of int8: a table's rows, a matrix' outputs; NULL: name is ready to use */
  alb_dtype dtype;   /* of what `name` is */
  bool as_rows;      /* a matrix that `name` has as [out,in] */
  uint32_t blob;
  alb_weight_use use;
} alb_out_weight;

/* A local function: a body that calls name. */
typedef struct alb_out_function {
  const char *name;
  const char **inputs; /* the callee's inputs, the bias of masks, its parameters, their scales */
  size_t input_count;
  const char *output;
  alb_out_block body;
} alb_out_function;

/* A value of the interface: dims < 0 are batch_size and sequence_length, as -1 and -2. */
typedef struct alb_out_port {
  const char *name;
  int type; /* ALB_OUT_F32, ALB_OUT_I64 */
  size_t rank;
  int64_t dims[3];
} alb_out_port;

/* Start with alb_export_build; alb_export_free at the end, also after a failure. */
typedef struct alb_export {
  alb_diag *diag;
  alb_arena *arena; /* borrowed */
  const alb_package *package;
  alb_onnx_options options; /* with the defaults filled in */
  alb_out_block graph;
  ALB_VEC(alb_initializer) initializers;
  alb_strmap initializer_keys; /* blob and shape; the index is the initializer's */
  ALB_VEC(alb_out_weight) weights;
  alb_strmap weight_keys; /* blobs, use and shape; the index is the weight's */
  ALB_VEC(alb_out_function *) functions;
  ALB_VEC(alb_out_port) inputs;
  ALB_VEC(alb_out_port) outputs;
  const alb_blob_use *uses; /* [blobs] */
  const char *mask;         /* attention_mask as f32 [B,S] */
  bool failed;              /* memory was not to be had for a name or a node */
} alb_export;

/* One function of the graph while its nodes are emitted. */
typedef struct alb_scope {
  alb_export *model;
  alb_out_block *block;
  const alb_function *function;
  const alb_type *types;            /* of the function's values */
  const char **values;              /* names, by value id */
  const alb_set *set;               /* bound tensors, when the body is inlined; else NULL */
  const alb_out_weight *parameters; /* formal ones, in the body of a local function; else NULL */
  const char *prefix;               /* of names: "layer.3/" */
  const char *bias;                 /* f32 [B,1,1,S]: 0, or the lowest number for padding */
  const char *(*quantized)[3];      /* by value id: int8 rows, scale, zero point; NULL: not made yet */
} alb_scope;

/* ---- names and nodes (export_nodes.c). Failures for lack of memory stay in model->failed. ---- */

/* A name nobody has in the block: `text`, cleaned, or with a number behind it. */
const char *alb_export_name(alb_export *model, alb_out_block *block, alb_str text);
/* Appends a node with `outputs` results whose names it makes; they go to out. inputs ends with NULL. */
void alb_export_node(alb_scope *s, const char *op, const char *const *inputs, const alb_out_attr *attrs,
                     size_t attr_count, size_t outputs, const char **out);
/* The same with one result and up to one attribute (attr.name NULL: none). */
const char *alb_export_op(alb_scope *s, const char *op, alb_out_attr attr, const char *const *inputs);
/* Constants, each once in a block. */
const char *alb_export_f32(alb_scope *s, float value);
const char *alb_export_i64(alb_scope *s, int64_t value); /* a scalar */
const char *alb_export_i64s(alb_scope *s, const int64_t *values, size_t count);

#define ALB_EMIT(s, op, ...) \
  alb_export_op((s), (op), (alb_out_attr){.name = NULL}, (const char *const[]){__VA_ARGS__, NULL})
#define ALB_EMIT_WITH(s, op, attr, ...) alb_export_op((s), (op), (attr), (const char *const[]){__VA_ARGS__, NULL})
#define ALB_I64S(s, ...) \
  alb_export_i64s((s), (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* ---- weights (export_weights.c) ---- */

alb_weight_use alb_operand_use(const alb_node *node, size_t operand);
/* Fills model->uses. */
alb_status alb_export_find_uses(alb_export *model);
/* A tensor as a weight of the graph: an initializer, and the node that makes it f32, each once. */
alb_status alb_export_weight(alb_export *model, uint32_t tensor, alb_weight_use use, alb_out_weight *out);
/* The weight behind an operand of a node. */
alb_status alb_scope_weight(alb_scope *s, const alb_node *node, size_t operand, alb_out_weight *out);

/* ---- operators (export_ops.c) ---- */

/* Emits the nodes of one node of the graph; *out is the name of its value. */
alb_status alb_export_operator(alb_scope *s, const alb_node *node, const char **out);

/* ---- functions (export_graph.c) ---- */

/* Emits all nodes of s->function, whose inputs are in s->values; *out is its output. */
alb_status alb_export_body(alb_scope *s, const char **out);
/* A call: the callee's nodes, or one node that calls a local function. */
alb_status alb_export_call(alb_scope *s, const alb_node *node, const char **out);
/* The whole model, in *out (zero before). */
alb_status alb_export_build(alb_diag *diag, alb_arena *arena, const alb_package *package,
                            const alb_onnx_options *options, alb_export *out);
void alb_export_free(alb_export *model);

/* ---- the file (export_file.c) ---- */

/* What a file has, or would have. */
typedef struct alb_export_size {
  uint64_t file, data; /* of OUT.onnx and of OUT.onnx.data (0: there is none) */
  uint64_t weights;    /* bytes of the initializers */
} alb_export_size;

/* The exact sizes; then the file, and the data beside it, whole or not at all. */
alb_status alb_export_measure(alb_export *model, const char *path, alb_export_size *out);
alb_status alb_export_write(alb_export *model, const char *path, bool replace);

#endif
