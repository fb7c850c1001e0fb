/* Prototypes of every implementation of every kernel, from variants.def. */
#ifndef ALB_KERNELS_VARIANTS_H
#define ALB_KERNELS_VARIANTS_H

#include "runtime/kernels/kernels.h"

/* The argument type of a slot, by name: alb_args_of_gemm_f32 is alb_gemm_f32. */
#define ALB_KERNEL(slot, args) typedef args alb_args_of_##slot;
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL

#define ALB_VARIANT(slot, isa) void alb_##slot##_##isa(const alb_args_of_##slot *args);
#include "runtime/kernels/variants.def"
#undef ALB_VARIANT

#endif
