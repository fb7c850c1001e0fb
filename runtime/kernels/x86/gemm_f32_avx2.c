/* The f32 product with AVX2. */
#include "runtime/kernels/vec/gemm_f32_vec.h"
