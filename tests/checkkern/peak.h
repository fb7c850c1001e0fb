/* Loops of nothing but fused multiply-adds. */
#ifndef ALB_TESTS_PEAK_H
#define ALB_TESTS_PEAK_H

enum { FMA_LOOP_ROUNDS = 2000 };
#define FMA_LOOP_FLOPS (FMA_LOOP_ROUNDS * 12 * 8 * 2.0)

float fma_loop_avx2(void); /* FMA_LOOP_FLOPS operations */

#endif
