/* The layers of a rolled graph as arrays of numbers, whatever fusions did to their parameters, and back. */
#ifndef ALB_TUNE_LAYER_VIEW_H
#define ALB_TUNE_LAYER_VIEW_H

#include "passes/layer_table.h"
#include "tune/align.h"

/* What a layer has: matrices and biases in the order of alb_align_matrix, then norms. */
enum {
  ALB_VIEW_BIAS = ALB_ALIGN_MATRICES, /* of matrix m: ALB_VIEW_BIAS + m */
  ALB_VIEW_ATTENTION_GAMMA = 2 * ALB_ALIGN_MATRICES,
  ALB_VIEW_ATTENTION_BETA,
  ALB_VIEW_FFN_GAMMA,
  ALB_VIEW_FFN_BETA,
  ALB_VIEW_PARTS
};

enum { ALB_VIEW_MAX_FIELDS = 20, ALB_VIEW_NONE = -1 };

/* A field is a parameter of the layer function with one part, or with three after each other (fused). */
typedef struct alb_layer_view {
  alb_graph *graph;
  const alb_layer_table *table;
  int parameter[ALB_VIEW_MAX_FIELDS]; /* of each field, or ALB_VIEW_NONE */
  alb_align_dims dims;
  alb_activation activation;
  float attention_eps, ffn_eps;
  bool attention, ffn; /* the block is the one that we know, with all its parts in the sizes that they should have */
} alb_layer_view;

/* The numbers of one layer; alb_layer_values_free at the end. part[i] points into a field; NULL: there is none. */
typedef struct alb_layer_values {
  float *field[ALB_VIEW_MAX_FIELDS];
  float *part[ALB_VIEW_PARTS];
} alb_layer_values;

/* Looks at the layer function: attention(linear, linear, linear), linear; linear, activation, linear; norms of the
 * sums with the residuals. Blocks of which that isn't true are marked as not known. All is borrowed. */
void alb_layer_view_open(alb_graph *graph, const alb_layer_table *table, alb_layer_view *out);
/* The field that holds a part, or ALB_VIEW_NONE. */
int alb_layer_view_field(const alb_layer_view *view, int part);
bool alb_layer_view_is_ffn(int field);
bool alb_layer_view_is_norm(int field);

/* Reads the blocks that are known and wanted from `tensors`: an array as table->tensors. Errors: ALB_MEMORY. */
alb_status alb_layer_view_load(alb_diag *diag, const alb_layer_view *view, const uint32_t *tensors, size_t layer,
                               bool attention, bool ffn, alb_layer_values *out);
/* Binds the numbers of a field to the layer, as a new f32 tensor. */
alb_status alb_layer_view_store(alb_diag *diag, const alb_layer_view *view, size_t layer, int field,
                                const float *values);
void alb_layer_values_free(alb_layer_values *values);

#endif
