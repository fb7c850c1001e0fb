/* Layer norm with AVX2. */
#include "runtime/kernels/vec/norm_vec.h"
