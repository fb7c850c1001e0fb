/* Recognising an encoder in a trace: what the parts of it share.
 *
 * Fixed points are the products with constant matrices and the look-ups in constant tables. What lies between two of
 * them is a region; the constants in it are the candidates for biases, gammas and betas, and the numbers of the trace
 * decide which of them plays which part. So every algebraic form of a LayerNorm, an activation or an attention is the
 * same to us. */
#ifndef ALB_CONVERTER_ONNX_MATCH_H
#define ALB_CONVERTER_ONNX_MATCH_H

#include "base/vocabulary.h"
#include "converter/onnx/onnx_trace.h"

/* Where numbers of a parameter stand: a constant value, or part of it. value ALB_ONNX_NONE: there is none. */
typedef struct alb_onnx_part {
  uint32_t value;
  bool transposed;      /* a matrix that is stored [out,in]; products take [in,out] */
  uint32_t first, size; /* columns of [in,out] or elements of a vector that are taken */
  uint32_t scale, zero; /* quantised: the values of its scales and zero points; ALB_ONNX_NONE */
  bool by_product;      /* packed in a way of its own: the product of the identity matrix is the matrix */
  uint32_t node;        /* of that product */
} alb_onnx_part;

typedef enum alb_onnx_product_kind {
  ALB_ONNX_PRODUCT,   /* y[rows,n] = x[rows,k] w[k,n] (+ bias) */
  ALB_ONNX_LOOKUP,    /* y[rows,n] = table[k,n] at indices x */
  ALB_ONNX_EMBEDDING, /* EmbedLayerNormalization: tables, sum and norm in one */
  ALB_ONNX_ATTENTION  /* com.microsoft Attention: w[k,3n] and all heads; y[rows,n] is softmax(q k^T) v */
} alb_onnx_product_kind;

typedef struct alb_onnx_product {
  alb_onnx_product_kind kind;
  uint32_t node; /* in the main graph */
  uint32_t x, y; /* classes; x of a LOOKUP: the value of the indices */
  size_t rows, k, n;
  alb_onnx_part weight, bias;
  alb_activation activation; /* computed by the product itself */
  bool used;
} alb_onnx_product;

/* A LayerNorm that was found: LN(sum + bias) * gamma + beta. */
typedef struct alb_onnx_norm {
  alb_onnx_part bias, gamma, beta;
  float eps;
  uint32_t y;   /* class */
  double error; /* of the formula on the trace */
} alb_onnx_norm;

typedef struct alb_onnx_matched_layer {
  alb_onnx_part query_w, query_b, key_w, key_b, value_w, value_b, output_w, output_b;
  alb_onnx_part up_w, up_b, down_w, down_b;
  alb_onnx_norm attention_norm, ffn_norm;
} alb_onnx_matched_layer;

/* What was recognised. Parts whose value is ALB_ONNX_NONE are not there. */
typedef struct alb_onnx_encoder {
  size_t hidden, embedding, heads, intermediate, classes, mlm_width;
  alb_activation activation;
  alb_onnx_part word, type, position, projection_w, projection_b;
  alb_onnx_norm embed_norm;
  ALB_VEC(alb_onnx_matched_layer) layers;
  alb_onnx_part pooler_w, pooler_b, classifier_w, classifier_b, span_w, span_b;
  alb_onnx_part mlm_dense_w, mlm_dense_b, mlm_decoder_w, mlm_decoder_b;
  alb_onnx_norm mlm_norm;
  bool token_classes;
  alb_pooling pooling; /* of an output that is one vector; ALB_POOL_NONE */
  bool normalize;
  uint32_t pooled_value;                                          /* of the output that pooling and normalize explain */
  uint32_t span_columns[2];                                       /* outputs that are the starts and the ends alone */
  uint32_t hidden_value;                                          /* that holds the last hidden state */
  uint32_t pooler_value, classifier_value, span_value, mlm_value; /* what heads give, before any cut */
} alb_onnx_encoder;

typedef struct alb_onnx_match {
  alb_diag *diag;
  const alb_onnx_model *model;
  alb_onnx_trace *trace;
  size_t tokens;
  const int64_t *ids, *type_ids; /* [tokens], what was fed */
  bool fixed;                    /* the graph takes sequences of one length only */
  double tolerance;
  ALB_VEC(alb_onnx_product) products; /* in the order of the nodes */
  uint32_t *product_of;               /* [nodes] index in products, ALB_ONNX_NONE, or ALB_ONNX_INSIDE */
  bool *feeds_product, *is_output;    /* [values] of a class */
  uint32_t *reached;                  /* [values] the last walk that reached a class */
  uint32_t *user_begin, *users; /* [values + 1], nodes that use a value: users[user_begin[v] .. user_begin[v + 1]) */
  uint32_t walk;
  size_t order; /* in which the layers before have query, key and value: match_attention.c */
  alb_onnx_encoder *out;
} alb_onnx_match;

