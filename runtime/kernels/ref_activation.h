/* The activation functions in plain C, as every reference kernel uses them. */
#ifndef ALB_KERNELS_REF_ACTIVATION_H
#define ALB_KERNELS_REF_ACTIVATION_H

#include "base/vocabulary.h"

/* act(x), computed in double and rounded once. */
float alb_ref_activation(alb_activation activation, float x);

#endif
