/* The int8 product with the dot product instruction. */
#include "runtime/kernels/arm/gemm_s8_arm.h"
