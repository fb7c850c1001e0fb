/* Layer norm with NEON. */
#include "runtime/kernels/x86/norm_vec.h"
