/* Activation functions with NEON. */
#include "runtime/kernels/x86/activate_vec.h"
