/* Layer norm with AVX-512. */
#include "runtime/kernels/x86/norm_vec.h"
