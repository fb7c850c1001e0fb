/* Activation functions with AVX-512. */
#include "runtime/kernels/vec/activate_vec.h"
