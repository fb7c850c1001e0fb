/* xxhash's functions inline, compiled with the flags of the file that includes them. */
#ifndef ALB_BASE_HASH_VEC_H
#define ALB_BASE_HASH_VEC_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_kernel.h"

static uint64_t alb_hash64(const void *bytes, size_t n) {
  return XXH3_64bits(bytes, n);
}

static void alb_hash128(const void *bytes, size_t n, uint8_t canonical[16]) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, n));
  memcpy(canonical, digest.digest, sizeof digest.digest);
}

static void alb_hash_update(void *state, const void *bytes, size_t n) {
  (void)XXH3_128bits_update(state, bytes, n);
}

#define ALB_HASH_KERNEL \
  { alb_hash64, alb_hash128, alb_hash_update }

#endif
