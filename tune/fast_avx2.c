/* What training spends its time with, with AVX2: twelve sums in registers. */
#if defined(__x86_64__)
#define ALB_TILE_ROWS 6
#define ALB_TILE_LANES 1
#include "tune/fast_vec.h"

const alb_fast alb_fast_avx2 = ALB_FAST(2 * ALB_TILE_ROWS);
#else
typedef int nothing;
#endif
