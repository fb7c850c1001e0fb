/* Layer norm with AVX-512. */
#include "runtime/kernels/vec/norm_vec.h"
