/* The hash functions with AVX2. */
#if defined(__x86_64__)
#include "base/hash_vec.h"

const alb_hash_kernel alb_hash_avx2 = ALB_HASH_KERNEL;
#else
typedef int nothing;
#endif
