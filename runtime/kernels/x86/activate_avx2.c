/* Activation functions with AVX2. */
#include "runtime/kernels/x86/activate_vec.h"
