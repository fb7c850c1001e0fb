/* Layer norm with AVX2. */
#include "runtime/kernels/x86/norm_vec.h"
