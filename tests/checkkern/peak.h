/* Loops of nothing but fused multiply-adds. */
#ifndef ALB_TESTS_PEAK_H
#define ALB_TESTS_PEAK_H

enum { FMA_LOOP_ROUNDS = 2000 };
#define FMA_LOOP_FLOPS(lanes) (FMA_LOOP_ROUNDS * 12 * 2.0 * (lanes))

/* FMA_LOOP_FLOPS of 8, of 16 and of twice 4 lanes. */
float fma_loop_avx2(void);
float fma_loop_avx512(void);
float fma_loop_neon(void);

#endif
