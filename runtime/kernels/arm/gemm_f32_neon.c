/* The f32 product with NEON. */
#include "runtime/kernels/x86/gemm_f32_vec.h"
