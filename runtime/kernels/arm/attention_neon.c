/* Attention of one head with NEON. */
#include "runtime/kernels/x86/attention_vec.h"
