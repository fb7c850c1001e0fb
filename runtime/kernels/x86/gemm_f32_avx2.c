/* The f32 product with AVX2. */
#include "runtime/kernels/x86/gemm_f32_vec.h"