#define ALB_ONNX_INSIDE (UINT32_MAX - 1) /* a node that belongs to a product of several nodes */

extern const alb_onnx_part alb_onnx_no_part;

static inline const alb_onnx_node *alb_match_node(const alb_onnx_match *m, uint32_t node) {
  return &m->model->graphs.items[0].nodes.items[node];
}

static inline size_t alb_match_count(const alb_onnx_match *m, uint32_t value) {
  return m->trace->tensors[value].count;
}

/* Is the value a constant of floats with so many elements? */
bool alb_match_is_vector(const alb_onnx_match *m, uint32_t value, size_t count);
alb_onnx_part alb_match_whole(uint32_t value);

/* Finds all products and look-ups. (match_products.c) */
alb_status alb_match_products(alb_onnx_match *m);

/* ---- regions (match_region.c) ---- */

enum { ALB_MATCH_VECTORS = 12 };

/* A walk from classes forward through nodes that are no products, in the order of the nodes. */
typedef struct alb_onnx_region {
  alb_onnx_match *m;
  size_t next;                              /* node to look at */
  size_t width;                             /* constants of that many elements are collected */
  alb_onnx_part vectors[ALB_MATCH_VECTORS]; /* different ones */
  size_t vector_count;
  float eps[8]; /* small positive scalars, and epsilons of nodes */
  size_t eps_count;
} alb_onnx_region;

void alb_region_begin(alb_onnx_region *region, alb_onnx_match *m, size_t width);
void alb_region_add(alb_onnx_region *region, uint32_t class_of); /* where the walk starts */
/* The next node that sees a reached class: its outputs are reached then, its constants collected. A product is
 * returned too, when its x is reached, but not walked through. ALB_ONNX_NONE: the end. */
uint32_t alb_region_next(alb_onnx_region *region);
bool alb_region_reached(const alb_onnx_region *region, uint32_t value);

/* ---- numbers (match_numbers.c); all errors are largest difference / largest magnitude ---- */

typedef struct alb_onnx_matrix {
  const float *p; /* [rows][width] */
  size_t rows, width;
} alb_onnx_matrix;

/* The numbers of a value as rows of `width`. */
alb_status alb_match_matrix(alb_onnx_match *m, uint32_t value, size_t width, alb_onnx_matrix *out);
/* The numbers of a part that is a vector. */
alb_status alb_match_vector(alb_onnx_match *m, const alb_onnx_part *part, const float **out);
double alb_match_error(const float *a, const float *b, size_t n);

/* ---- parts of an encoder; each fills m->out and fails with ALB_UNSUPPORTED naming node and expectation ---- */

/* Finds LN(base + bias) among the values that `start` reaches. base: [rows][width]. *found false: there is none. */
alb_status alb_match_norm(alb_onnx_match *m, uint32_t start, const float *base, size_t rows, size_t width,
                          alb_onnx_norm *out, bool *found);
/* Adds the bias that follows class y, when there is one: *biased is the class of the sum, else y. */
alb_status alb_match_bias(alb_onnx_match *m, uint32_t y, size_t width, alb_onnx_part *bias, uint32_t *biased);
/* The activation between a product and class `target` (ALB_ONNX_NONE: any value that it reaches), with its bias.
 * *activation before: the only one that is looked for, or ALB_ACT_NONE for any. */
alb_status alb_match_activation(alb_onnx_match *m, const alb_onnx_product *from, uint32_t target, alb_onnx_part *bias,
                                alb_activation *activation, uint32_t *y, bool *found);

alb_status alb_match_embeddings(alb_onnx_match *m, uint32_t *x);
/* *found false: no attention stands on x, so the encoder ends here. */
alb_status alb_match_layer(alb_onnx_match *m, uint32_t x, uint32_t *y, bool *found);
alb_status alb_match_heads(alb_onnx_match *m, uint32_t x);

/* The whole of it: products, embeddings, layers, heads. */
alb_status alb_match_encoder(alb_onnx_match *m);
void alb_match_free(alb_onnx_match *m);

/* ALB_UNSUPPORTED: "NODE: what". */
alb_status alb_match_refuse(const alb_onnx_match *m, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
