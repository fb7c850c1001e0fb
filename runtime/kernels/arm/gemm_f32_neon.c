/* The f32 product with NEON. */
#include "runtime/kernels/vec/gemm_f32_vec.h"
