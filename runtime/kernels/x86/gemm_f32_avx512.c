/* The f32 product with AVX-512. */
#include "runtime/kernels/vec/gemm_f32_vec.h"
