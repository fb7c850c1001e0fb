/* Activation functions with AVX2. */
#include "runtime/kernels/variants.h"
#include "runtime/kernels/x86/math_avx2.h"

void alb_activate_avx2(const alb_activate *g) {
  const size_t whole = g->n / 8 * 8, rest = g->n - whole;
  activate_vectors(g->activation, g->x, g->out, whole);
  float last[8] = {0};
  for (size_t i = 0; i < rest; i++) last[i] = g->x[whole + i];
  activate_vectors(g->activation, last, last, 8);
  for (size_t i = 0; i < rest; i++) g->out[whole + i] = last[i];
}
