/* Products of f32 matrices, one side of which is cut into panels first, once for all products with it. Same bits on
 * every machine: each number is one chain of fused multiply-adds along k. */
#ifndef ALB_TUNE_PANELS_H
#define ALB_TUNE_PANELS_H

#include "tune/fast.h"

/* A matrix where it lies: at[row * down + column * across]. */
typedef struct alb_grid {
  const float *at;
  size_t down, across;
} alb_grid;

/* Numbers that a [k, n] matrix takes in panels: n rounded up. Does not overflow where 32 k n does not. */
size_t alb_panels_room(size_t k, size_t n);
/* Cuts b [k, n] into panels of ALB_PANEL columns, [panel][k][ALB_PANEL]; the last is filled with zeros. */
void alb_panels_pack(alb_grid b, size_t k, size_t n, float *panels);
/* c [m, n], rows c_row apart, = (or, when `add`, +=) a [m, k] times what is in the panels. scratch: m k numbers. */
void alb_panels_multiply(alb_grid a, size_t m, size_t k, const float *panels, size_t n, bool add, float *scratch,
                         float *c, size_t c_row);

/* Numbers of scratch for the product of an [m, k] and a [k, n] matrix, neither in panels. */
size_t alb_grids_room(size_t m, size_t k, size_t n);
/* c [m, n], rows c_row apart, = (or +=) a [m, k] b [k, n]. */
void alb_grids_multiply(alb_grid a, alb_grid b, size_t m, size_t k, size_t n, bool add, float *scratch, float *c,
                        size_t c_row);

/* Numbers of scratch for a product with x[rows, k] on threads. */
size_t alb_panels_rows_room(size_t k);
/* out[rows, n] = x[rows, k] times what is in the panels, + bias[n] where this is not NULL; on threads. */
void alb_panels_rows(const float *x, size_t rows, size_t k, const float *panels, const float *bias, size_t n,
                     float *scratch, float *out);

#endif
