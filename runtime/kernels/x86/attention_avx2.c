/* Attention of one head with AVX2. */
#include "runtime/kernels/vec/attention_vec.h"
