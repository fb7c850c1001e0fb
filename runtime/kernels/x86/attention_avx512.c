/* Attention of one head with AVX-512. */
#include "runtime/kernels/vec/attention_vec.h"
