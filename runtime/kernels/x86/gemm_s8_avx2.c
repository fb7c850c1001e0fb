/* The int8 product with AVX2. */
#include "runtime/kernels/x86/gemm_s8_vec.h"
