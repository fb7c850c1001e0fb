/* Content hashes (XXH3 of xxhash), canonical byte order: equal on every machine. */
#define XXH_STATIC_LINKING_ONLY /* the streaming state on the stack */
#include "base/hash.h"

#include <xxhash.h>

static alb_hash128 canonical(XXH128_hash_t value) {
  XXH128_canonical_t digest;
  alb_hash128 hash;
  XXH128_canonicalFromHash(&digest, value);
  memcpy(hash.bytes, digest.digest, sizeof hash.bytes);
  return hash;
}

alb_hash128 alb_hash_bytes(alb_span bytes) {
  return canonical(XXH3_128bits(bytes.p, bytes.n));
}

alb_hash128 alb_hash_pieces(const alb_span *pieces, size_t count) {
  XXH3_state_t state;
  (void)XXH3_128bits_reset(&state);
  for (size_t i = 0; i < count; i++) (void)XXH3_128bits_update(&state, pieces[i].p, pieces[i].n);
  return canonical(XXH3_128bits_digest(&state));
}

uint64_t alb_hash64_bytes(alb_span bytes) {
  return XXH3_64bits(bytes.p, bytes.n);
}

alb_hash128 alb_hash_steps(alb_span bytes, size_t step, void (*done)(alb_span piece)) {
  XXH3_state_t state;
  alb_span piece;
  (void)XXH3_128bits_reset(&state);
  while (alb_span_take(&bytes, bytes.n < step ? bytes.n : step, &piece) && piece.n) {
    (void)XXH3_128bits_update(&state, piece.p, piece.n);
    done(piece);
  }
  return canonical(XXH3_128bits_digest(&state));
}

void alb_hash_hex(const alb_hash128 *hash, char out[33]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    out[2 * i] = digits[hash->bytes[i] >> 4];
    out[2 * i + 1] = digits[hash->bytes[i] & 15];
  }
  out[32] = '\0';
}
