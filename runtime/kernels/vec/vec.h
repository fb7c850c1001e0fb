/* One vector of floats, as wide as the instruction set that the including file is compiled for has it. The kernels
 * in *_vec.h are written once over these names, and each NAME_ISA.c makes one of them (cmake/isa.cmake has the flags).
 */
#ifndef ALB_KERNELS_VEC_H
#define ALB_KERNELS_VEC_H

#if defined(__ARM_NEON)
#include "runtime/kernels/arm/vec_neon.h"
#elif defined(__AVX512F__)
#include "runtime/kernels/x86/vec_avx512.h"
#else
#include "runtime/kernels/x86/vec_avx2.h"
#endif

#endif
