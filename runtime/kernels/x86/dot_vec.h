/* The dot product of bytes that the including file's instruction set has. */
#ifndef ALB_KERNELS_DOT_VEC_H
#define ALB_KERNELS_DOT_VEC_H

/* Four consecutive k of a column, the smallest piece of packed int8 weights. */
enum { DOT_QUAD = 4 };

#if defined(__AVX512VNNI__)
#include "runtime/kernels/x86/dot_vnni.h"
#elif defined(__AVXVNNI__)
#include "runtime/kernels/x86/dot_avxvnni.h"
#else
#include "runtime/kernels/x86/dot_avx2.h"
#endif

#endif
