/* Attention of one head with NEON. */
#include "runtime/kernels/vec/attention_vec.h"
