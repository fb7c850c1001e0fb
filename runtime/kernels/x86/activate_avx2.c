/* Activation functions with AVX2. */
#include "runtime/kernels/vec/activate_vec.h"
