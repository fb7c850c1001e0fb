/* Content hashes (XXH3 of xxhash), canonical byte order: equal on every machine. */
#define XXH_STATIC_LINKING_ONLY /* the streaming state on the stack */
#include "base/hash.h"

#include <xxhash.h>

#include "base/hash_kernel.h"

static void store(XXH128_hash_t value, uint8_t canonical[16]) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, value);
  memcpy(canonical, digest.digest, sizeof digest.digest);
}

static uint64_t hash64(const void *bytes, size_t n) {
  return XXH3_64bits(bytes, n);
}

static void hash128(const void *bytes, size_t n, uint8_t canonical[16]) {
  store(XXH3_128bits(bytes, n), canonical);
}

static void update128(void *state, const void *bytes, size_t n) {
  (void)XXH3_128bits_update(state, bytes, n);
}

/* The library's own are of the oldest width that its build had. */
static const alb_hash_kernel library = {hash64, hash128, update128};

const alb_hash_kernel *alb_hash_kernel_of(alb_wide wide) {
#if defined(__x86_64__)
  if (wide >= ALB_WIDE_AVX512) return &alb_hash_avx512;
  if (wide >= ALB_WIDE_AVX2) return &alb_hash_avx2;
#endif
  (void)wide;
  return &library;
}

static const alb_hash_kernel *best(void) {
  return alb_hash_kernel_of(alb_wide_best());
}

alb_hash128 alb_hash_bytes(alb_span bytes) {
  alb_hash128 hash;
  best()->hash128(bytes.p, bytes.n, hash.bytes);
  return hash;
}

alb_hash128 alb_hash_pieces(const alb_span *pieces, size_t count) {
  XXH3_state_t state;
  alb_hash128 hash;
  (void)XXH3_128bits_reset(&state);
  for (size_t i = 0; i < count; i++) best()->update128(&state, pieces[i].p, pieces[i].n);
  store(XXH3_128bits_digest(&state), hash.bytes);
  return hash;
}

uint64_t alb_hash64_bytes(alb_span bytes) {
  return best()->hash64(bytes.p, bytes.n);
}

alb_hash128 alb_hash_steps(alb_span bytes, size_t step, void (*done)(alb_span piece)) {
  XXH3_state_t state;
  alb_span piece;
  alb_hash128 hash;
  (void)XXH3_128bits_reset(&state);
  while (alb_span_take(&bytes, bytes.n < step ? bytes.n : step, &piece) && piece.n) {
    best()->update128(&state, piece.p, piece.n);
    done(piece);
  }
  store(XXH3_128bits_digest(&state), hash.bytes);
  return hash;
}

void alb_hash_hex(const alb_hash128 *hash, char out[33]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    out[2 * i] = digits[hash->bytes[i] >> 4];
    out[2 * i + 1] = digits[hash->bytes[i] & 15];
  }
  out[32] = '\0';
}
