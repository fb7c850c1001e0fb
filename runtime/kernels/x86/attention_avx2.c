/* Attention of one head with AVX2. */
#include "runtime/kernels/x86/attention_vec.h"
