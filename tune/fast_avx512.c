/* What training spends its time with, with AVX-512: twenty-eight sums in registers. */
#if defined(__x86_64__)
#define ALB_TILE_ROWS 14
#define ALB_TILE_LANES 2
#include "tune/fast_vec.h"

const alb_fast alb_fast_avx512 = ALB_FAST(ALB_TILE_ROWS);
#else
typedef int nothing;
#endif
