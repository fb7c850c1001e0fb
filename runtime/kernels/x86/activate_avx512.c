/* Activation functions with AVX-512. */
#include "runtime/kernels/x86/activate_vec.h"
