/* Layer norm with NEON. */
#include "runtime/kernels/vec/norm_vec.h"
