/* The int8 product with plain NEON. */
#include "runtime/kernels/arm/gemm_s8_arm.h"
