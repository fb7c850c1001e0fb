/* The hash functions with AVX-512. */
#if defined(__x86_64__)
#include "base/hash_vec.h"

const alb_hash_kernel alb_hash_avx512 = ALB_HASH_KERNEL;
#else
typedef int nothing;
#endif
