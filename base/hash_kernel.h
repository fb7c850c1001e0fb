/* The hash functions once for each width of vectors; all give the same. */
#ifndef ALB_BASE_HASH_KERNEL_H
#define ALB_BASE_HASH_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/wide.h"

typedef struct alb_hash_kernel {
  uint64_t (*hash64)(const void *bytes, size_t n);
  void (*hash128)(const void *bytes, size_t n, uint8_t canonical[16]);
  void (*update128)(void *state, const void *bytes, size_t n); /* XXH3_state_t of the library */
} alb_hash_kernel;

#if defined(__x86_64__)
extern const alb_hash_kernel alb_hash_avx2, alb_hash_avx512;
#endif

/* The kernel of a width that alb_wide_best allows. */
const alb_hash_kernel *alb_hash_kernel_of(alb_wide wide);

#endif
