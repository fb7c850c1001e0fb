/* Activation functions with NEON. */
#include "runtime/kernels/vec/activate_vec.h"
