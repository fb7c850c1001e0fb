/* What training spends its time with, in f32, once for each width of vectors: all give the same bits. Callable from any
 * thread. */
#ifndef ALB_TUNE_FAST_H
#define ALB_TUNE_FAST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vocabulary.h"
#include "base/wide.h"

enum { ALB_PANEL = 32, ALB_TILE_MOST = 14 };

/* What one step of AdamW (Loshchilov & Hutter 2019) does with each value. */
typedef struct alb_adamw_step {
  float scale;        /* of the gradient */
  float keep1, keep2; /* of the moments */
  float rate;         /* over the first moment's correction */
  float correct2;     /* 1 / the second moment's correction */
  float tiny;         /* beside its root */
  float shrink;       /* rate times decay */
} alb_adamw_step;

typedef struct alb_fast {
  size_t tile_rows; /* that a tile is fastest with, <= ALB_TILE_MOST */
  /* c[rows, ALB_PANEL] (= or, when `add`, +=) a b; a: [k][rows], b: [k][ALB_PANEL]; rows of c are c_row apart. Each
   * number is a chain of fused multiply-adds from k = 0 on, whatever the tile. */
  void (*tile)(const float *a, size_t rows, const float *b, size_t k, bool add, float *c, size_t c_row);
  /* y = activation(x), may be in place; within 1e-6 for the two forms of GELU. */
  void (*activate)(alb_activation activation, const float *x, size_t n, float *y);
  /* d *= the activation's slope at x. */
  void (*activate_back)(alb_activation activation, const float *x, size_t n, float *d);
  /* row = softmax(scale row). */
  void (*softmax)(float *row, size_t n, float scale);
  /* d: by the softmax's output p, then by what it was made of. */
  void (*softmax_back)(const float *p, size_t n, float scale, float *d);
  /* y = (x - mean) / sqrt(variance + eps) gamma + beta; without gamma and beta where these are NULL. */
  void (*norm)(const float *x, size_t n, const float *gamma, const float *beta, float eps, float *y);
  /* d: by the norm's output, then by x; dgamma and dbeta are added to. */
  void (*norm_back)(const float *x, size_t n, const float *gamma, float eps, float *dgamma, float *dbeta, float *d);
  void (*adamw)(const alb_adamw_step *step, size_t n, const float *gradients, float *values, float *first,
                float *second);
} alb_fast;

extern const alb_fast alb_fast_ref;
#if defined(__x86_64__)
extern const alb_fast alb_fast_avx2, alb_fast_avx512;
#endif

/* Those of a width that alb_wide_best allows. */
const alb_fast *alb_fast_of(alb_wide wide);
/* Those of this machine. */
const alb_fast *alb_fast_best(void);

/* An activation's slope at x. */
double alb_activation_slope(alb_activation activation, double x);

#endif
