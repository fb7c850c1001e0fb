/* Attention of one head with AVX-512. */
#include "runtime/kernels/x86/attention_vec.h"
