/* Activation functions. */
#ifndef ALB_KERNELS_ACTIVATE_VEC_H
#define ALB_KERNELS_ACTIVATE_VEC_H

#include "runtime/kernels/variants.h"
#include "runtime/kernels/vec/math_vec.h"

void VEC_NAME(activate)(const alb_activate *g) {
  const size_t whole = g->n / VEC_LANES * VEC_LANES, rest = g->n - whole;
  activate_vectors(g->activation, g->x, g->out, whole);
  float last[VEC_LANES] = {0};
  for (size_t i = 0; i < rest; i++) last[i] = g->x[whole + i];
  activate_vectors(g->activation, last, last, VEC_LANES);
  for (size_t i = 0; i < rest; i++) g->out[whole + i] = last[i];
}

#endif
