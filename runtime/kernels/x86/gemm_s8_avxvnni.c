/* The int8 product with AVX-VNNI. */
#include "runtime/kernels/x86/gemm_s8_vec.h"
