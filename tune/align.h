/* Alignment: a layer is written in other coordinates, in which it is as near as can be to another one, and still
 * computes the same.
 *
 * What may be changed without changing the function: the order of the FFN's neurons, the order of the heads, and
 * within a head a rotation of query and key together and one of value and output together. That holds where nothing
 * stands between query and key but their product: not for rotary or relative positions. */
#ifndef ALB_TUNE_ALIGN_H
#define ALB_TUNE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* hidden is a multiple of heads; inner neurons. */
typedef struct alb_align_dims {
  size_t hidden, heads, inner;
} alb_align_dims;

/* The matrices of a layer, in this order everywhere. */
typedef enum alb_align_matrix {
  ALB_ALIGN_QUERY,  /* [hidden, hidden] */
  ALB_ALIGN_KEY,    /* the same */
  ALB_ALIGN_VALUE,  /* the same */
  ALB_ALIGN_OUTPUT, /* the same */
  ALB_ALIGN_UP,     /* [inner, hidden] */
  ALB_ALIGN_DOWN,   /* [hidden, inner] */
  ALB_ALIGN_MATRICES
} alb_align_matrix;

/* bias[ALB_ALIGN_OUTPUT] and bias[ALB_ALIGN_DOWN] are not looked at; biases may be NULL (none). */
typedef struct alb_align_layer {
  float *matrix[ALB_ALIGN_MATRICES];
  float *bias[ALB_ALIGN_MATRICES];
} alb_align_layer;

/* Elements of a matrix, and of its bias. */
size_t alb_align_elements(const alb_align_dims *dims, alb_align_matrix matrix);
size_t alb_align_rows(const alb_align_dims *dims, alb_align_matrix matrix);

/* Turns and orders the heads of `layer` towards those of `reference`. Errors: ALB_MEMORY. */
alb_status alb_align_heads(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *reference,
                           const alb_align_layer *layer);
/* Orders the neurons of `layer` towards those of `reference`; more than ALB_ASSIGN_MAX of them stay as they are.
 * Errors: ALB_MEMORY. */
alb_status alb_align_neurons(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *reference,
                             const alb_align_layer *layer);
/* What is aligned. A block that is not is not looked at: its matrices may be NULL. */
enum { ALB_ALIGN_ATTENTION = 1, ALB_ALIGN_FFN = 2 };

/* Aligns these blocks of each of n layers but layers[reference], on one thread.
 * Errors: ALB_MEMORY; ALB_UNSUPPORTED when products of the weights are too large for numbers. */
alb_status alb_align_layers(alb_diag *diag, const alb_align_dims *dims, unsigned blocks, const alb_align_layer *layers,
                            size_t n, size_t reference);

/* rho[matrix]: the share of the energy of n layers' matrices that their mean explains: n |mean|^2 / sum |W|^2.
 * 1: all equal; unrelated layers: 1 / n. 0 where all are zero. */
void alb_align_rho(const alb_align_dims *dims, const alb_align_layer *layers, size_t n, double rho[ALB_ALIGN_MATRICES]);
/* The chance level of alignment: rho after the same alignment of matrices of normally distributed random numbers, each
 * with the root of mean square of the layer's own. Alignment fits noise too, so rho of aligned layers means something
 * only beside it. The same seed gives the same numbers. Errors: ALB_MEMORY. */
alb_status alb_align_null(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *layers, size_t n,
                          size_t reference, uint64_t seed, double rho[ALB_ALIGN_MATRICES]);

#endif
