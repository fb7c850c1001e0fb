/* The int8 product with AVX-512 VNNI. */
#include "runtime/kernels/x86/gemm_s8_vec.h"
